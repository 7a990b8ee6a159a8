"""EnrichmentPipeline of Prometheus series -> StreamJob. What it means is written in docs/views.md.

A sample that no view names passes from the source to the sink. The others are enriched as events are; behind that each
view takes them as they come, adds up what counters gained, or finds the latest values. All ends in one sink.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_api.errors import SpecError
from weir_api.resources import EnrichmentPipeline
from weir_api.streamjobs import Insert, Operator, StreamJobSpec
from weir_api.views import View

from . import enrichment_duplicates as duplicates
from . import enrichment_tails as tails
from . import remote_writes
from . import series_gains as gains
from . import series_latest as latest
from . import series_views as views
from .enrichment_rows import EVENT, Columns, Stage
from .enrichments import IDLE_AFTER, Compiler, Result
from .expressions import identifier
from .series_labels import Labels, given
from .series_records import Sample, output_table, record, unchanged
from .sinks import sink_topic
from .sources import Part, SourceParts, source_program

SERIES = "series"
_REQUIRED = ("seriesId", "name", "labels", "at")
# Samples of a series leave in their order, also behind a service that answers them in another.
_IN_ORDER = {"table.exec.async-lookup.output-mode": "ORDERED"}


def compile_series(resource: EnrichmentPipeline) -> StreamJobSpec:
    """The job that gives each series its labels and views. Pure. Raises SpecError with field paths."""
    name = resource.metadata.name
    job = _Compiler(resource.spec.over_kafka(name), resource.metadata.namespace, name).job()
    return remote_writes.with_services(job, resource.spec, name)


@dataclass(frozen=True)
class _Written:
    """Statements of a part of what is written, and a query of weir_series and weir_record that ends it."""

    query: str
    tables: tuple[str, ...] = ()
    operators: tuple[Operator, ...] = ()


class _Compiler(Compiler):
    """A series is an event whose labels are known, so that all but the ends of the pipeline is the same."""

    def job(self) -> StreamJobSpec:
        name, spec = self.name, self.spec
        self.uses_late = not spec.views
        source = self._source()
        streams = {index: self._stream(index, side.source) for index, side in self._streams()}
        stage = self._stages(source, streams)
        lookups = self._lookups(stage, source)
        asked = tuple(lookups.values())
        tail = tails.timed(name, stage, asked) if spec.views else tails.together(name, stage, asked, None)
        if self.errors:
            raise SpecError(self.errors)
        written = list(self._written(source, tail.rows))
        sink = f"{name}_{SERIES}"
        queries = "\nUNION ALL ".join(part.query for part in written)
        insert = (
            f"INSERT INTO {identifier(sink)}\nSELECT weir_series, weir_record, CURRENT_TIMESTAMP FROM (\n{queries})"
        )
        result = Result(
            tables=(*(table for part in written for table in part.tables), output_table(sink, name, spec)),
            inserts=(*(each for each in source.inserts if each.name == "late"), Insert(name=SERIES, sql=insert)),
            topics=(sink_topic(spec.sink.stream(name), spec.source.bootstrap_servers),),
            operators=tuple(operator for part in written for operator in part.operators),
            settings=_IN_ORDER if asked else {},
        )
        return self._assembled([source, *streams.values()], stage, tail, lookups, result)

    def _source(self) -> SourceParts:
        spec = self.spec
        part = Part(uses_late=self.uses_late, keeps_late=views.any_names(spec.views), idle_after=IDLE_AFTER)
        return source_program(
            self.namespace, self.name, spec.source, required_fields=_REQUIRED, delivery=spec.delivery, part=part
        )

    def _stages(self, source: SourceParts, streams: Mapping[int, SourceParts]) -> Stage:
        name, spec = self.name, self.spec
        columns = Columns(spec.source.fields)
        events, late = source.events_view, source.late_view
        if not spec.views:
            stage = duplicates.events(name, columns, events, late)
        else:
            named = f"(SELECT * FROM {events} WHERE {views.any_names(spec.views)})"
            stage = duplicates.events(name, columns, named, events)
        if spec.deduplicate is not None:
            stage = stage.then(duplicates.deduplicated(name, spec.deduplicate, stage))
        if summed := views.summed(spec.views):
            stage = stage.then(gains.gained(name, summed, spec.series, stage))
        return self._with_sides(stage, source, streams)

    def _written(self, source: SourceParts, rows: str) -> Sequence[_Written]:
        name, spec = self.name, self.spec
        labels = given(spec.enrichments)
        if not spec.views:
            return [_Written(_relabelled(labels.all({}), rows))]
        written = [_Written(_passing(spec.views, source))]
        written += [
            _Written(_relabelled(labels.projected(one), rows, views.names_series(one, f"{EVENT}.")))
            for one in views.whole(spec.views)
        ]
        if summed := views.summed(spec.views):
            made = gains.totals(name, summed, spec.series, labels, rows)
            written.append(_Written(_all_of(f"{name}_totals"), made, gains.OPERATORS))
        if aggregated := views.aggregated(spec.views):
            made = latest.latest(name, aggregated, spec.series, labels, rows)
            written.append(_Written(_all_of(f"{name}_latest"), made, latest.OPERATORS))
        return written


def _all_of(rows: str) -> str:
    return f"SELECT weir_series, weir_record FROM {identifier(rows)}"


def _passing(of: Sequence[View], source: SourceParts) -> str:
    """What no view names, as it came."""
    sample = unchanged("")
    return (
        f"SELECT {sample.series} AS weir_series, {record(sample)} AS weir_record\n"
        f"FROM ({source.at_any_time}) WHERE NOT ({views.any_names(of)})"
    )


def _relabelled(labels: Labels, rows: str, condition: str = "TRUE") -> str:
    """Each sample as it came, with other labels."""
    was = unchanged(f"{EVENT}.")
    sample = Sample(labels.series, was.name, labels.json, was.value, was.at, was.further)
    return (
        f"SELECT {sample.series} AS weir_series, {record(sample)} AS weir_record\n"
        f"FROM {identifier(rows)} WHERE {condition}"
    )
