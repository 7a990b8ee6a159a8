"""What is written for each event: a JSON object, as docs/enrichment.md describes the wire format."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weir_api.enrichments import FIRST_OCCURRENCE, EnrichmentPipelineSpec
from weir_api.errors import FieldError, join
from weir_api.lookups import HttpLookup
from weir_api.streamjobs import Check, Topic

from .dead_letters import dead_letter_topic
from .enrichment_keys import side_column
from .enrichment_rows import EVENT, FIRST, OFFSET, PARTITION, TIME, Columns, view
from .expressions import ExpressionError, Scope, bound, identifier, text
from .json_texts import event_object, json_object, writable
from .lookup_columns import FAILURE
from .shapes import shape
from .sinks import id_header, record_time, sink_topic, text_table


@dataclass(frozen=True)
class Written:
    """The output's JSON over the view of `flat_view`, the expressions to check there, and what is wrong with them."""

    value: str
    checks: tuple[Check, ...]
    errors: tuple[FieldError, ...]


def fails(spec: EnrichmentPipelineSpec) -> bool:
    """Whether an event may become a dead letter for a look-up."""
    asked = (side.lookup for side in spec.enrichments)
    return any(isinstance(lookup, HttpLookup) and lookup.on_error == "deadLetter" for lookup in asked)


def flat_view(name: str, spec: EnrichmentPipelineSpec, columns: Columns, rows: str, *, fails: bool) -> str:
    """The view in which everything `output` may name is a column: fields, `<side>.<field>`, flags, and the place."""
    listed = [f"{columns.of_event(field)} AS {identifier(field)}" for field in spec.source.fields]
    for side in spec.enrichments:
        listed += [
            f"{side_column(side)}.{identifier(field)} AS {identifier(f'{side.name}.{field}')}" for field in side.select
        ]
    if spec.flags.first_occurrence is not None:
        listed.append(f"{FIRST} AS {identifier(FIRST_OCCURRENCE)}")
    listed += [f"{EVENT}.{own} AS {own}" for own in (TIME, PARTITION, OFFSET)]
    if fails:
        listed.append(FAILURE)
    joined = ",\n  ".join(listed)
    return view(name, f"SELECT {joined}\nFROM {identifier(rows)}")


def output_scope(spec: EnrichmentPipelineSpec) -> Scope:
    """The names an expression of `output` may use."""
    columns = {name: identifier(name) for name in (*spec.source.fields, TIME)}
    if spec.flags.first_occurrence is not None:
        columns[FIRST_OCCURRENCE] = identifier(FIRST_OCCURRENCE)
    sides = {
        side.name: {field: identifier(f"{side.name}.{field}") for field in side.select} for side in spec.enrichments
    }
    return Scope(columns=columns, rows=sides)


def written(spec: EnrichmentPipelineSpec, scope_view: str) -> Written:
    """What `output` writes, or all fields under their own names; `scope_view` is quoted."""
    if spec.output is None:
        return Written(json_object(_flat(spec)), (), ())
    scope = output_scope(spec)
    checks: list[Check] = []
    errors: list[FieldError] = []

    def tree(path: str, output: Mapping[str, object]) -> str:
        return json_object((name, leaf(join(path, name), value)) for name, value in output.items())

    def leaf(path: str, value: object) -> str:
        if isinstance(value, Mapping):
            return tree(path, value)
        try:
            expression = bound(str(value), scope)
        except ExpressionError as error:
            errors.append(FieldError(path=path, message=str(error)))
            return "NULL"
        checks.append(Check(path=path, expression=expression, scope=scope_view))
        return expression

    return Written(tree("spec.output", spec.output), tuple(checks), tuple(errors))


def _flat(spec: EnrichmentPipelineSpec) -> Iterator[tuple[str, str]]:
    for name, kind in spec.source.fields.items():
        yield name, writable(kind, identifier(name))
    for side in spec.enrichments:
        for name in side.select:
            yield name, writable(side.declared[name], identifier(f"{side.name}.{name}"))
    if spec.flags.first_occurrence is not None:
        yield FIRST_OCCURRENCE, identifier(FIRST_OCCURRENCE)


def topics(name: str, spec: EnrichmentPipelineSpec) -> tuple[Topic, ...]:
    """The topics that results go to."""
    sink = sink_topic(spec.sink.stream(name), spec.source.bootstrap_servers, spec.source.authentication)
    letters = sink.model_copy(update={"name": dead_letter_topic(name), "role": "deadLetters", "partitions": 1})
    return (sink, letters) if fails(spec) else (sink,)


def output_table(table: str, name: str, spec: EnrichmentPipelineSpec) -> str:
    """CREATE TABLE for the topic: the key's fields, the value as JSON text, the record's time and its headers.

    Where a look-up may fail the topic is a column: two inserts would make two of every look-up.
    """
    return text_table(
        table,
        ";".join(topic.name for topic in topics(name, spec)),
        {key: shape(spec.source.fields[key]).sql for key in spec.key_by},
        time_column="weir_event_time",
        delivery=spec.delivery,
        servers=spec.sink.bootstrap_servers or spec.source.bootstrap_servers,
        authentication=spec.source.authentication,
        further=("weir_topic STRING METADATA FROM 'topic'",) if fails(spec) else (),
    )


def output_insert(table: str, name: str, spec: EnrichmentPipelineSpec, value: str, rows: str) -> str:
    """INSERT of every event of the quoted view `rows`."""
    keys = "".join(f"{identifier(key)}, " for key in spec.key_by)
    place = f"CAST({PARTITION} AS STRING), '-', CAST({OFFSET} AS STRING)"
    identity = f"CONCAT({text(f'{name}/')}, {place})"
    topic = ""
    if fails(spec):
        value = f"CASE WHEN {FAILURE} IS NULL THEN {value} ELSE {_dead_letter(spec)} END"
        names = [text(each.name) for each in topics(name, spec)]
        topic = f",\n  CASE WHEN {FAILURE} IS NULL THEN {names[0]} ELSE {names[1]} END"
    return (
        f"INSERT INTO {identifier(table)}\nSELECT {keys}{value},\n  {record_time(TIME)},\n"
        f"  {id_header(identity)}{topic}\nFROM {rows}"
    )


def _dead_letter(spec: EnrichmentPipelineSpec) -> str:
    """As other dead letters; an event is shown by its declared fields, since its bytes are gone by then."""
    event = event_object(spec.source.fields)
    topic = "CAST(NULL AS STRING)" if spec.source.topic is None else text(spec.source.topic)
    # An object within an object would not be text: CONCAT makes it some.
    parts = {
        "topic": topic, "partition": PARTITION, "offset": OFFSET, "timestamp": TIME, "reason": FAILURE,
        "raw": f"TO_BASE64({event})", "text": f"CONCAT({event}, '')",
    }  # fmt: skip
    return json_object(parts.items())
