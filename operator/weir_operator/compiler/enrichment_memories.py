"""What late events are told of a side: what it said last, if that was up to their time.

They leave at once, so they meet the side in the order in which they come: its events, sorted, and the late ones go
through one OVER by arrival, in which LAST_VALUE, which passes over NULLs, remembers of each key what was said last. A
version that was replaced since the event's time is no longer known there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from weir_api.streamjobs import Operator

from .enrichment_keys import BEHIND, Side
from .enrichment_rows import EVENT, NOW, TIME, Stage, view
from .expressions import identifier
from .matchings import POSITION

_INSTANT = "TIMESTAMP_LTZ(3)"
_AT, _ENDED_AT, _MASK = "weir_at", "weir_ended_at", "weir_mask"


@dataclass(frozen=True)
class Remembered:
    """Views that end in `<name>_<side>_late`, and their operator."""

    views: tuple[str, ...]
    operator: Operator


def remembered(name: str, side: Side, before: Stage, events: str) -> Remembered:
    """The late events of `before` with the side; `events`: the view of its events, in order."""
    memory = _Memory(name, side, before, events)
    marker = Operator(name=f"late-side-{side.slug}", columns=(memory.marker, "w0$o0"))
    return Remembered(tuple(memory.views()), marker)


@dataclass(frozen=True)
class _Fact:
    """One thing to remember of a key: its type, and SQL over an event of the side, NULL where that does not say it."""

    name: str
    kind: str
    sql: str


@dataclass(frozen=True)
class _Memory:
    name: str
    side: Side
    before: Stage
    events: str

    @property
    def merges(self) -> bool:
        return self.side.spec.merge == "latestNonNull"

    @property
    def marker(self) -> str:
        """The column that tells the side's rows from events."""
        return f"weir_is_{self.side.slug}"

    @cached_property
    def facts(self) -> list[_Fact]:
        return list(self._merged() if self.merges else self._replaced())

    def _replaced(self) -> Iterator[_Fact]:
        """The newest event as a whole; the mask tells which of its fields have a value, '' that it ended the side."""
        values = [f"CASE WHEN {identifier(name)} IS NULL THEN '0' ELSE '1' END" for name in self.side.fields]
        mask = " || ".join(["'.'", *values])
        yield _Fact(_AT, _INSTANT, TIME)
        yield _Fact(_MASK, "STRING", f"CASE WHEN {self.side.end_when} THEN '' ELSE {mask} END")
        for index, field in enumerate(self.side.fields):
            yield _Fact(f"weir_value_{index}", self.side.kind(field), identifier(field))

    def _merged(self) -> Iterator[_Fact]:
        """Each field's newest value and its time, and when an event ended the side: with all that came up to then."""
        yield _Fact(_ENDED_AT, _INSTANT, f"CASE WHEN {self.side.end_when} THEN CAST({TIME} AS {_INSTANT}) END")
        for index, field in enumerate(self.side.fields):
            last = f"{POSITION} = {self.side.last(field)}"
            says = f"NOT {self.side.end_when} AND {identifier(field)} IS NOT NULL AND {last}"
            value, at = identifier(field), f"CAST({TIME} AS {_INSTANT})"
            yield _Fact(f"weir_value_{index}", self.side.kind(field), f"CASE WHEN {says} THEN {value} END")
            yield _Fact(f"weir_value_at_{index}", _INSTANT, f"CASE WHEN {says} THEN {at} END")

    def views(self) -> Iterator[str]:
        mixed, known_, late = (f"{self.name}_{self.side.slug}_{part}" for part in ("late_mixed", "late_known", "late"))
        keys, now = ", ".join(self.side.keys_of("late")), f"PROCTIME() AS {NOW}"
        names = self.before.columns.names
        yield view(mixed, f"{self._late_events(now)}\nUNION ALL {self._said(now)}")
        facts = ",\n  ".join(f"LAST_VALUE({fact.name}) OVER w AS {fact.name}" for fact in self.facts)
        window = f"PARTITION BY {keys} ORDER BY {NOW} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
        rows = f"SELECT {keys}, {self.marker}, {names},\n  {facts}\nFROM {identifier(mixed)}\nWINDOW w AS ({window})"
        yield view(known_, rows)
        yield view(
            late,
            f"SELECT {names},\n  {self._answer()} AS {self.side.column}\n"
            f"FROM {identifier(known_)} WHERE NOT {self.marker}",
        )

    def _late_events(self, now: str) -> str:
        facts = ", ".join(f"CAST(NULL AS {fact.kind}) AS {fact.name}" for fact in self.facts)
        columns = f"{self.before.columns.names},\n  {facts}"
        return self.side.asking(columns, self.before.late, now, f"FALSE AS {self.marker}", part="late")

    def _said(self, now: str) -> str:
        pairs = zip(self.side.keys_of("sorted"), self.side.keys_of("late"), strict=True)
        keys = ", ".join(f"{key} AS {late}" for key, late in pairs)
        # Late ones say nothing: they are not in order.
        told = [f"CASE WHEN {BEHIND} IS NULL THEN CAST({fact.sql} AS {fact.kind}) END" for fact in self.facts]
        facts = ", ".join(f"{sql} AS {fact.name}" for sql, fact in zip(told, self.facts, strict=True))
        return (
            f"SELECT {keys}, {now}, TRUE AS {self.marker}, {self.before.columns.nulls},\n  {facts}\n"
            f"FROM {identifier(self.events)}"
        )

    def _answer(self) -> str:
        if not self.merges:
            values = [
                f"CASE WHEN SUBSTRING({_MASK} FROM {index + 2} FOR 1) = '1' THEN weir_value_{index} END"
                for index in range(len(self.side.fields))
            ]
            seen = f"{_AT} <= {EVENT}.{TIME} AND {self.side.seen(_AT, f'({_MASK} = {chr(39) * 2})')}"
            return f"CASE WHEN {seen} THEN CAST(ROW({', '.join(values)}) AS {self.side.row_type}) END"
        seen_each = [self._is_seen(f"weir_value_at_{index}") for index in range(len(self.side.fields))]
        values = [f"CASE WHEN {seen} THEN weir_value_{index} END" for index, seen in enumerate(seen_each)]
        known_ = " OR ".join(f"({seen})" for seen in seen_each)
        return f"CASE WHEN {known_} THEN CAST(ROW({', '.join(values)}) AS {self.side.row_type}) END"

    def _is_seen(self, at: str) -> str:
        time = f"{EVENT}.{TIME}"
        ended = f"COALESCE({_ENDED_AT} <= {time} AND {at} <= {_ENDED_AT}, FALSE)"
        return f"{at} <= {time} AND {self.side.seen(at, ended)}"
