"""The blocks of a spec that all kinds share."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .base import Duration, Expression, Model, PositiveDuration, TopicName, rule, rules
from .columns import INTEGER_TYPES, TIME_TYPES, base_name, type_problem
from .durations import milliseconds
from .errors import FieldError, join, suggestion

FieldName = Annotated[str, Field(min_length=1, max_length=128)]
ColumnType = Annotated[str, Field(min_length=1, max_length=4096)]


class Spec(Model):
    """The spec of a kind: beyond what its types say, it knows what is wrong across its fields."""

    def problems(self, name: str) -> Iterator[FieldError]:  # noqa: ARG002 - for kinds that write topics of their own
        """Each contradiction in the spec of the resource of this name, with its path below `spec`."""
        yield from ()


class SecretReference(Model):
    """The name of a Secret in the resource's namespace."""

    name: str = Field(
        min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", description="Name of the Secret"
    )


class Authentication(Model):
    """Kafka client properties (`sasl.jaas.config`, `security.protocol`, ...), one per key of the secret."""

    secret_ref: SecretReference


class Timestamp(Model):
    """Where an event's time comes from and how much disorder is expected."""

    field: FieldName | None = Field(
        default=None, description="Field with the event's time; default: the record's own time"
    )
    unit: Literal["iso8601", "ms", "s"] = Field(
        default="iso8601", description="iso8601: a TIMESTAMP or STRING field; ms, s: since the epoch, a numeric field"
    )
    out_of_orderness: Duration = Field(default="5s", description="How late an event may be and still be in time")
    max_ahead: Duration = Field(
        default="1h",
        description="How far an event's time may be ahead of its record's own; one that is further ahead counts as"
        " late and does not move event time",
    )
    idle_after: PositiveDuration | None = Field(
        default=None,
        description="A partition silent for so long no longer holds event time back; default: each is waited for,"
        " but 10s in an EnrichmentPipeline or a BillingView; of Prometheus' samples 5m, or with one partition 30d",
    )


def side_topics(name: str) -> tuple[str, str]:
    """The topics for what the resource of this name cannot use: dead letters, late records."""
    return f"{name}.dead-letters", f"{name}.late"


StartFrom = Annotated[
    str,
    Field(
        max_length=64,
        description="earliest, latest or an ISO 8601 instant with its offset (2026-01-31T12:00:00Z); first start only",
    ),
]
_TOO_LONG = milliseconds("1000d")
ONE_OF_TOPICS = rule("has(self.topic) != has(self.topicPattern)", "needs exactly one of topic and topicPattern")


class Topics(Model):
    """Where a Kafka stream is."""

    topic: TopicName | None = Field(default=None, description="The topic to read; this or topicPattern")
    topic_pattern: str | None = Field(
        default=None, min_length=1, max_length=1024, description="A regular expression for the topics to read"
    )
    bootstrap_servers: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Kafka's address; default: the operator's"
    )
    authentication: Authentication | None = None


class Source(Topics):
    """A Kafka stream and how its records are read."""

    model_config = rules(
        ONE_OF_TOPICS,
        rule(
            "!has(self.timestamp.field) || self.timestamp.field in self.fields",
            "is not one of the source's fields",
            "timestamp.field",
        ),
    )

    format: Literal["json", "csv", "avro"] = Field(default="json", description="How a record's value is read")
    fields: dict[FieldName, ColumnType] = Field(
        min_length=1, max_length=256, description="Field name: Flink SQL type; nested types allowed"
    )
    where: Expression | None = Field(
        default=None, description="Only records for which this SQL condition holds are used; default: all"
    )
    timestamp: Timestamp = Timestamp()
    start_from: StartFrom = "earliest"

    def problems(self, path: str, name: str) -> Iterator[FieldError]:
        """What is wrong across the fields of this source, which stands at `path`, of the resource `name`."""
        if (self.topic is None) == (self.topic_pattern is None):
            yield FieldError(path=path, message="needs exactly one of topic and topicPattern")
        if self.topic in {".", ".."}:
            yield FieldError(path=f"{path}.topic", message=f"'{self.topic}' is no topic name")
        if self.topic_pattern is not None and not _is_regular_expression(self.topic_pattern):
            yield FieldError(path=f"{path}.topicPattern", message="is no regular expression")
        for topic in filter(self.reads, side_topics(name)):
            place = "topicPattern" if self.topic is None else "topic"
            message = f"'{topic}' is what this resource writes itself: an endless loop"
            yield FieldError(path=f"{path}.{place}", message=message)
        for field, column_type in self.fields.items():
            if field.startswith("weir_"):
                message = "names that start with 'weir_' are Weir's own"
                yield FieldError(path=join(path, "fields", field), message=message)
            if (wrong := type_problem(column_type)) is not None:
                yield FieldError(path=join(path, "fields", field), message=wrong)
        if self.start_from not in {"earliest", "latest"} and not is_instant(self.start_from):
            message = f"must be earliest, latest or an instant as 2026-01-31T12:00:00Z, not '{self.start_from}'"
            yield FieldError(path=f"{path}.startFrom", message=message)
        yield from self._timestamp_problems(join(path, "timestamp"))

    def reads(self, topic: str) -> bool:
        """Whether records of this topic would be read."""
        if self.topic_pattern is not None and _is_regular_expression(self.topic_pattern):
            return re.fullmatch(self.topic_pattern, topic) is not None
        return topic == self.topic

    def _timestamp_problems(self, path: str) -> Iterator[FieldError]:
        for name, given in {
            "outOfOrderness": self.timestamp.out_of_orderness,
            "maxAhead": self.timestamp.max_ahead,
        }.items():
            # Flink has no longer intervals in what makes a watermark.
            if milliseconds(given) >= _TOO_LONG:
                yield FieldError(path=f"{path}.{name}", message=f"must be less than 1000d, not {given}")
        field, unit = self.timestamp.field, self.timestamp.unit
        if field is None:
            return
        if field not in self.fields:
            message = f"'{field}' is not one of the source's fields{suggestion(field, tuple(self.fields))}"
            yield FieldError(path=f"{path}.field", message=message)
            return
        fitting = TIME_TYPES if unit == "iso8601" else INTEGER_TYPES
        column_type = self.fields[field]
        if type_problem(column_type) is None and base_name(column_type) not in fitting:
            message = f"{unit} needs a field of type {' or '.join(fitting)}, but '{field}' is {column_type}"
            yield FieldError(path=f"{path}.unit", message=message)


