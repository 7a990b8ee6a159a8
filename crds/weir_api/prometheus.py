"""Prometheus remote write at both ends of a pipeline: what comes in by it, what goes out, and the records between.

A receiver writes one Kafka record per sample, which the job reads as it reads any topic; a sender reads records of the
same form that the job wrote. The record's key is the seriesId; docs/prometheus.md has the value.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from . import http_addresses
from .base import Model, PositiveDuration, rule, rules
from .blocks import Resources, SecretReference
from .durations import milliseconds
from .errors import FieldError, join

Version = Literal["auto", "1.0", "2.0"]
Size = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{0,5}(Ki|Mi)$", max_length=8, description="A size in memory, as in 512Ki or 32Mi")
]
SAMPLE_FIELDS: Final = {
    "seriesId": "STRING",
    "name": "STRING",
    "labels": "MAP<STRING, STRING>",
    # Text: NaN and the infinities are values too, and JSON has no numbers for them.
    "value": "STRING",
    "stale": "BOOLEAN",
    "at": "BIGINT",
    "startAt": "BIGINT",
    "type": "STRING",
    "unit": "STRING",
    "help": "STRING",
    "histogram": "STRING",
    "exemplars": "STRING",
}
"""What a sample's record has, as a source's fields are declared."""
_LONGEST_TIMEOUT_MS = 300_000
# Set by the protocol and by HTTP itself.
_OWN_HEADERS = frozenset(
    {
        "authorization", "connection", "content-encoding", "content-length", "content-type", "host",
        "transfer-encoding", "user-agent", "x-prometheus-remote-write-version",
    }
)  # fmt: skip
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
HeaderName = Annotated[str, Field(min_length=1, max_length=128)]
HeaderValue = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=1024)]
_ONE_WAY = rule("!(has(self.basicAuth) && has(self.bearerToken))", "is one way to log in: not with basicAuth too")


class Login(Model):
    """How the one who sends shows who it is."""

    basic_auth: SecretReference | None = Field(default=None, description="Secret with the keys username and password")
    bearer_token: SecretReference | None = Field(default=None, description="Secret with the key token")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the secrets."""
        return tuple(given.name for given in (self.basic_auth, self.bearer_token) if given is not None)

    def login_problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with it, which stands at `path`."""
        if len(self.secrets) > 1:
            message = "is one way to log in: not with basicAuth too"
            yield FieldError(path=join(path, "bearerToken"), message=message)


class Limits(Model):
    """What a receiver takes; more is refused with 413, or, what is under way, with 503 until there is room."""

    body: Size = Field(default="16Mi", description="A request's body as it comes")
    decompressed: Size = Field(default="32Mi", description="A request's body without its compression")
    in_flight: Size = Field(
        default="64Mi", description="All requests under way, without compression; further ones are to come again"
    )
    labels: int = Field(default=128, ge=1, le=10_000, description="Labels of one series")
    label_bytes: int = Field(default=16_384, ge=16, le=1_000_000, description="One label's name and value, in UTF-8")


class RemoteWriteSource(Login):
    """A receiver of remote write 1.0 and 2.0, which the operator runs."""

    model_config = rules(_ONE_WAY)

    path: str = Field(
        default="/api/v1/write", pattern=r"^(/[A-Za-z0-9._~-]+)+$", max_length=256, description="Path of its address"
    )
    port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port on a laptop, 0 for any free one; in a cluster the Service's is 8080",
    )
    partitions: int = Field(default=1, ge=1, le=10_000, description="Of the samples' topic, used when it is made")
    limits: Limits = Limits()
    replicas: int = Field(default=1, ge=0, le=100, description="How many receivers run")
    resources: Resources = Resources(cpu="1", memory="512Mi")

    @property
    def idle_after(self) -> str:
        """How long a partition may be silent before it is no longer waited for, where timestamp.idleAfter is not given.

        One partition alone is waited for whatever happens: a stream that wakes is heard of by two ways into the join of
        a side, and windows behind it drop the samples when the way without them is the faster. Of several, some may
        have no series; 5 minutes is how long Prometheus takes one for alive that says nothing.
        """
        return "30d" if self.partitions == 1 else "5m"

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with it, which stands at `path`."""
        yield from self.login_problems(path)
        if self.path in {"/healthz", "/readyz", "/metrics"}:
            yield FieldError(path=join(path, "path"), message=f"'{self.path}' is the receiver's own")
        if size(self.limits.decompressed) > size(self.limits.in_flight):
            message = "is less than limits.decompressed: the largest request would never be let in"
            yield FieldError(path=join(path, "limits", "inFlight"), message=message)


class RemoteWriteSink(Login):
    """A sender by remote write, which the operator runs."""

    model_config = rules(_ONE_WAY)

    url: str = Field(min_length=1, max_length=2048, description="Where to send, as in https://mimir/api/v1/push")
    version: Version = Field(
        default="auto", description="Of the protocol; auto: 2.0, and 1.0 to a receiver that does not know it"
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, max_length=32, description="Further HTTP headers, none of them secret, as X-Scope-OrgID"
    )
    timeout: PositiveDuration = Field(default="30s", description="How long one try may take, up to 5m")
    shards: int = Field(
        default=4, ge=1, le=256, description="Requests under way at once; a series is always of one of them"
    )
    batch_samples: int = Field(default=2000, ge=1, le=100_000, description="Samples in one request at most")
    batch_within: PositiveDuration = Field(
        default="1s", description="How long a sample may wait for others to be sent with, up to 5m"
    )
    replicas: int = Field(
        default=1, ge=0, le=100, description="How many senders run; more than the topic has partitions are idle"
    )
    resources: Resources = Resources(cpu="1", memory="512Mi")

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with it, which stands at `path`."""
        yield from self.login_problems(path)
        yield from http_addresses.problems(join(path, "url"), self.url, secret="it")
        for name in self.headers:
            if _HEADER_NAME.fullmatch(name) is None:
                yield FieldError(path=join(path, "headers", name), message=f"'{name}' is no name of an HTTP header")
            if name.lower() in _OWN_HEADERS:
                yield FieldError(path=join(path, "headers", name), message="is not for you to set: the sender does")
        for field, given in {"timeout": self.timeout, "batchWithin": self.batch_within}.items():
            if milliseconds(given) > _LONGEST_TIMEOUT_MS:
                yield FieldError(path=join(path, field), message="may be 5m at most")


def samples_topic(name: str) -> str:
    """Where the receiver of the resource of this name writes, unless its source says."""
    return f"{name}.samples"


def series_topic(name: str) -> str:
    """Where the job of the resource of this name writes for its sender, unless its sink says."""
    return f"{name}.series"


def size(text: str) -> int:
    """Bytes of a Size."""
    return int(text[:-2]) * (1024 if text.endswith("Ki") else 1024 * 1024)
