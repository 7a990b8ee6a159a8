"""EnrichmentPipeline -> StreamJob. What it means is written in docs/enrichment.md."""

from weir_api.enrichments import Enrichment, EnrichmentPipelineSpec
from weir_api.errors import FieldError, SpecError, join
from weir_api.resources import EnrichmentPipeline
from weir_api.streamjobs import Check, Insert, Program, StreamJobSpec, Topic

from . import enrichment_duplicates as duplicates
from . import enrichment_firsts as firsts
from . import enrichment_outputs as outputs
from .enrichment_keys import Side
from .enrichment_rows import Columns, Stage, view
from .enrichment_sides import joined
from .expressions import ExpressionError, Scope, bound, identifier
from .sinks import sink_topic
from .sources import Part, SourceParts, source_program

ENRICHED = "enriched"


def compile_enrichment(resource: EnrichmentPipeline) -> StreamJobSpec:
    """The job that gives each event its sides and writes it. Pure. Raises SpecError with field paths."""
    return _Compiler(resource.spec, resource.metadata.namespace, resource.metadata.name).job()


class _Compiler:
    """One resource's compilation; errors of expressions are gathered, so that all are told at once."""

    def __init__(self, spec: EnrichmentPipelineSpec, namespace: str, name: str) -> None:
        self.spec, self.namespace, self.name = spec, namespace, name
        self.errors: list[FieldError] = []

    def job(self) -> StreamJobSpec:
        spec, name = self.spec, self.name
        for index, side in enumerate(spec.enrichments):
            if side.lookup is not None:
                path = join("spec.enrichments", index, "orElse" if side.http is None else "http")
                raise SpecError([FieldError(path=path, message="cannot be asked yet")])
        source = self._source()
        streams = [self._stream(index) for index in range(len(spec.enrichments))]
        stage = self._stages(source, streams)
        tail, events = self._together(stage)
        flat = f"{name}_flat"
        written = outputs.written(spec, identifier(flat))
        self.errors += written.errors
        if self.errors:
            raise SpecError(self.errors)
        sink = f"{name}_{ENRICHED}"
        tables = [*source.tables, *(table for stream in streams for table in stream.tables), *stage.views, *tail.views]
        tables += [outputs.flat_view(flat, spec, tail.columns, events), outputs.output_table(sink, spec)]
        insert = outputs.output_insert(sink, name, spec, written.value, identifier(flat))
        inserts = [*source.inserts, *(each for stream in streams for each in stream.inserts)]
        program = Program(
            tables=tuple(tables),
            inserts=(*inserts, Insert(name=ENRICHED, sql=insert)),
            settings={"table.local-time-zone": "UTC"},
            operators=(*stage.operators, *tail.operators),
            checks=(
                *source.checks,
                *(check for stream in streams for check in stream.checks),
                *stage.checks,
                *written.checks,
            ),
            topics=_each_once(
                [
                    *source.topics,
                    *(topic for stream in streams for topic in stream.topics),
                    sink_topic(spec.sink, spec.source.bootstrap_servers),
                ]
            ),
        )
        return StreamJobSpec(program=program, runtime=spec.runtime, state=spec.state, suspended=spec.suspended)

    def _source(self) -> SourceParts:
        part = Part(uses_late=True)
        return source_program(self.namespace, self.name, self.spec.source, delivery=self.spec.delivery, part=part)

    def _stream(self, index: int) -> SourceParts:
        side = self.spec.enrichments[index]
        assert side.stream is not None
        return source_program(
            self.namespace,
            self.name,
            side.stream,
            required_fields=tuple(side.on.values()),
            delivery=self.spec.delivery,
            path=join("spec.enrichments", index, "stream"),
            part=Part(of=side.slug, uses_late=True),
        )

    def _stages(self, source: SourceParts, streams: list[SourceParts]) -> Stage:
        """From the events of the source to events with all their sides, on time and late."""
        name, spec = self.name, self.spec
        stage = duplicates.events(name, Columns(spec.source.fields), source.events_view, source.late_view)
        if spec.deduplicate is not None:
            stage = stage.then(duplicates.deduplicated(name, spec.deduplicate, stage))
        if spec.flags.first_occurrence is not None:
            stage = stage.then(firsts.candidates(name, spec.flags.first_occurrence, stage))
        for index, side in enumerate(spec.enrichments):
            stage = stage.then(self._side(index, side, stage, source, streams[index]))
        return stage

    def _side(self, index: int, spec: Enrichment, before: Stage, source: SourceParts, stream: SourceParts) -> Stage:
        path = join("spec.enrichments", index)
        fields = Scope(columns={name: identifier(name) for name in spec.declared})
        end_when, checks = "FALSE", []
        if spec.end_when is not None:
            condition = self._bound(spec.end_when, fields, f"{path}.endWhen")
            checks.append(Check(path=f"{path}.endWhen", expression=condition, scope=stream.events_view, condition=True))
            end_when = f"({condition}) IS TRUE"
        keys = tuple(self._bound(ours, before.columns.scope, join(path, "on", ours)) for ours in spec.on)
        checks += [self._key_check(path, ours, theirs, source, stream) for ours, theirs in spec.on.items()]
        side = Side(spec, stream.events_view, stream.late_view, keys, end_when)
        stage = joined(self.name, side, before, late=spec.or_else is None)
        return Stage(stage.views, stage.on_time, stage.late, stage.columns, stage.operators, tuple(checks))

    def _key_check(self, path: str, ours: str, theirs: str, source: SourceParts, stream: SourceParts) -> Check:
        """Whether the two can be compared at all."""
        scope = Scope(columns={name: f"{source.events_view}.{identifier(name)}" for name in self.spec.source.fields})
        expression = f"({self._bound(ours, scope, '')}) = {stream.events_view}.{identifier(theirs)}"
        views = f"{source.events_view}, {stream.events_view}"
        return Check(path=join(path, "on", ours), expression=expression, scope=views, condition=True)

    def _together(self, stage: Stage) -> tuple[Stage, str]:
        """Late events and those on time in one view, with the first of each combination known."""
        every = f"{self.name}_every"
        names = stage.columns.names
        views = [
            view(
                every,
                f"SELECT {names} FROM {identifier(stage.on_time)}\n"
                f"UNION ALL SELECT {names} FROM {identifier(stage.late)}",
            )
        ]
        operators = []
        per = self.spec.flags.first_occurrence
        if per is not None:
            more, every, operator = firsts.judged(self.name, per, stage.columns, every)
            views += more
            operators.append(operator)
        return Stage(tuple(views), every, every, stage.columns, tuple(operators)), every

    def _bound(self, expression: str, scope: Scope, path: str) -> str:
        try:
            return bound(expression, scope)
        except ExpressionError as error:
            if path:
                self.errors.append(FieldError(path=path, message=str(error)))
            return "NULL"


def _each_once(topics: list[Topic]) -> tuple[Topic, ...]:
    """One entry for a topic that several streams read."""
    return tuple({(topic.name, topic.bootstrap_servers): topic for topic in reversed(topics)}.values())[::-1]
