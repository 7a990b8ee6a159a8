"""What every plan for a sequence shares: the steps in normal form, the rows that flow, and what a plan gives back.

Every view has the key fields under their own names. An event travels as one ROW of fixed shape (all declared fields,
then its time, partition and offset), so that the state of a plan depends on neither `where` nor `emit`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir_api.durations import milliseconds
from weir_api.patterns import Contiguity, PatternSpec, Step
from weir_api.streamjobs import Operator

from .expressions import identifier, interval
from .shapes import shape

TIME, PARTITION, OFFSET = "weir_time", "weir_partition", "weir_offset"
POSITION = "weir_position"
EVENT = "weir_event"

# Time, partition and offset as one number, since arrays can be sorted by a number only. 14 digits of offset and 6 of
# partition are more than Kafka gives; 18 of milliseconds are more than SQL's timestamps have.
_SHIFT_TIME = "CAST('100000000000000000000' AS DECIMAL(21, 0))"
_SHIFT_PARTITION = "100000000000000"
POSITION_TYPE = "DECIMAL(38, 0)"


def position(prefix: str = "") -> str:
    """SQL for the place of an event in the total order of its key: time, then partition, then offset."""
    return (
        f"CAST({_shifted(f'{prefix}{TIME}')}"
        f" + {prefix}{PARTITION} * {_SHIFT_PARTITION} + {prefix}{OFFSET} AS {POSITION_TYPE})"
    )


def first_position(time: str) -> str:
    """SQL for the first place an event of this instant could have."""
    return f"CAST({_shifted(time)} AS {POSITION_TYPE})"


def _shifted(time: str) -> str:
    instant = f"EXTRACT(EPOCH FROM {time}) * 1000 + EXTRACT(MILLISECOND FROM {time})"
    return f"CAST({instant} AS DECIMAL(17, 0)) * {_SHIFT_TIME}"


def precedes(first: str, second: str) -> str:
    """SQL for whether one event, as its ROW, comes before another in that order; cheaper than two positions."""
    a, b = first, second
    offset = f"{a}.{OFFSET} < {b}.{OFFSET}"
    partition = f"{a}.{PARTITION} < {b}.{PARTITION} OR {a}.{PARTITION} = {b}.{PARTITION} AND {offset}"
    return f"({a}.{TIME} < {b}.{TIME} OR {a}.{TIME} = {b}.{TIME} AND ({partition}))"


@dataclass(frozen=True)
class Taking:
    """A step that takes events, named by its flag: the BOOLEAN column that tells whether an event satisfies it.

    `absence`: the flag of the absent step behind it, watched while an attempt waits for what follows.
    """

    name: str
    flag: str
    contiguity: Contiguity
    minimum: int
    maximum: int | None
    absence: str | None = None


@dataclass(frozen=True)
class Ending:
    """The absence at the end: no such event until `within` after the last event of the taking `after`.

    None: after the very first event.
    """

    flag: str
    after: int | None


@dataclass(frozen=True)
class Course:
    """A spec's sequence in normal form; durations in ms.

    A match is complete as soon as it can be: steps at the end that need no event are gone (`left_out`), and the last
    one takes its fewest. `flags`: column -> condition over the fields; which there are does not depend on any `where`.
    """

    flags: Mapping[str, str]
    takings: tuple[Taking, ...]
    ending: Ending | None
    left_out: tuple[str, ...]
    within: int
    keys: tuple[str, ...]
    fields: Mapping[str, str]
    skip_past_last: bool


@dataclass(frozen=True)
class Plan:
    """Views in order; the last one is `matches`: keys, a column `<step>.<field>` each, weir_match_time, weir_id."""

    views: tuple[str, ...]
    matches: str
    operators: tuple[Operator, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def normal_form(spec: PatternSpec, conditions: Sequence[str]) -> Course:
    """The sequence with what cannot matter taken away; `conditions` are the steps' bound `where`, in order."""
    takings: list[Taking] = []
    for step, flag in zip(spec.sequence, _flags(spec), strict=True):
        if not step.absent:
            takings.append(_taking(step, flag))
        elif takings[-1].absence is None:
            takings[-1] = replace(takings[-1], absence=flag)
    left_out: list[str] = [step.name for step in spec.sequence if step.absent]
    while takings[-1].minimum == 0:
        left_out.append(takings.pop().name)
    takings[-1] = replace(takings[-1], maximum=takings[-1].minimum, absence=None)
    return Course(
        flags=dict(zip(_flags(spec), conditions, strict=True)),
        takings=tuple(takings),
        ending=_ending(spec, [taking.name for taking in takings]),
        left_out=tuple(left_out),
        within=milliseconds(spec.within),
        keys=spec.key_by,
        fields=spec.source.fields,
        skip_past_last=spec.on_match == "skipPastLast",
    )