class Sink(Model):
    """The topic results go to; made when it is missing."""

    topic: TopicName = Field(description="The topic to write; not one that the source reads")
    partitions: int = Field(default=1, ge=1, le=10_000, description="Used when the topic is made")
    bootstrap_servers: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Kafka's address; default: the source's"
    )

    def problems(self, path: str, source: Source, name: str) -> Iterator[FieldError]:
        """What is wrong with this sink, which stands at `path`, of the resource `name` that reads `source`."""
        if self.topic in side_topics(name):
            yield FieldError(path=f"{path}.topic", message=f"'{self.topic}' is for records that cannot be used")
        if self.topic in {".", ".."}:
            yield FieldError(path=f"{path}.topic", message=f"'{self.topic}' is no topic name")
        same_kafka = self.bootstrap_servers in {None, source.bootstrap_servers}
        if same_kafka and source.reads(self.topic):
            yield FieldError(path=f"{path}.topic", message=f"'{self.topic}' is what the source reads: an endless loop")


Delivery = Literal["exactlyOnce", "atLeastOnce"]
OwnDelivery = Annotated[Delivery, Field(description="exactlyOnce (readers: read_committed) or atLeastOnce")]
"""Of a resource with a job of its own, as is what follows."""
Suspended = Annotated[bool, Field(description="Stop with a savepoint and keep everything; false resumes from it")]


class StatePolicy(Model):
    """What a change of spec may do to state.

    `reset` holds for the change it is written with and only for the operators named in `operators`.
    """

    on_incompatible_change: Literal["refuse", "reset"] = Field(
        default="refuse", description="refuse: the running revision goes on; reset: see operators"
    )
    operators: tuple[Annotated[str, Field(max_length=253)], ...] = Field(
        default=(),
        max_length=256,
        description="With reset: the operators whose state this change may lose, as the verdict names them",
    )


class Resources(Model):
    """Size of one Flink process, in Kubernetes' units."""

    cpu: str = Field(default="1", pattern=r"^([0-9]+(\.[0-9]+)?|[0-9]+m)$", description="Cores, as in 2 or 500m")
    memory: str = Field(default="1Gi", pattern=r"^[0-9]+(Mi|Gi)$", description="As in 512Mi or 2Gi")

    @property
    def mebibytes(self) -> int:
        """The memory in MiB."""
        return int(self.memory[:-2]) * (1024 if self.memory.endswith("Gi") else 1)


RolloverMode = Literal["warm", "cold"]


class Runtime(Model):
    """How the job runs; a change of it is a new revision with the same state."""

    parallelism: int = Field(default=1, ge=1, le=128, description="How many threads work on each step")
    task_managers: int = Field(default=1, ge=1, le=128, description="Flink processes that share the work")
    resources: Resources = Resources()
    flink_configuration: dict[str, str] = Field(default={}, max_length=256, description="Further Flink settings")
    checkpoint_interval: PositiveDuration = Field(
        default="5s", description="How often state is saved; outputs appear then"
    )
    state_backend: Literal["hashmap", "rocksdb"] = Field(default="hashmap", description="In memory, or on disk")
    image: str | None = Field(default=None, description="Runtime image; default: the operator's")
    rollover: RolloverMode = Field(
        default="warm",
        description="warm: a new revision stands by before the old one stops; cold: its TaskManagers are made when the"
        " old ones are gone, for clusters without room for both",
    )


def _is_regular_expression(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def is_instant(text: str) -> bool:
    """Whether it is an ISO 8601 instant with its offset."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
