"""A Kafka stream as tables and views: readable events on time, late ones, and what cannot be read.

Every record goes to exactly one place: the events view, the late topic, the dead-letter topic, or, where the source's
`where` is not TRUE for it, nowhere. docs/dead-letters.md says what counts as unreadable, and what as late. Among that
is an event so far ahead of its record's own time that its clock must be wrong: it must not move event time, or every
event behind it would be late.
"""

from collections.abc import Callable
from dataclasses import dataclass

from weir_api.blocks import Delivery, Source
from weir_api.durations import milliseconds
from weir_api.errors import FieldError, SpecError, join
from weir_api.streamjobs import Check, Insert, Topic
from weir_api.tables import DELETED, Table

from . import csv_records, dead_letters, json_records, table_records
from .expressions import ExpressionError, Scope, bound, identifier, interval
from .kafka_options import secret, source_options, with_clause
from .readings import reading
from .records import Field, RecordFormat
from .row_values import PLACE, RowValues
from .shapes import shape
from .times import EPOCH

LATE = "weir_time <= CURRENT_WATERMARK(weir_time)"
ON_TIME = "(CURRENT_WATERMARK(weir_time) IS NULL OR weir_time > CURRENT_WATERMARK(weir_time))"


@dataclass(frozen=True)
class SourceParts:
    """What a source brings to a program, each in order; views are quoted. `late_view`: only where it was asked for.

    `at_any_time`: a query of them all, late or not. `table`: the one that events are read from, unquoted. `letters`: a
    query of what cannot be read; where late events are a view, no insert of these writes it.
    """

    tables: tuple[str, ...]
    inserts: tuple[Insert, ...]
    topics: tuple[Topic, ...]
    checks: tuple[Check, ...]
    events_view: str
    table: str
    letters: str
    late_view: str = ""
    at_any_time: str = ""


@dataclass(frozen=True)
class RowTime:
    """What stands in weir_time instead of the event's own time: when that is over which the event belongs to.

    `of`: SQL for it over SQL for the event's time. Event time has passed it when an event came that is `delay` ms (and
    outOfOrderness) later; then events that belong to it are still on time for `keep` ms. The session's time zone may
    then be any.
    """

    of: Callable[[str], str]
    delay: int
    keep: int

    @property
    def conditions(self) -> tuple[str, str]:
        """SQL over the records: on time, late; one of the two is TRUE."""
        gone = f"weir_time + {interval(self.keep)} <= CURRENT_WATERMARK(weir_time)"
        return f"(CURRENT_WATERMARK(weir_time) IS NULL OR NOT ({gone}))", gone


@dataclass(frozen=True)
class Part:
    """Which of a resource's sources: its one or main one, or a further one of this name (a DNS label).

    `uses_late`: late events are a view of the program, not records of the late topic. So are those up to the first
    millisecond of 1970, which a range OVER drops. `keeps_late`: SQL over the fields, which late events go to that
    topic. `idle_after`: where the source does not say it.
    """

    of: str = ""
    uses_late: bool = False
    keeps_late: str = "TRUE"
    idle_after: str | None = None
    row_time: RowTime | None = None

    def prefix(self, name: str) -> str:
        """What the source's tables and views are called, unlike those of other sources of the resource `name`."""
        return f"{name}_of_{self.of}" if self.of else name

    def group(self, namespace: str, name: str) -> str:
        """The consumer group; a resource's name has no dot, so that no other resource has it."""
        return f"weir-{namespace}-{name}" + (f".{self.of}" if self.of else "")

    def timed(self, source: Source) -> Source:
        """The source with what it does not say of its times."""
        idle_after = source.timestamp.idle_after or self.idle_after
        timestamp = source.timestamp.model_copy(update={"idle_after": idle_after})
        return source.model_copy(update={"timestamp": timestamp})

    def conditions(self, possible: str) -> tuple[str, str]:
        """SQL over the records: on time, late. `possible`: that the clock can be right; where not, it counts as late.

        One of the two is TRUE, unless late events are used: an impossible one then is neither.
        """
        on_time, late = ON_TIME, LATE
        if self.row_time is not None:
            on_time, late = self.row_time.conditions
        elif self.uses_late:
            on_time, late = f"({ON_TIME} AND weir_time > {EPOCH})", f"({LATE} OR weir_time <= {EPOCH})"
        if possible == "TRUE":
            return on_time, late
        further = f"AND {possible}" if self.uses_late else f"OR NOT {possible}"
        return f"({on_time} AND {possible})", f"({late} {further})"

    def misdated(self, source: Source, possible: str) -> tuple[str, str] | None:
        """Of a program that uses late events, those whose time it cannot use: SQL, and why."""
        if not self.uses_late:
            return None
        if self.of:
            return f"weir_time <= {EPOCH}", "its time is not after 1970-01-01T00:00:00Z"
        if possible == "TRUE":
            return None
        return f"NOT {possible}", f"its time is more than {source.timestamp.max_ahead} ahead of its record's"


