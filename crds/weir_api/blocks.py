"""The blocks of a spec that all kinds share."""

from typing import Literal

from pydantic import Field

from .base import Duration, Model


class SecretReference(Model):
    """The name of a Secret in the resource's namespace."""

    name: str = Field(min_length=1)


class Authentication(Model):
    """Kafka client properties (`sasl.jaas.config`, `security.protocol`, ...), one per key of the secret."""

    secret_ref: SecretReference


class Timestamp(Model):
    """Where an event's time comes from and how much disorder is expected."""

    field: str | None = Field(default=None, description="Field with the event's time; default: the record's own time")
    unit: Literal["iso8601", "ms", "s"] = Field(
        default="iso8601", description="iso8601: a TIMESTAMP or STRING field; ms, s: since the epoch, a numeric field"
    )
    out_of_orderness: Duration = Field(default="5s", description="How late an event may be and still be in time")
    idle_after: Duration = Field(
        default="10s", description="A partition silent for so long no longer holds event time back"
    )


class Source(Model):
    """A Kafka stream and how its records are read."""

    topic: str | None = Field(default=None, min_length=1, max_length=249, description="The topic to read")
    topic_pattern: str | None = Field(default=None, min_length=1, description="A regular expression for topics to read")
    bootstrap_servers: str | None = Field(default=None, description="Kafka's address; default: the operator's")
    authentication: Authentication | None = None
    format: Literal["json", "csv", "avro"] = Field(default="json", description="How a record's value is read")
    fields: dict[str, str] = Field(min_length=1, description="Field name: Flink SQL type; nested types allowed")
    where: str | None = Field(default=None, description="Only records for which this SQL condition holds are used")
    timestamp: Timestamp = Field(default_factory=Timestamp)
    start_from: str = Field(default="earliest", description="earliest, latest or an ISO 8601 instant; first start only")


class Sink(Model):
    """The topic results go to; made when it is missing."""

    topic: str = Field(min_length=1, max_length=249)
    partitions: int = Field(default=1, ge=1, description="Used when the topic is made")
    bootstrap_servers: str | None = None


Delivery = Literal["exactlyOnce", "atLeastOnce"]


class StatePolicy(Model):
    """What a change of spec may do to state.

    `reset` holds for the change it is written with and only for the operators named in `operators`.
    """

    on_incompatible_change: Literal["refuse", "reset"] = Field(default="refuse", description="refuse or reset")
    operators: tuple[str, ...] = Field(
        default=(), description="With reset: the operators whose state this change may lose, as the verdict names them"
    )


class Resources(Model):
    """Size of one Flink process, in Kubernetes' units."""

    cpu: str = Field(default="1", pattern=r"^([0-9]+(\.[0-9]+)?|[0-9]+m)$")
    memory: str = Field(default="1Gi", pattern=r"^[0-9]+(Mi|Gi)$")


class Runtime(Model):
    """How the job runs; a change of it is a new revision with the same state."""

    parallelism: int = Field(default=1, ge=1, le=128)
    task_managers: int = Field(default=1, ge=1)
    resources: Resources = Field(default_factory=Resources)
    flink_configuration: dict[str, str] = Field(default_factory=dict, description="Further Flink settings")
    checkpoint_interval: Duration = Field(default="5s", description="How often state is saved; outputs appear then")
    state_backend: Literal["hashmap", "rocksdb"] = Field(default="hashmap", description="In memory, or on disk")
    image: str | None = Field(default=None, description="Runtime image; default: the operator's")
