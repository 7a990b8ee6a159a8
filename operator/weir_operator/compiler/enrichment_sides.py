"""As-of joins: what an event's own time knows of a side.

An event-time temporal join holds each event until the watermark of both streams has passed it and then finds the
newest version of the side that is not newer than the event. It drops nothing that comes behind the watermark, on
neither side, also when a stream was idle and wakes behind the others: an OVER over both streams would.

A version is what one event of the side said. They come sorted by an OVER (keeping the newest, as Flink makes versions,
would forget an older one that comes after a newer one). It goes by the event time of the side and of all that reaches
its join, together: a side that has fallen silent would keep its last events otherwise. What is late there follows as it
comes and counts when it is the newest. An OVER drops what comes behind a row of its key, so late ones are keys of their
own; and they go no other way, for what is behind two ways may hear on one of them that a silent stream goes on before
the rows of the other are there.

With `merge: latestNonNull` each selected field has versions of its own, those that give it a value. What is expired or
ended is told from the version, so that state depends neither on `expireAfter` nor on `endWhen`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from weir_api.streamjobs import Operator

from . import enrichment_memories as memories
from .enrichment_keys import BEHIND, Side
from .enrichment_rows import EARLY, OFFSET, TIME, Stage, view
from .expressions import identifier, interval
from .matchings import POSITION, POSITION_TYPE, position

_INSTANT = "TIMESTAMP_LTZ(3)"


def joined(name: str, side: Side, before: Stage, *, late: bool) -> Stage:
    """The events of `before` with the side as of their time; without `late`, late ones are left to a look-up."""
    return _AsOf(name, side, before, late).stage()


@dataclass(frozen=True)
class _Aspect:
    """Fields of a side that have their versions in common; `says`: SQL, whether an event of the side is one."""

    index: int
    fields: tuple[str, ...]
    says: str

    @property
    def name(self) -> str:
        """As names of operators may have it."""
        return re.sub(r"[^a-z0-9]+", "-", self.fields[0].lower()).strip("-") or "field"


@dataclass(frozen=True)
class _AsOf:
    name: str
    side: Side
    before: Stage
    with_late: bool

    @property
    def merges(self) -> bool:
        return self.side.spec.merge == "latestNonNull"

    @cached_property
    def aspects(self) -> list[_Aspect]:
        if not self.merges:
            return [_Aspect(0, self.side.fields, "TRUE")]
        return [
            _Aspect(index, (field,), f"({self.side.says(field)}) AND {POSITION} = {self.side.last(field)}")
            for index, field in enumerate(self.side.fields)
        ]

    def stage(self) -> Stage:
        columns = self.before.columns.with_(self.side.column, self.side.row_type)
        views, operators = [*self._versions(), self._joined()], [*self._operators()]
        if self.with_late:
            memory = memories.remembered(self.name, self.side, self.before, self._name("sorted"))
            views += memory.views
            operators.append(memory.operator)
        else:
            nothing = f"CAST(NULL AS {self.side.row_type}) AS {self.side.column}"
            rows = f"SELECT {self.before.columns.names}, {nothing}\nFROM {identifier(self.before.late)}"
            views.append(view(self._name("late"), rows))
        return Stage(tuple(views), self._name("joined"), self._name("late"), columns, tuple(operators))

    def _operators(self) -> Iterator[Operator]:
        slug, reads = self.side.slug, self.side.reads
        yield Operator(name=f"told-{slug}", columns=("window_time",), type="window-table-function", reads=reads)
        yield Operator(name=f"sorted-{slug}", columns=(BEHIND, "w0$o0"), reads=reads)
        for aspect in self.aspects:
            part = f"{slug}-{self._part(aspect)}" if self.merges else slug
            # The planner names what is computed by number, so that only plain columns can be asked for.
            fields = aspect.fields if self.merges else ()
            yield Operator(name=f"newest-{part}", columns=(TIME, *fields), type="deduplicate", reads=reads)
            if self.merges:
                yield Operator(name=f"side-{part}", columns=(self.side.key("asked", 0), self._said(aspect)))
            else:
                yield Operator(name=f"side-{part}", columns=(self.side.key("asked", 0),), type="temporal-join")

    def _part(self, aspect: _Aspect) -> str:
        alike = [other for other in self.aspects if other.name == aspect.name]
        return aspect.name if len(alike) == 1 else f"{aspect.name}-{aspect.index}"

    def _name(self, part: str) -> str:
        return f"{self.name}_{self.side.slug}_{part}"

    def _said(self, aspect: _Aspect) -> str:
        return f"weir_{self.side.slug}_said_{aspect.index}"

    def _versions(self) -> Iterator[str]:
        """The side's events in order, and the newest of each key in each aspect."""
        keys = self.side.keys_of("sorted")
        partition = ", ".join([*keys, BEHIND])
        window = f"PARTITION BY {partition} ORDER BY {TIME} RANGE BETWEEN {interval(0)} PRECEDING AND CURRENT ROW"
        # Rows of the same key come in any order when several threads work: the place tells the last of a millisecond.
        told = self.side.told if self.merges else {self.side.last(""): "TRUE"}
        lasts = ", ".join(f"MAX(CASE WHEN {says} THEN {POSITION} END) OVER w AS {last}" for last, says in told.items())
        if self.merges:
            lasts += f", MAX({POSITION}) OVER w AS weir_last"
        # Always true with a merge; but what reads this is not worked out below the OVER, which would then not be one.
        kept = f"\nWHERE {POSITION} " + ("<= weir_last" if self.merges else f"= {self.side.last('')}")
        # Those that are late at one event time are one key, so that of a millisecond the last is known of them too.
        behind = f"CASE WHEN {TIME} <= CURRENT_WATERMARK({TIME}) THEN CURRENT_WATERMARK({TIME}) END AS {BEHIND}"
        columns = ", ".join([*keys, *(identifier(name) for name in self.side.spec.declared), TIME, POSITION])
        yield view(self._name("both"), "\nUNION ALL ".join([self._keyed(), *map(self._tick, self.side.reads[1:])]))
        # A window that nobody asks for: what is worked out above a UNION alone is put below it, where each branch has
        # an event time of its own.
        both = f"TUMBLE(TABLE {identifier(self._name('both'))}, DESCRIPTOR({TIME}), {interval(1000)})"
        yield view(self._name("said"), f"SELECT {columns}, {behind}\nFROM TABLE({both})")
        yield view(
            self._name("sorted"),
            f"SELECT * FROM (\nSELECT *, {lasts}\nFROM {identifier(self._name('said'))}\n"
            f"WINDOW w AS ({window})\n){kept}",
        )
        for aspect in self.aspects:
            yield view(self._name(f"versions_{aspect.index}"), self._newest(aspect))

    def _keyed(self) -> str:
        """All events of the side. An OVER takes none of the first millisecond of 1970 or before."""
        keys = [
            f"CAST({identifier(field)} AS {self.side.key_kind(field)}) AS {key}"
            for field, key in zip(self.side.spec.on.values(), self.side.keys_of("sorted"), strict=True)
        ]
        fields = [identifier(name) for name in self.side.spec.declared]
        columns = ", ".join([*keys, *fields, TIME])
        return f"SELECT {columns}, {position()} AS {POSITION}\nFROM ({self.side.events}) WHERE NOT {EARLY}"

    def _tick(self, table: str) -> str:
        """No row, but the event time of that table: the planner cannot know that offsets are not negative."""
        declared = self.side.spec.declared
        kinds = [self.side.key_kind(field) for field in self.side.spec.on.values()]
        kinds += [self.side.kind(name) for name in declared]
        nulls = ", ".join(f"CAST(NULL AS {kind})" for kind in kinds)
        return f"SELECT {nulls}, {TIME}, CAST(NULL AS {POSITION_TYPE})\nFROM {identifier(table)} WHERE {OFFSET} < 0"

    def _newest(self, aspect: _Aspect) -> str:
        keys, known_keys = self.side.keys_of("sorted"), self.side.keys_of(f"known_{aspect.index}")
        named = [f"{key} AS {other}" for key, other in zip(keys, known_keys, strict=True)]
        fields = ", ".join(identifier(field) for field in aspect.fields)
        said = fields if self.merges else f"CAST(ROW({fields}) AS {self.side.row_type})"
        columns = [
            *named,
            TIME,
            f"CAST({TIME} AS {_INSTANT}) AS weir_at",
            f"{self.side.end_when} AS weir_ended",
            f"{said} AS {self._said(aspect)}",
        ]
        number = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(keys)} ORDER BY {TIME} DESC) AS weir_number"
        kept = ", ".join([*known_keys, TIME, "weir_at", "weir_ended", self._said(aspect)])
        return (
            f"SELECT {kept} FROM (\nSELECT {', '.join(columns)}, {number}\n"
            f"FROM {identifier(self._name('sorted'))} WHERE {aspect.says}\n) WHERE weir_number = 1"
        )

    def _joined(self) -> str:
        """One join for all events: a NULL in a key equals nothing. To part them would make two of all before."""
        carried = list(self.before.columns.types)
        joins = []
        for aspect in self.aspects:
            other = f"v{aspect.index}"
            pairs = zip(self.side.keys_of("asked"), self.side.keys_of(f"known_{aspect.index}"), strict=True)
            same = " AND ".join(f"e.{asked} = {other}.{known_}" for asked, known_ in pairs)
            versions = identifier(self._name(f"versions_{aspect.index}"))
            joins.append(f"LEFT JOIN {versions} FOR SYSTEM_TIME AS OF e.{TIME} AS {other} ON {same}")
        columns = ", ".join(f"e.{name}" for name in (TIME, *carried))
        lines = "\n".join(joins)
        asking = self.side.asking(self.before.columns.names, self.before.on_time, TIME)
        return view(
            self._name("joined"),
            f"SELECT {columns},\n  {self._answer()} AS {self.side.column}\nFROM ({asking}) e\n{lines}",
        )

    def _answer(self) -> str:
        seen = [self.side.seen(f"v{a.index}.weir_at", f"v{a.index}.weir_ended") for a in self.aspects]
        if not self.merges:
            return f"CASE WHEN {seen[0]} THEN v0.{self._said(self.aspects[0])} END"
        values = [
            f"CASE WHEN {condition} THEN v{aspect.index}.{self._said(aspect)} END"
            for aspect, condition in zip(self.aspects, seen, strict=True)
        ]
        known_ = " OR ".join(f"({condition})" for condition in seen)
        return f"CASE WHEN {known_} THEN CAST(ROW({', '.join(values)}) AS {self.side.row_type}) END"
