"""Where an EnrichmentPipeline's events come from and go to: a Kafka stream, or Prometheus remote write over one."""

from collections.abc import Iterator
from typing import Self

from pydantic import Field

from .base import Model, TopicName, rule, rules
from .blocks import ColumnType, FieldName, Sink, Source, Timestamp
from .errors import FieldError, join
from .prometheus import SAMPLE_FIELDS, RemoteWriteSink, RemoteWriteSource, samples_topic, series_topic

_SERIES = "has(self.prometheusRemoteWrite)"


class EnrichmentSource(Source):
    """A Kafka stream and how its records are read, or remote write, of which the fields are known."""

    model_config = rules(
        rule(
            f"{_SERIES} || has(self.topic) != has(self.topicPattern)",
            "needs exactly one of topic, topicPattern and prometheusRemoteWrite",
        ),
        rule(f"!{_SERIES} || !has(self.topicPattern)", "is not for prometheusRemoteWrite", "topicPattern"),
        rule(f"{_SERIES} || size(self.fields) > 0", "are needed", "fields"),
        rule(f"!{_SERIES} || size(self.fields) == 0", "are a sample's, and known", "fields"),
        rule(f"!{_SERIES} || self.format == 'json'", "must be json with prometheusRemoteWrite", "format"),
        rule(
            f"{_SERIES} || !has(self.timestamp.field) || self.timestamp.field in self.fields",
            "is not one of the source's fields",
            "timestamp.field",
        ),
        rule(f"!{_SERIES} || !has(self.timestamp.field)", "is a sample's own time", "timestamp.field"),
    )

    prometheus_remote_write: RemoteWriteSource | None = Field(
        default=None, description="A receiver of Prometheus' samples; they go through topic, default: <name>.samples"
    )
    fields: dict[FieldName, ColumnType] = Field(
        default={}, max_length=256, description="Field name: Flink SQL type; not for prometheusRemoteWrite"
    )

    def over_kafka(self, name: str) -> Self:
        """The Kafka stream that the pipeline of this name reads."""
        receiver = self.prometheus_remote_write
        if receiver is None:
            return self
        idle_after = self.timestamp.idle_after or receiver.idle_after
        return self.model_copy(
            update={
                "prometheus_remote_write": None,
                "topic": self.topic or samples_topic(name),
                "fields": SAMPLE_FIELDS,
                "timestamp": self.timestamp.model_copy(update={"field": "at", "unit": "ms", "idle_after": idle_after}),
            }
        )

    def problems(self, path: str, name: str) -> Iterator[FieldError]:
        """What is wrong across the fields of this source, which stands at `path`, of the resource `name`."""
        receiver = self.prometheus_remote_write
        if receiver is None:
            if not self.fields:
                yield FieldError(path=join(path, "fields"), message="needs at least 1 entry")
            yield from super().problems(path, name)
            return
        yield from receiver.problems(join(path, "prometheusRemoteWrite"))
        given = {
            "topicPattern": self.topic_pattern is not None,
            "fields": bool(self.fields),
            "format": self.format != "json",
            "timestamp.field": self.timestamp.field is not None,
            "timestamp.unit": self.timestamp.unit != Timestamp().unit,
        }
        wrong = [field for field, there in given.items() if there]
        for field in wrong:
            yield FieldError(path=f"{path}.{field}", message="is not for prometheusRemoteWrite: its samples are known")
        if not wrong:
            yield from self.over_kafka(name).problems(path, name)


class EnrichmentSink(Model):
    """The topic results go to, made when it is missing; or remote write, which goes through one."""

    model_config = rules(rule(f"{_SERIES} || has(self.topic)", "needs topic or prometheusRemoteWrite"))

    topic: TopicName | None = Field(default=None, description="The topic to write; not one that the source reads")
    prometheus_remote_write: RemoteWriteSink | None = Field(
        default=None, description="Sends series to Prometheus; they go through topic, default: <name>.series"
    )
    partitions: int = Field(default=1, ge=1, le=10_000, description="Used when the topic is made")
    bootstrap_servers: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Kafka's address; default: the source's"
    )

    def over_kafka(self, name: str) -> Self:
        """The topic that the pipeline of this name writes, and nothing behind it."""
        return self.model_copy(update={"prometheus_remote_write": None, "topic": self.stream(name).topic})

    def stream(self, name: str) -> Sink:
        """The same as other kinds have it."""
        topic = self.topic or series_topic(name)
        return Sink(topic=topic, partitions=self.partitions, bootstrap_servers=self.bootstrap_servers)

    def problems(self, path: str, source: Source, name: str) -> Iterator[FieldError]:
        """What is wrong with this sink, which stands at `path`, of the resource `name` that reads `source`."""
        if self.prometheus_remote_write is not None:
            yield from self.prometheus_remote_write.problems(join(path, "prometheusRemoteWrite"))
        elif self.topic is None:
            yield FieldError(path=path, message="needs topic or prometheusRemoteWrite")
            return
        yield from self.stream(name).problems(path, source, name)
