"""The plan for many open attempts: a chain of interval joins, each of which adds the one event an attempt takes next.

An interval join emits when a row arrives and forgets by event time, but it finds *all* pairs. That an event is the
*first* an attempt could take is known before the join: each event carries the place of the event before it among
those that count (from an event-time OVER of `within`, which forgets by event time too), and joins only attempts that
stand at or behind that place. So no operator needs a timer per attempt, and nothing is held back.

An absence at the end is an outer join, which emits by watermark. It comes first, on the events the deadline counts
from, because a join holds back the watermark of what follows it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from weir_api.patterns import Contiguity
from weir_api.streamjobs import Operator

from .expressions import identifier, interval
from .matching_absences import ends_after, in_order, kept_view
from .matchings import (
    EVENT,
    POSITION,
    POSITION_TYPE,
    TIME,
    Course,
    Plan,
    conclusion,
    position,
    precedes,
    steps_view,
    view,
)

_LONGEST = 6  # events per match; each is a join with state of its own


@dataclass(frozen=True)
class _Hop:
    """The `index`-th event of a match: it has `flag`, and none of the `watched` came between it and the one before.

    `watched` is a condition over flags; None: any later event will do.
    """

    index: int
    step: int
    flag: str
    contiguity: Contiguity
    watched: str | None


def supports(course: Course) -> bool:
    """Whether this plan can express the sequence: every step takes a fixed number of events, and all matches count."""
    fixed = all(taking.minimum == taking.maximum for taking in course.takings)
    hops = _hops(course) if fixed else []
    if course.skip_past_last or not 0 < len(hops) <= _LONGEST:
        return False
    if course.ending is None:
        return True
    behind = hops[_anchor(course, hops) + 1 :]
    return all(hop.contiguity != "followedByAny" for hop in behind)


def plan(course: Course, name: str, events: str) -> Plan:
    """The views from the view `events` to the matches; `name` begins all their names."""
    return _Chain(course, name, events).plan()


def _hops(course: Course) -> list[_Hop]:
    hops: list[_Hop] = []
    for step, taking in enumerate(course.takings):
        for repetition in range(taking.minimum):
            first = repetition == 0
            contiguity: Contiguity = taking.contiguity
            if not first and contiguity == "followedByAny":
                contiguity = "followedBy"
            absence = course.takings[step - 1].absence if step > 0 and first else None
            hops.append(_Hop(len(hops), step, taking.flag, contiguity, _watched(taking.flag, contiguity, absence)))
    return hops


def _watched(flag: str, contiguity: Contiguity, absence: str | None) -> str | None:
    match contiguity:
        case "next":
            return "TRUE"
        case "followedByAny":
            return absence
        case "followedBy":
            return f"{flag} OR {absence}" if absence else flag


def _anchor(course: Course, hops: Sequence[_Hop]) -> int:
    """The hop whose event the deadline counts from."""
    if course.ending is None or course.ending.after is None:
        return 0
    return max(hop.index for hop in hops if hop.step == course.ending.after)


@dataclass(frozen=True)
class _Chain:
    """The views of one plan, in the order in which they build on each other."""

    course: Course
    name: str
    events: str

    @cached_property
    def hops(self) -> list[_Hop]:
        return _hops(self.course)

    @cached_property
    def anchor(self) -> int:
        return _anchor(self.course, self.hops)

    @cached_property
    def keys(self) -> list[str]:
        return [identifier(key) for key in self.course.keys]

    @cached_property
    def shares(self) -> bool:
        """Whether the OVER of the predecessors can also tell what an end event reaches back to."""
        return self.course.ending is not None and len(self.hops) - 1 == self.anchor + 1

    @cached_property
    def waits_in_order(self) -> bool:
        """Whether something joins the events that a deadline counts from, so that they must be sorted.

        The outer join has one timer per key, for the row that came first. An earlier event that comes after a later one
        waits for the later one's timer, and by then what it should be joined with may be forgotten.
        """
        return self.course.ending is not None and len(self.hops) > 1

    @cached_property
    def classes(self) -> list[str]:
        """The sets of events of which a predecessor is asked; each is an array in the OVER."""
        asked = [hop.watched for hop in self.hops[1:] if hop.watched is not None]
        if self.shares and self.course.ending is not None:
            asked.append(self.hops[-1].flag)
        if self.waits_in_order and not asked:
            asked.append(self.hops[self.anchor].flag)
        return list(dict.fromkeys(asked))

    def plan(self) -> Plan:
        views = [steps_view(self.course, self._name("steps"), self.events), *self._ordered(), *self._ending()]
        views += [self._first(), *(self._joined(hop) for hop in self.hops[1:])]
        matches = self._name("matches")
        taken = self._name(f"taken_{len(self.hops) - 1}")
        views.append(conclusion(self.course, matches, taken, self._events_of_steps(), self._identity()))
        return Plan(tuple(views), matches, tuple(self._operators()))

    def _name(self, part: str) -> str:
        return f"{self.name}_{part}"

    def _ref(self, part: str) -> str:
        return identifier(self._name(part))

    def _columns(self, *columns: str, of: str = "") -> str:
        return ", ".join([*(f"{of}{key}" for key in self.keys), *columns])

    def _same_key(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.{key} = {right}.{key}" for key in self.keys)

    def _ordered(self) -> Iterator[str]:
        """The events of which somebody asks what came before them, with the places of those in the last `within`."""
        if not self.classes:
            return
        asking = [hop.flag for hop in self.hops[1:] if hop.watched is not None]
        if self.shares and self.course.ending is not None:
            asking.append(self.course.ending.flag)
        if self.waits_in_order:
            asking.append(self.hops[self.anchor].flag)
        rows = " OR ".join(dict.fromkeys([*self.classes, *asking]))
        window = (
            f"(PARTITION BY {', '.join(self.keys)} ORDER BY {TIME} RANGE BETWEEN {interval(self.course.within)}"
            " PRECEDING AND CURRENT ROW)"
        )
        arrays = [
            f"ARRAY_AGG({POSITION if members == rows else f'CASE WHEN {members} THEN {POSITION} END'}) IGNORE NULLS"
            f" OVER w AS weir_places_{index}"
            for index, members in enumerate(self.classes)
        ]
        columns = self._columns(TIME, POSITION, EVENT, *self.course.flags, *arrays)
        rows_where = f"SELECT {columns}\nFROM {self._ref('steps')}\nWHERE {rows}\nWINDOW w AS {window}"
        yield view(self._name("ordered"), rows_where)

    def _before(self, members: str, *, member: bool) -> str:
        """SQL for the place of the last event of a class before this event; NULL if there is none in `within`.

        `member`: whether this event itself is sure to be of the class.
        """
        places = f"weir_places_{self.classes.index(members)}"
        if not member:
            places = f"ARRAY_APPEND({places}, {POSITION})"
        ordered = f"ARRAY_SORT(ARRAY_DISTINCT({places}))"
        place = f"{ordered}[ARRAY_POSITION({ordered}, {POSITION}) - 1]"
        return f"CASE WHEN CARDINALITY({places}) > 1 THEN {place} END"

    def _candidates(self, hop: _Hop) -> str:
        """The events that can be a match's `index`-th, with what must not lie between it and the one before."""
        if hop.watched is None or hop.index == 0:
            columns = self._columns(TIME, POSITION, EVENT, f"CAST(NULL AS {POSITION_TYPE}) AS weir_before")
            if self.waits_in_order and hop.index == self.anchor:
                return in_order(columns, self._ref("ordered"), self._ref("steps"), hop.flag)
            return f"SELECT {columns} FROM {self._ref('steps')} WHERE {hop.flag}"
        member = hop.contiguity != "followedByAny"
        columns = self._columns(TIME, POSITION, EVENT, f"{self._before(hop.watched, member=member)} AS weir_before")
        return f"SELECT {columns} FROM {self._ref('ordered')} WHERE {hop.flag}"

    def _ending(self) -> Iterator[str]:
        """The events the deadline counts from, where nothing ends the wait: known as the watermark passes it."""
        ending = self.course.ending
        if ending is None:
            return
        behind = [hop.flag for hop in self.hops[self.anchor + 1 :]]
        if self.shares:
            reach = self._before(behind[0], member=False)
            columns = self._columns(TIME, f"{reach} AS weir_reach")
            yield view(self._name("ends"), f"SELECT {columns}\nFROM {self._ref('ordered')}\nWHERE {ending.flag}")
        else:
            yield from ends_after(self.course, self.name, self._name("steps"), behind)[0]
        anchors = self._candidates(self.hops[self.anchor])
        yield from kept_view(self.course, self._name("kept"), anchors, self._name("ends"))

    def _source(self, hop: _Hop) -> str:
        """The rows that a match's `index`-th event is one of, the event under the name it keeps from here on."""
        kept = self.course.ending is not None and hop.index == self.anchor
        rows = self._ref("kept") if kept else f"({self._candidates(hop)})"
        return f"(SELECT {self._columns(TIME, f'{EVENT} AS weir_event_{hop.index}', 'weir_before')} FROM {rows})"

    def _first(self) -> str:
        hop = self.hops[0]
        columns = self._columns(f"{TIME} AS weir_first", "weir_event_0")
        return view(self._name("taken_0"), f"SELECT {columns}\nFROM {self._source(hop)}")

    def _joined(self, hop: _Hop) -> str:
        index, before = hop.index, hop.index - 1
        taken = [f"t.weir_event_{i}" for i in range(index)]
        columns = self._columns("t.weir_first", *taken, f"e.weir_event_{index}", of="t.")
        last = f"t.weir_event_{before}"
        first = (
            "" if hop.watched is None else f" AND (e.weir_before IS NULL OR e.weir_before <= {position(f'{last}.')})"
        )
        return view(
            self._name(f"taken_{index}"),
            f"SELECT {columns}\nFROM {self._ref(f'taken_{before}')} t\n"
            f"JOIN {self._source(hop)} e ON {self._same_key('t', 'e')}\n"
            f"  AND e.{TIME} >= t.weir_first AND e.{TIME} < t.weir_first + {interval(self.course.within)}\n"
            f"  AND {precedes(last, f'e.weir_event_{index}')}{first}",
        )

    def _events_of_steps(self) -> dict[str, str]:
        """The column of each step's last event."""
        return {self.course.takings[hop.step].name: f"weir_event_{hop.index}" for hop in self.hops}

    def _identity(self) -> list[str]:
        """The events that no other match shares: the first, the last, and each that was one choice of several."""
        last = len(self.hops) - 1
        return [
            f"weir_event_{hop.index}"
            for hop in self.hops
            if hop.index in {0, last} or hop.contiguity == "followedByAny"
        ]

    def _operators(self) -> Iterator[Operator]:
        if self.classes:
            # The planner may put the event together behind the OVER; only an absence brings a second one to tell apart.
            columns = ("w0$o0",) if self.course.ending is None else (EVENT, "w0$o0")
            yield Operator(name="order", columns=columns)
        if self.course.ending is not None:
            yield Operator(name="absence", columns=(EVENT, "weir_reach"))
        for hop in self.hops[1:]:
            yield Operator(name=f"step-{hop.index}", columns=(f"weir_event_{hop.index - 1}", f"weir_event_{hop.index}"))
