"""EnrichmentPipeline -> StreamJob. What it means is written in docs/enrichment.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir_api.blocks import Source
from weir_api.enrichments import EnrichmentPipelineSpec
from weir_api.errors import FieldError, SpecError, join
from weir_api.resources import EnrichmentPipeline
from weir_api.services import Service
from weir_api.sides import Enrichment
from weir_api.streamjobs import Check, Insert, Operator, Program, StreamJobSpec, Topic
from weir_api.tables import DELETED

from . import enrichment_duplicates as duplicates
from . import enrichment_firsts as firsts
from . import enrichment_outputs as outputs
from . import enrichment_tails as tails
from . import remote_writes
from .dead_letters import dead_letter_insert
from .enrichment_keys import Side, remembered_fields
from .enrichment_rows import Columns, Stage
from .enrichment_sides import joined
from .expressions import ExpressionError, Scope, bound, identifier
from .lookups import Lookup, databases, settings
from .shapes import shape
from .sources import Part, SourceParts, source_program

ENRICHED = "enriched"
IDLE_AFTER = "10s"  # a stream that has nothing to say must not hold back the others
# A constant would be taken out of the state's rows, which a later endWhen could then not be put into.
_NEVER = "(EXTRACT(YEAR FROM weir_time) < 0) IS TRUE"


def compile_enrichment(resource: EnrichmentPipeline) -> StreamJobSpec:
    """The job that gives each event its sides and writes it. Pure. Raises SpecError with field paths."""
    name = resource.metadata.name
    job = Compiler(resource.spec.over_kafka(name), resource.metadata.namespace, name).job()
    return remote_writes.with_services(job, resource.spec, name)


@dataclass(frozen=True)
class Result:
    """What a pipeline writes: statements over the last stage, and all that goes with them."""

    tables: tuple[str, ...]
    inserts: tuple[Insert, ...]
    topics: tuple[Topic, ...]
    checks: tuple[Check, ...] = ()
    operators: tuple[Operator, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Service, ...] = ()


class Compiler:
    """One resource's compilation; errors of expressions are gathered, so that all are told at once.

    `uses_late`: whether late events are enriched too; else the source puts them aside.
    """

    uses_late = True

    def __init__(self, spec: EnrichmentPipelineSpec, namespace: str, name: str) -> None:
        self.spec, self.namespace, self.name = spec, namespace, name
        self.errors: list[FieldError] = []
        self.checks: list[Check] = []

    def job(self) -> StreamJobSpec:
        spec, name = self.spec, self.name
        source = self._source()
        streams = {index: self._stream(index, side.source) for index, side in self._streams()}
        stage = self._stages(source, streams)
        lookups = self._lookups(stage, source)
        asked = tuple(lookups.values())
        tail = tails.together(name, stage, asked, spec.flags.first_occurrence)
        flat = f"{name}_flat"
        written = outputs.written(spec, identifier(flat))
        self.errors += written.errors
        if self.errors:
            raise SpecError(self.errors)
        sink = f"{name}_{ENRICHED}"
        insert = outputs.output_insert(sink, name, spec, written.value, identifier(flat))
        result = Result(
            tables=(
                outputs.flat_view(flat, spec, tail.columns, tail.rows, fails=outputs.fails(spec)),
                outputs.output_table(sink, name, spec),
            ),
            inserts=(Insert(name=ENRICHED, sql=insert),),
            topics=outputs.topics(name, spec),
            checks=written.checks,
        )
        return self._assembled([source, *streams.values()], stage, tail, lookups, result)

    def _assembled(
        self,
        parts: Sequence[SourceParts],
        stage: Stage,
        tail: tails.Tail,
        lookups: Mapping[str, Lookup],
        result: Result,
    ) -> StreamJobSpec:
        """The job of these sources and stages, which writes this."""
        spec = self.spec
        letters = dead_letter_insert(self.name, [part.letters for part in parts])
        program = Program(
            tables=(*(table for part in parts for table in part.tables), *stage.views, *tail.views, *result.tables),
            inserts=(letters, *result.inserts),
            settings={"table.local-time-zone": "UTC", **settings(tuple(lookups.values())), **result.settings},
            operators=(*stage.operators, *tail.operators, *result.operators),
            checks=(*(check for part in parts for check in part.checks), *stage.checks, *self.checks, *result.checks),
            databases=databases(lookups),
            topics=each_once([*(topic for part in parts for topic in part.topics), *result.topics]),
        )
        return StreamJobSpec(
            program=program,
            runtime=spec.runtime,
            state=spec.state,
            suspended=spec.suspended,
            services=result.services,
        )

    def _streams(self) -> Iterator[tuple[int, Enrichment]]:
        """The sides that are streams or tables, with their index in the spec."""
        return ((index, side) for index, side in enumerate(self.spec.enrichments) if side.source is not None)

    def _source(self) -> SourceParts:
        part = Part(uses_late=True, idle_after=IDLE_AFTER)
        return source_program(self.namespace, self.name, self.spec.source, delivery=self.spec.delivery, part=part)

    def _stream(self, index: int, stream: Source | None) -> SourceParts:
        side = self.spec.enrichments[index]
        assert stream is not None
        return source_program(
            self.namespace,
            self.name,
            stream,
            required_fields=tuple(side.on.values()),
            delivery=self.spec.delivery,
            path=join("spec.enrichments", index, side.source_path),
            part=Part(of=side.slug, uses_late=True, idle_after=IDLE_AFTER),
        )

    def _lookups(self, stage: Stage, source: SourceParts) -> dict[str, Lookup]:
        """What sides ask for, by the path of the side."""
        return {
            join("spec.enrichments", index): self._lookup(index, side, stage, source)
            for index, side in enumerate(self.spec.enrichments)
            if side.lookup is not None
        }

    def _stages(self, source: SourceParts, streams: Mapping[int, SourceParts]) -> Stage:
        """From the events of the source to events with all their sides, on time and late."""
        name, spec = self.name, self.spec
        stage = duplicates.events(name, Columns(spec.source.fields), source.events_view, source.late_view)
        if spec.deduplicate is not None:
            stage = stage.then(duplicates.deduplicated(name, spec.deduplicate, stage))
        if spec.flags.first_occurrence is not None:
            stage = stage.then(firsts.candidates(name, spec.flags.first_occurrence, stage))
        return self._with_sides(stage, source, streams)

    def _with_sides(self, stage: Stage, source: SourceParts, streams: Mapping[int, SourceParts]) -> Stage:
        before = [source]
        for index, side in self._streams():
            stage = stage.then(self._side(index, side, stage, before, streams[index]))
            before.append(streams[index])
        return stage

    def _side(
        self, index: int, spec: Enrichment, stage: Stage, before: Sequence[SourceParts], stream: SourceParts
    ) -> Stage:
        """The side of this stream; `before`: the source and the streams of the sides before it."""
        path = join("spec.enrichments", index)
        fields = Scope(columns={name: identifier(name) for name in spec.declared})
        end_when, checks = (_NEVER if spec.table is None else f"{DELETED} IS TRUE"), []
        if spec.end_when is not None:
            condition = self._bound(spec.end_when, fields, f"{path}.endWhen")
            checks.append(Check(path=f"{path}.endWhen", expression=condition, scope=stream.events_view, condition=True))
            end_when = f"({condition}) IS TRUE"
        keys = tuple(self._bound(ours, self._scope(stage), join(path, "on", ours)) for ours in spec.on)
        checks += [self._key_check(path, ours, theirs, before[0], stream) for ours, theirs in spec.on.items()]
        reads = (stream.table, *(part.table for part in before))
        side = Side(spec, stream.at_any_time, reads, keys, end_when)
        stage = joined(self.name, side, stage, late=self.uses_late and spec.or_else is None)
        return Stage(stage.views, stage.on_time, stage.late, stage.columns, stage.operators, tuple(checks))

    def _key_check(self, path: str, ours: str, theirs: str, source: SourceParts, stream: SourceParts) -> Check:
        """Whether the two can be compared at all."""
        scope = Scope(columns={name: f"{source.events_view}.{identifier(name)}" for name in self.spec.source.fields})
        expression = f"({self._bound(ours, scope, '')}) = {stream.events_view}.{identifier(theirs)}"
        views = f"{source.events_view}, {stream.events_view}"
        return Check(path=join(path, "on", ours), expression=expression, scope=views, condition=True)

    def _lookup(self, index: int, spec: Enrichment, stage: Stage, source: SourceParts) -> Lookup:
        """What a side asks for, over the columns that events have behind the last stage."""
        path, when = join("spec.enrichments", index), None
        keys = tuple(self._bound(ours, self._scope(stage), join(path, "on", ours)) for ours in spec.on)
        if spec.lookup_when is not None:
            place = f"{path}.lookupWhen"
            when = self._bound(spec.lookup_when, self._scope(stage), place)
            condition = self._bound(spec.lookup_when, self._fields(), "")
            self.checks.append(Check(path=place, expression=condition, scope=source.events_view, condition=True))
        if spec.source is None:
            self.checks += [self._asked_check(path, ours, theirs, spec, source) for ours, theirs in spec.on.items()]
        fields = remembered_fields(spec) if spec.source is not None else spec.select
        return Lookup(spec, keys, when, fields)

    def _asked_check(self, path: str, ours: str, theirs: str, spec: Enrichment, source: SourceParts) -> Check:
        """Whether a look-up can be asked by it at all."""
        other = f"CAST(NULL AS {shape(spec.declared[theirs]).sql})"
        expression = self._bound(ours, self._fields(), "")
        return Check(
            path=join(path, "on", ours),
            expression=f"({expression}) = {other}",
            scope=source.events_view,
            condition=True,
        )

    def _scope(self, stage: Stage) -> Scope:
        """The names a key or condition over an event may use: sides are not among them, so none waits for another."""
        sides = {side.name: "is a side: none sees what another gives" for side in self.spec.enrichments}
        return replace(stage.columns.scope, unclear=sides)

    def _fields(self) -> Scope:
        return Scope(columns={name: identifier(name) for name in self.spec.source.fields})

    def _bound(self, expression: str, scope: Scope, path: str) -> str:
        try:
            return bound(expression, scope)
        except ExpressionError as error:
            if path:
                self.errors.append(FieldError(path=path, message=str(error)))
            return "NULL"


def each_once(topics: list[Topic]) -> tuple[Topic, ...]:
    """One entry for a topic that several streams read."""
    return tuple({(topic.name, topic.bootstrap_servers): topic for topic in reversed(topics)}.values())[::-1]
