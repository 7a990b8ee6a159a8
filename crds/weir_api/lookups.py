"""What a pipeline asks for each event: services over HTTP, tables of a PostgreSQL database."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

from . import http_addresses
from .base import Model, PositiveDuration
from .blocks import SecretReference
from .errors import FieldError, suggestion

_DATABASE = re.compile(r"jdbc:postgresql://[^/?#@\s]+/[^/?#\s]+(\?[^#\s]*)?")
_CREDENTIALS = frozenset({"user", "password", "sslpassword", "passfile"})


class HttpLookup(Model):
    """A service that answers GET with a JSON object whose fields are the side's."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Where to ask; {name} stands for the value of a field of `on`, as in http://sessions/{sessionId}",
    )
    secret_ref: SecretReference | None = Field(
        default=None, description="HTTP headers, one per key of the secret, as in Authorization"
    )
    timeout: PositiveDuration = Field(default="1s", description="How long one try may take")
    retries: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Further tries after a failed one (network, 429, 5xx), each after a longer wait",
    )
    cache: PositiveDuration | None = Field(
        default=None, description="How long an answer is used again; default: every event asks"
    )
    on_error: Literal["null", "deadLetter"] = Field(
        default="null",
        description="After the last try: null: the event leaves without the side; deadLetter: it is a dead letter",
    )

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in braces, in order, each once."""
        return tuple(dict.fromkeys(http_addresses.placeholders(self.url)))

    def problems(self, path: str, on: Mapping[str, str]) -> Iterator[FieldError]:
        """What is wrong with it; `on`: the names its URL may and must use, each by the one or the other."""
        place = f"{path}.url"
        yield from http_addresses.problems(place, self.url)
        known = (*on, *on.values())
        unknown = [name for name in self.placeholders if name not in known]
        for name in unknown:
            message = f"'{{{name}}}' is not one of the fields of on{suggestion(name, known)}"
            yield FieldError(path=place, message=message)
        for ours, theirs in on.items():
            if not unknown and not {ours, theirs} & set(self.placeholders):
                yield FieldError(path=place, message=f"does not ask for '{theirs}': {{{theirs}}} must stand in it")


class JdbcLookup(Model):
    """A table or view of a PostgreSQL database whose columns are the side's fields."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Where the database is, as in jdbc:postgresql://db:5432/metadata; without user and password",
    )
    table: str = Field(
        min_length=1,
        max_length=127,
        pattern=r"^[^.\"`':?\s]+(\.[^.\"`':?\s]+)?$",
        description="Table or view, spelled as it is stored, as in pod_metadata or infra.pod_metadata",
    )
    secret_ref: SecretReference | None = Field(
        default=None, description="Secret with the keys username and password; default: the database asks for none"
    )
    timeout: PositiveDuration = Field(default="5s", description="How long one try may take")
    retries: int = Field(
        default=3, ge=0, le=100, description="Further tries after a failed one, after 0, 1, 2, ... seconds"
    )
    cache: PositiveDuration | None = Field(
        default=None, description="How long an answer is used again; default: every event asks"
    )

    @property
    def parts(self) -> tuple[str, ...]:
        """The table's name, with its schema before it if it has one."""
        return tuple(self.table.split("."))

    def problems(self, path: str, fields: Iterable[str]) -> Iterator[FieldError]:
        """What is wrong with it; `fields`: the columns that are read."""
        if _DATABASE.fullmatch(self.url) is None:
            message = f"'{self.url}' is no address as jdbc:postgresql://host:5432/database"
            message = "has a password in it: put it into a secret" if "@" in self.url else message
            yield FieldError(path=f"{path}.url", message=message)
        elif {name for name, _ in parse_qsl(urlsplit(self.url[5:]).query, keep_blank_values=True)} & _CREDENTIALS:
            yield FieldError(path=f"{path}.url", message="has credentials in it: put them into a secret")
        for name in fields:
            if any(mark in name for mark in ":?") or "\0" in name:
                message = f"column '{name}' cannot be asked for: there is a ':' or '?' in its name; make a view"
                yield FieldError(path=f"{path}.table", message=message)
