"""Secrets as the operator reads them, by reference and when they are needed: for Kafka alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

from weir_api.kafka_clients import ClientPropertyError, for_librdkafka

from .topics import Authentication, NotAuthorized

Read = Callable[[str, str], Mapping[str, str]]
"""Namespace and name of a secret: its keys and values. Raises NotAuthorized, its message without any of them."""


def in_directory(directory: Path | None) -> Read:
    """Files `<directory>/<name>/<key>`, as a laptop has them; it has no namespaces."""

    def read(_: str, name: str) -> Mapping[str, str]:
        if directory is None or name in ("", ".", "..") or "/" in name:
            raise NotAuthorized(f"secret '{name}' is not there: a folder secrets/{name} with a file for each key")
        try:
            keys = [path for path in (directory / name).iterdir() if not path.name.startswith(".")]
            return {path.name: path.read_text().rstrip("\n") for path in keys}
        except (OSError, UnicodeDecodeError) as error:
            raise NotAuthorized(f"secret '{name}' cannot be read: {type(error).__name__}") from error

    return read


def authentication(read: Read, namespace: str, secret: str | None) -> Authentication | None:
    """What a client of Kafka says of itself; None where no secret is named. Raises NotAuthorized."""
    if secret is None:
        return None
    try:
        return for_librdkafka(read(namespace, secret))
    except ClientPropertyError as error:
        raise NotAuthorized(f"secret '{secret}': {error}") from error