def _flags(spec: PatternSpec) -> list[str]:
    return [f"weir_is_{index}" for index in range(len(spec.sequence))]


def _taking(step: Step, flag: str) -> Taking:
    minimum, maximum = (1, 1) if step.times is None else (step.times.min, step.times.max)
    return Taking(step.name, flag, step.contiguity, minimum, maximum)


def _ending(spec: PatternSpec, names: Sequence[str]) -> Ending | None:
    last = spec.sequence[-1]
    if not last.absent:
        return None
    return Ending(_flags(spec)[-1], names.index(last.after) if last.after in names else None)


def event_type(fields: Mapping[str, str]) -> str:
    """The type of the ROW an event travels as."""
    declared = [f"{identifier(name)} {shape(kind).sql}" for name, kind in fields.items()]
    own = [f"{TIME} TIMESTAMP_LTZ(3)", f"{PARTITION} INT", f"{OFFSET} BIGINT"]
    return f"ROW<{', '.join([*declared, *own])}>"


def event_row(fields: Mapping[str, str]) -> str:
    """SQL for an event as one ROW. The CAST is what keeps the planner from taking it apart and dropping fields."""
    columns = [identifier(name) for name in fields]
    own = [f"CAST({TIME} AS TIMESTAMP_LTZ(3))", PARTITION, OFFSET]
    return f"CAST(ROW({', '.join([*columns, *own])}) AS {event_type(fields)})"


def view(name: str, query: str) -> str:
    """The statement that makes a view."""
    return f"CREATE TEMPORARY VIEW {identifier(name)} AS\n{query}"


def steps_view(course: Course, name: str, events: str) -> str:
    """The view of all events: keys, time, place, the event as one ROW, a flag per step.

    `events` is the quoted name of the view they come from, in which no key is NULL.
    """
    keys = [identifier(key) for key in course.keys]
    flags = [f"({condition}) IS TRUE AS {flag}" for flag, condition in course.flags.items()]
    columns = [*keys, TIME, f"{position()} AS {POSITION}", f"{event_row(course.fields)} AS {EVENT}", *flags]
    return view(name, f"SELECT {', '.join(columns)}\nFROM {events}")


def conclusion(course: Course, name: str, source: str, events: Mapping[str, str], identity: Sequence[str]) -> str:
    """The view of matches, flat: keys, `<step>.<field>` for every step and field, weir_match_time, weir_id.

    `events`: step -> the column with its last event; steps that are not in it have NULLs. `identity`: the columns with
    the events whose places make the match's id, the first event of the match first.
    """
    keys = [identifier(key) for key in course.keys]
    columns = [
        column
        for step in [*(taking.name for taking in course.takings), *course.left_out]
        for column in _fields_of(course, step, events.get(step))
    ]
    time = f"{events[course.takings[-1].name]}.{TIME}"
    if course.ending is not None:
        after = course.ending.after
        counted_from = identity[0] if after is None else events[course.takings[after].name]
        time = f"{counted_from}.{TIME} + {interval(course.within)}"
    places = [f"'/', CAST({event}.{PARTITION} AS STRING), '-', CAST({event}.{OFFSET} AS STRING)" for event in identity]
    return view(
        name,
        f"SELECT {', '.join([*keys, *columns])},\n  CAST({time} AS TIMESTAMP_LTZ(3)) AS weir_match_time,\n"
        f"  CONCAT({', '.join(places)[5:]}) AS weir_id\nFROM {identifier(source)}",
    )


def _fields_of(course: Course, step: str, event: str | None) -> list[str]:
    kinds = {name: shape(kind).sql for name, kind in course.fields.items()} | {TIME: "TIMESTAMP_LTZ(3)"}
    return [
        f"{f'{event}.{identifier(field)}' if event else f'CAST(NULL AS {kind})'} AS {identifier(f'{step}.{field}')}"
        for field, kind in kinds.items()
    ]
