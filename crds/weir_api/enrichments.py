"""EnrichmentPipeline: one stream made richer by others, as of each event's time."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema

from .base import Model, PositiveDuration, rule, rules
from .blocks import FieldName, OwnDelivery, Runtime, Source, Spec, StatePolicy, Suspended
from .enrichment_streams import EnrichmentSink, EnrichmentSource
from .errors import FieldError, join, suggestion
from .lookups import HttpLookup
from .sides import Enrichment
from .views import SeriesTimes, View, label_problem

# An object of any depth: its leaves are expressions. A structural schema has no recursion, so it is left open there.
Output = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 256,
            "additionalProperties": {"x-kubernetes-preserve-unknown-fields": True},
        }
    ),
]
FIRST_OCCURRENCE = "firstOccurrence"


class Deduplication(Model):
    """Which events are the same one, sent again."""

    by: tuple[FieldName, ...] = Field(
        min_length=1, max_length=16, description="Source fields; events equal in all of them are the same one"
    )
    within: PositiveDuration = Field(
        description="Seen again less than this after it was last seen, by event time, it is left out"
    )


class FirstOccurrence(Model):
    """Tells the first event of each combination of values from those after it."""

    per: tuple[FieldName, ...] = Field(
        min_length=1, max_length=16, description="Source fields; a null counts as a value"
    )


class Flags(Model):
    """What is told of an event beside its fields."""

    first_occurrence: FirstOccurrence | None = Field(
        default=None, description="Gives firstOccurrence, TRUE for the first event, by event time, with these values"
    )


class EnrichmentPipelineSpec(Spec):
    """Which stream is enriched, by what, and what is written for each of its events."""

    model_config = rules(
        rule(
            "!has(self.deduplicate) || has(self.source.prometheusRemoteWrite)"
            " || self.deduplicate.by.all(key, key in self.source.fields)",
            "each must be one of the source's fields",
            "deduplicate",
        ),
        rule(
            "has(self.sink.bootstrapServers) || !has(self.source.topic) || !has(self.sink.topic)"
            " || self.sink.topic != self.source.topic",
            "is what the source reads: an endless loop",
            "sink.topic",
        ),
        rule(
            "self.enrichments.all(side, self.enrichments.exists_one(other, other.name == side.name))",
            "each enrichment needs a name of its own",
            "enrichments",
        ),
        rule(
            "self.views.all(view, self.views.exists_one(other, other.name == view.name))",
            "each view needs a name of its own",
            "views",
        ),
        rule(
            "self.views.size() == 0 || has(self.source.prometheusRemoteWrite)",
            "are of series: they need source.prometheusRemoteWrite",
            "views",
        ),
    )

    source: EnrichmentSource
    deduplicate: Deduplication | None = Field(default=None, description="Leaves out events that were sent again")
    enrichments: tuple[Enrichment, ...] = Field(
        default=(), max_length=16, description="The sides, in the order in which they are joined"
    )
    flags: Flags = Flags()
    key_by: tuple[FieldName, ...] = Field(
        default=(), max_length=16, description="Source fields that make the key of what is written; default: no key"
    )
    output: Output | None = Field(
        default=None,
        description="Output field: SQL expression over source fields, `<enrichment>.<field>` and flags, or an object "
        "of such; default: all source fields, selected fields and flags, flat",
    )
    views: tuple[View, ...] = Field(
        default=(),
        max_length=32,
        description="Of series: what leaves of them; those that no view names leave unchanged",
    )
    series: SeriesTimes = SeriesTimes()
    sink: EnrichmentSink
    delivery: OwnDelivery = "exactlyOnce"
    state: StatePolicy = StatePolicy()
    suspended: Suspended = False
    runtime: Runtime = Runtime()

    @property
    def writes_series(self) -> bool:
        """Whether it writes records of samples, and not events with `output`."""
        return bool(self.views) or self.sink.prometheus_remote_write is not None

    def over_kafka(self, name: str) -> Self:
        """The same with the topics that remote write goes through, as the job of this name reads and writes them."""
        return self.model_copy(update={"source": self.source.over_kafka(name), "sink": self.sink.over_kafka(name)})

    def problems(self, name: str) -> Iterator[FieldError]:
        """What is wrong across fields."""
        wrong = [*self.source.problems("source", name), *self.sink.problems("sink", self.source.over_kafka(name), name)]
        yield from wrong
        if self.writes_series:
            yield from self._series_problems()
        # What a stream lacks would be told once more by all who use it.
        if self.source.prometheus_remote_write is None or not wrong:
            yield from self.over_kafka(name)._problems_between(name, flat=not self.writes_series)

    def _problems_between(self, name: str, *, flat: bool) -> Iterator[FieldError]:
        """What is wrong between fields of the pipeline of this name, whose streams are Kafka's."""
        if self.deduplicate is not None:
            yield from self._fields_problems("deduplicate.by", self.deduplicate.by)
        if self.flags.first_occurrence is not None:
            yield from self._fields_problems("flags.firstOccurrence.per", self.flags.first_occurrence.per)
        yield from self._fields_problems("keyBy", self.key_by)
        for index, side in enumerate(self.enrichments):
            path = join("enrichments", index)
            for other in self.enrichments[:index]:
                if other.slug == side.slug:
                    message = f"'{side.name}' is too like '{other.name}': names differ by more than capitals and _"
                    yield FieldError(path=f"{path}.name", message=message)
            yield from side.problems(path, name, self.source)
            if side.source is not None and self.sink.bootstrap_servers in {None, side.source.bootstrap_servers}:
                yield from self._loop_problems(f"{path}.{side.source_path}", side.source)
        if self.output is not None:
            yield from _output_problems("output", self.output)
        elif flat:
            yield from self._flat_problems()

    def _series_problems(self) -> Iterator[FieldError]:
        """What is wrong with a pipeline whose results are series."""
        if self.source.prometheus_remote_write is None:
            path = "views" if self.views else "sink.prometheusRemoteWrite"
            yield FieldError(path=path, message="needs source.prometheusRemoteWrite: only series can be sent on")
        given = {"output": self.output is not None, "keyBy": bool(self.key_by), "flags": self.flags != Flags()}
        for field in (name for name, there in given.items() if there):
            yield FieldError(path=field, message="is not for series: what is written of them is known")
        if self.runtime.parallelism > 1:
            # One reader hands its rows to the threads in turn: two samples of a series could change places.
            yield FieldError(path="runtime.parallelism", message="must be 1 for series: they leave in their order")
        yield from self.series.problems("series")
        for index, view in enumerate(self.views):
            path = join("views", index)
            if view.name in [other.name for other in self.views[:index]]:
                yield FieldError(path=f"{path}.name", message=f"'{view.name}' is already the name of another view")
            yield from view.problems(path)
        owners: dict[str, str] = {}
        for index, side in enumerate(self.enrichments):
            if isinstance(side.lookup, HttpLookup) and side.lookup.on_error == "deadLetter":
                path = join("enrichments", index, side.lookup_path)
                yield FieldError(path=f"{path}.onError", message="must be null for series: they leave without the side")
            for position, field in enumerate(side.select):
                message = label_problem(field)
                if field in owners:
                    message = f"'{field}' is selected from '{owners[field]}' too: a series has one label of a name"
                owners.setdefault(field, side.name)
                if message is not None:
                    yield FieldError(path=join("enrichments", index, "select", position), message=message)

    def _fields_problems(self, path: str, fields: tuple[str, ...]) -> Iterator[FieldError]:
        for index, name in enumerate(fields):
            if name not in self.source.fields:
                hint = suggestion(name, tuple(self.source.fields))
                message = f"'{name}' is not one of the source's fields{hint}"
                yield FieldError(path=join(path, index), message=message)
            elif name in fields[:index]:
                yield FieldError(path=join(path, index), message=f"'{name}' stands here more than once")

    def _loop_problems(self, path: str, stream: Source) -> Iterator[FieldError]:
        if self.sink.topic is not None and stream.reads(self.sink.topic):
            message = f"'{self.sink.topic}' is what this pipeline writes: an endless loop"
            place = "topicPattern" if stream.topic is None else "topic"
            yield FieldError(path=f"{path}.{place}", message=message)

    def _flat_problems(self) -> Iterator[FieldError]:
        """Without `output` every field stands under its own name, so no two may have the same."""
        owners = dict.fromkeys(self.source.fields, "a source field")
        if self.flags.first_occurrence is not None:
            if FIRST_OCCURRENCE in owners:
                message = "is also a source field: say in output what it shall be called"
                yield FieldError(path=join("flags", FIRST_OCCURRENCE), message=message)
            owners[FIRST_OCCURRENCE] = "a flag"
        for index, side in enumerate(self.enrichments):
            for position, field in enumerate(side.select):
                if field in owners:
                    path = join("enrichments", index, "select", position)
                    message = f"'{field}' is {owners[field]} too: say in output what each shall be called"
                    yield FieldError(path=path, message=message)
                owners.setdefault(field, f"selected from '{side.name}'")


def _output_problems(path: str, output: Mapping[str, object]) -> Iterator[FieldError]:
    if not output:
        yield FieldError(path=path, message="needs at least 1 entry")
    for name, value in output.items():
        place = join(path, name)
        if name.startswith("weir_"):
            yield FieldError(path=place, message="names that start with 'weir_' are Weir's own")
        match value:
            case dict():
                yield from _output_problems(place, value)
            case str() if value:
                continue
            case str() | None:
                yield FieldError(path=place, message="must not be empty")
            case _:
                yield FieldError(path=place, message="must be an expression in quotes, or an object of such")