def events_view(prefix: str) -> str:
    """The quoted name of the view with the readable events that are on time."""
    return identifier(f"{prefix}_events")


def source_program(
    namespace: str,
    name: str,
    source: Source,
    *,
    required_fields: tuple[str, ...] = (),
    delivery: Delivery = "exactlyOnce",
    path: str = "spec.source",
    part: Part = Part(),
) -> SourceParts:
    """Everything that reads this source for the StreamJob `name`. Dead letters of all its sources share one table.

    A record whose field of `required_fields` is missing or null counts as unreadable. Raises SpecError, with field
    paths below `path`, for what this compiler cannot do.
    """
    fields = _fields(source, required_fields, path)
    record = _format(source, fields, path, required_fields)
    where = _where(source, fields, path)
    prefix, group = part.prefix(name), part.group(namespace, name)
    rows, behind = identifier(f"{prefix}_readable"), identifier(f"{prefix}_behind")
    time = _Time(part.timed(source), _time(source, record, part.row_time), part.row_time)
    possible = time.possible()
    # What is late or not is asked first: so each record is read in one of the two places only.
    on_time, late = (
        f"FROM (\n{_rows(prefix, source, record, fields, each)}\n) WHERE {where}" for each in part.conditions(possible)
    )
    tables = [
        _records_table(prefix, group, record, time),
        f"CREATE TEMPORARY VIEW {rows} AS\n{_rows(prefix, source, record, fields)}",
        f"CREATE TEMPORARY VIEW {events_view(prefix)} AS\n{_columns(fields)}{on_time}",
        *record.suspects(prefix, f"{group}-dead-letters"),
    ]
    letters = dead_letters.dead_letter_query(prefix)
    if misdated := part.misdated(source, possible):
        condition, why = misdated
        letters += f"\nUNION ALL {dead_letters.event_query(prefix, source.fields, f'{where} AND {condition}', why)}"
    inserts = [] if part.uses_late else [dead_letters.dead_letter_insert(name, [letters])]
    if not part.of:
        tables.append(dead_letters.dead_letter_table(name, source, delivery))
    if part.uses_late:
        tables.append(f"CREATE TEMPORARY VIEW {behind} AS\n{_columns(fields)}{late}")
    else:
        tables.append(dead_letters.late_table(name, source, fields, delivery))
        inserts.append(dead_letters.late_insert(name, f"{late} AND ({part.keeps_late})", fields))
    checks = (Check(path=f"{path}.where", expression=where, scope=rows, condition=True),) if source.where else ()
    return SourceParts(
        tuple(tables), tuple(inserts), _topics(name, source, part), checks, events_view(prefix), f"{prefix}_records",
        letters, behind if part.uses_late else "", f"{_columns(fields)}FROM {rows} WHERE {where}",
    )  # fmt: skip


def _columns(fields: tuple[Field, ...]) -> str:
    columns = ",\n  ".join(identifier(field.name) for field in fields)
    return f"SELECT {columns},\n  weir_time, weir_partition, weir_offset\n"


def _fields(source: Source, required: tuple[str, ...], path: str) -> tuple[Field, ...]:
    fields: list[Field] = []
    errors: list[FieldError] = []
    for name, declared in source.fields.items():
        try:
            kind = shape(declared)
            reading(kind, "x")
        except ValueError as wrong:
            errors.append(FieldError(path=join(path, "fields", name), message=str(wrong)))
            continue
        must = name in required or name == source.timestamp.field or not kind.nullable
        fields.append(Field(name, kind, required=must))
    if errors:
        raise SpecError(errors)
    deleted = [Field(DELETED, shape("BOOLEAN"))] if isinstance(source, Table) else []
    return (*fields, *deleted)


