"""Addresses over HTTP as resources have them, with or without placeholders in braces: `https://s/{name}`."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from .errors import FieldError

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def placeholders(url: str) -> tuple[str, ...]:
    """What stands in braces, in order."""
    return tuple(_PLACEHOLDER.findall(url))


def problems(path: str, url: str, *, secret: str = "an Authorization header") -> Iterator[FieldError]:
    """What is wrong with the address at `path`; `secret`: what goes into one instead of a password."""
    filled = _PLACEHOLDER.sub("x", url)
    try:
        address = urlsplit(filled)
        host, _ = address.hostname, address.port
    except ValueError as wrong:
        yield FieldError(path=path, message=f"'{url}' is no address: {wrong}")
        return
    if address.scheme not in {"http", "https"} or not host or any(c <= " " for c in filled):
        yield FieldError(path=path, message=f"'{url}' is no http:// or https:// address with a host")
    if "@" in address.netloc:
        yield FieldError(path=path, message=f"has a password in it: put {secret} into a secret")
    if _PLACEHOLDER.search(url.split("://", 1)[-1].split("/", 1)[0]):
        yield FieldError(path=path, message="the host is the same for all events: no placeholder may stand there")
