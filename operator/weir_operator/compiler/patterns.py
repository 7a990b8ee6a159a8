"""Pattern -> StreamJob. What a Pattern means is written in docs/pattern.md."""

from collections.abc import Iterator

from weir_api.errors import FieldError, SpecError, join
from weir_api.patterns import PatternSpec
from weir_api.resources import Pattern
from weir_api.streamjobs import Check, Insert, Program, StreamJobSpec

from . import matching_automata, matching_joins
from .expressions import ExpressionError, Scope, bound, identifier
from .matchings import TIME, Plan, normal_form
from .patterns_outputs import output_insert, output_table
from .sinks import sink_topic
from .sources import source_program

MATCHES = "matches"


def compile_pattern(resource: Pattern) -> StreamJobSpec:
    """The job that finds the pattern's matches and writes them. Pure. Raises SpecError with field paths."""
    spec, name = resource.spec, resource.metadata.name
    where, emitted, errors = _bound(spec)
    if errors:
        raise SpecError(errors)
    source = source_program(
        resource.metadata.namespace, name, spec.source, required_fields=spec.key_by, delivery=spec.delivery
    )
    plan = _plan(spec, where, name, source.events_view)
    sink = f"{name}_derived"
    insert = output_insert(sink, plan.matches, name, spec.key_by, emitted)
    program = Program(
        tables=(*source.tables, *plan.views, output_table(sink, spec)),
        inserts=(*source.inserts, Insert(name=MATCHES, sql=insert)),
        settings={"table.local-time-zone": "UTC", **plan.settings},
        operators=plan.operators,
        checks=(*source.checks, *_checks(where, emitted, source.events_view, identifier(plan.matches))),
        topics=(*source.topics, sink_topic(spec.sink, spec.source.bootstrap_servers, spec.source.authentication)),
    )
    return StreamJobSpec(program=program, runtime=spec.runtime, state=spec.state, suspended=spec.suspended)


def _plan(spec: PatternSpec, where: list[str], name: str, events: str) -> Plan:
    course = normal_form(spec, where)
    if matching_joins.supports(course):
        return matching_joins.plan(course, name, events)
    indexes = {step.name: index for index, step in enumerate(spec.sequence)}
    errors = [
        FieldError(path=join("spec.sequence", indexes[step]), message=message)
        for step, message in matching_automata.problems(course)
    ]
    if errors:
        raise SpecError(errors)
    return matching_automata.plan(course, name, events)


def _bound(spec: PatternSpec) -> tuple[list[str], dict[str, str], list[FieldError]]:
    """The steps' conditions and the emitted expressions with their names bound, and every error in them."""
    errors: list[FieldError] = []

    def bind(expression: str, scope: Scope, path: str) -> str:
        try:
            return bound(expression, scope)
        except ExpressionError as error:
            errors.append(FieldError(path=path, message=str(error)))
            return "NULL"

    fields = Scope(columns={name: identifier(name) for name in spec.source.fields})
    taken = emit_scope(spec)
    where = [
        bind(step.where, fields, join("spec.sequence", index, "where")) for index, step in enumerate(spec.sequence)
    ]
    emitted = {output: bind(expression, taken, join("spec.emit", output)) for output, expression in spec.emit.items()}
    return where, emitted, errors


def emit_scope(spec: PatternSpec) -> Scope:
    """What `emit` may name: key fields, `<step>.<field>`, and `<step>.weir_time`, the event's time."""
    names = [*spec.source.fields, TIME]
    example = spec.first.name
    return Scope(
        columns={key: identifier(key) for key in spec.key_by},
        rows={step.name: {name: identifier(f"{step.name}.{name}") for name in names} for step in spec.sequence},
        unclear={
            name: f"could be any step's: write {example}.{name}"
            for name in spec.source.fields
            if name not in spec.key_by
        },
    )


def _checks(where: list[str], emitted: dict[str, str], events: str, matches: str) -> Iterator[Check]:
    for index, condition in enumerate(where):
        path = join("spec.sequence", index, "where")
        yield Check(path=path, expression=condition, scope=events, condition=True)
    for output, expression in emitted.items():
        yield Check(path=join("spec.emit", output), expression=expression, scope=matches)