def _format(source: Source, fields: tuple[Field, ...], path: str, keys: tuple[str, ...]) -> RecordFormat:
    if isinstance(source, Table):
        return table_records.TableRecords(source, fields, keys)
    match source.format:
        case "json":
            return json_records.JsonRecords(source, fields)
        case "csv":
            return csv_records.CsvRecords(source, fields)
    raise SpecError([FieldError(path=f"{path}.format", message="avro cannot be read yet: use json or csv")])


def _where(source: Source, fields: tuple[Field, ...], path: str) -> str:
    if source.where is None:
        return "TRUE"
    try:
        return f"({bound(source.where, Scope(columns={field.name: identifier(field.name) for field in fields}))})"
    except ExpressionError as wrong:
        raise SpecError([FieldError(path=f"{path}.where", message=str(wrong))]) from wrong


@dataclass(frozen=True)
class _Time:
    """Event time of a source's records. `own`: SQL over them for that of an event."""

    source: Source
    own: str
    row_time: RowTime | None

    def column(self) -> str:
        """SQL for weir_time."""
        return self.own if self.row_time is None else self.row_time.of(self.own)

    def possible(self) -> str:
        """SQL: TRUE where the event's clock can be right; just TRUE where its time is its record's own."""
        if self.source.timestamp.field is None:
            return "TRUE"
        time = "weir_time" if self.row_time is None else self.own
        return f"{time} <= weir_at + {interval(milliseconds(self.source.timestamp.max_ahead))}"

    def watermark(self) -> str:
        """SQL for how far event time is with a record; NULL where it tells nothing."""
        behind = milliseconds(self.source.timestamp.out_of_orderness)
        behind += 0 if self.row_time is None else self.row_time.delay
        reached = f"{'weir_time' if self.row_time is None else self.own} - {interval(behind)}"
        possible = self.possible()
        return reached if possible == "TRUE" else f"CASE WHEN {possible} THEN {reached} END"


def _records_table(name: str, group: str, record: RecordFormat, time: _Time) -> str:
    source = time.source
    lines = [
        *record.columns(),
        "weir_topic STRING METADATA FROM 'topic' VIRTUAL",
        "weir_partition INT METADATA FROM 'partition' VIRTUAL",
        "weir_offset BIGINT METADATA FROM 'offset' VIRTUAL",
        "weir_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL",
        f"weir_time AS {time.column()}",
        f"WATERMARK FOR weir_time AS {time.watermark()}",
    ]
    options = source_options(source, group) | record.options()
    # A source of which all partitions are idle is passed over by whoever has other inputs. When it wakes, an interval
    # join hears of it on one input before the other and forgets what it needs: not unless it is asked for.
    if source.timestamp.idle_after is not None:
        options["scan.watermark.idle-timeout"] = f"{milliseconds(source.timestamp.idle_after)} ms"
    # One reader knows how far all partitions are. With several, a partition that was idle wakes behind the others and
    # its records would count as on time here and be dropped by whoever has seen the others' watermark.
    options["scan.parallelism"] = "1"
    columns = ",\n  ".join(lines)
    return f"CREATE TEMPORARY TABLE {identifier(f'{name}_records')} (\n  {columns}\n) {with_clause(options)}"


def _time(source: Source, record: RecordFormat, row_time: RowTime | None) -> str:
    if source.timestamp.field is None:
        return "weir_at"
    read = record.time()
    return read.value if row_time is None or read.anywhere is None else read.anywhere


def _rows(name: str, source: Source, record: RecordFormat, fields: tuple[Field, ...], condition: str = "TRUE") -> str:
    """The readable records that the condition holds for, their fields as declared."""
    values = RowValues(fields, timed=source.timestamp.field is not None)
    columns = ", ".join(identifier(field.name) for field in fields)
    texts = record.texts(identifier(f"{name}_records"), condition)
    return f"SELECT {columns}, weir_time, {PLACE}\nFROM (\n  {values.query(texts)}\n)\nWHERE {values.readable()}"


def _topics(name: str, source: Source, part: Part) -> tuple[Topic, ...]:
    read = () if source.topic is None else (source.topic,)
    servers, known = source.bootstrap_servers, secret(source.authentication)
    config = {"cleanup.policy": "compact"} if isinstance(source, Table) else {}
    sources = tuple(
        Topic(name=topic, create=True, role="source", bootstrap_servers=servers, secret=known, config=config)
        for topic in read
    )
    if part.of:
        return sources
    letters = dead_letters.topics(name, source)
    return sources + (letters[:1] if part.uses_late else letters)
