"""The general plan: MATCH_RECOGNIZE with the pattern's automaton written out.

Flink's MATCH_RECOGNIZE knows only rows that follow each other strictly, and it follows every way a pattern can be read.
So each event an attempt may take has a variable of its own, each place where it may wait has a filler variable, and
their conditions exclude each other: there is one way to read a stream. Variables are named by their place, because
their names are in the state.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from weir_api.streamjobs import Operator

from .expressions import identifier, interval
from .matching_absences import waiting
from .matching_takes import Take, Takes, takes_of
from .matchings import EVENT, OFFSET, PARTITION, POSITION, TIME, Course, Plan, conclusion, position, steps_view, view

_LONGEST = 200  # variables that take events; the automaton and its generated code grow with them


def problems(course: Course) -> Iterator[tuple[str, str]]:
    """Names of steps this plan cannot express, and why."""
    for taking in course.takings:
        if taking.contiguity == "followedByAny":
            reason = "cannot be followedByAny where onMatch is skipPastLast or a step takes no fixed number of events"
            yield taking.name, reason
    if len(takes_of(course)) > _LONGEST:
        longest = max(course.takings, key=lambda taking: taking.minimum)
        yield longest.name, f"a match of more than {_LONGEST} events cannot be compiled"


def plan(course: Course, name: str, events: str) -> Plan:
    """The views from the quoted view `events` to the matches; `name` begins all their names."""
    return _Automaton(course, name, events).plan()


@dataclass(frozen=True)
class _Automaton:
    course: Course
    name: str
    events: str

    @cached_property
    def takes(self) -> Takes:
        return takes_of(self.course)

    @cached_property
    def keys(self) -> list[str]:
        return [identifier(key) for key in self.course.keys]

    def plan(self) -> Plan:
        steps, found, matches = f"{self.name}_steps", f"{self.name}_found", f"{self.name}_matches"
        views = [steps_view(self.course, steps, self.events), view(found, self._match_recognize(steps))]
        operators = [Operator(name="sequence", columns=("weir_taken_0", "weir_rowtime"))]
        if self.course.ending is not None:
            more, found, absence = self._ended(steps, found)
            views += more
            operators += absence
        events = {taking.name: f"weir_event_{step}" for step, taking in enumerate(self.course.takings)}
        identity = ["weir_taken_0", f"weir_taken_{len(self.takes) - 1}"]
        views.append(view(f"{self.name}_taken", self._last_of_steps(found)))
        views.append(conclusion(self.course, matches, f"{self.name}_taken", events, identity))
        return Plan(tuple(views), matches, tuple(operators))

    # What an attempt may do where it stands

    def _unbroken(self, take: Take, *, within_filler: bool = False) -> str:
        """SQL: no event was passed over since the attempt took its last one, standing at `take`.

        `within_filler`: asked of the filler's own current row, which does not count.
        """
        if not self.takes.fills(take):
            return "TRUE"
        column = take.flag if take.mixes else OFFSET
        before = f"LAST({take.filler}.{column}, 1)" if within_filler else f"LAST({take.filler}.{column})"
        return f"({before} IS NOT FALSE)" if take.mixes else f"({before} IS NULL)"

    def _chosen(self, variable: str, options: list[Take], unbroken: str) -> str:
        """SQL: the event is taken by one of these options; empty if there are none."""
        terms = [
            f"{variable}.{option.flag}" + (f" AND {unbroken}" if option.contiguity == "next" else "")
            for option in options
        ]
        return " OR ".join(f"({term})" for term in terms)

    # The text of MATCH_RECOGNIZE

    def _match_recognize(self, steps: str) -> str:
        measures = [f"{take.variable}.{EVENT} AS weir_taken_{take.index}" for take in self.takes]
        measures += [measure for take in self.takes if take.loops for measure in [self._looped(take)]]
        measures.append(f"MATCH_ROWTIME({TIME}) AS weir_rowtime")
        skip = "PAST LAST ROW" if self.course.skip_past_last else "TO NEXT ROW"
        defines = ",\n    ".join(self._defines())
        return (
            f"SELECT * FROM ({self._rows(steps)})\nMATCH_RECOGNIZE (\n"
            f"  PARTITION BY {', '.join(self.keys)} ORDER BY {TIME}, {PARTITION}, {OFFSET}\n"
            f"  MEASURES {', '.join(measures)}\n  ONE ROW PER MATCH AFTER MATCH SKIP {skip}\n"
            f"  PATTERN ({' '.join(self._pattern())}) WITHIN {interval(self.course.within)}\n"
            f"  DEFINE\n    {defines}\n)"
        )

    def _rows(self, steps: str) -> str:
        """The events MATCH_RECOGNIZE sees: only those the pattern names, unless the very next event matters."""
        place = [f"{EVENT}.{PARTITION} AS {PARTITION}", f"{EVENT}.{OFFSET} AS {OFFSET}"]
        columns = ", ".join([*self.keys, TIME, *place, EVENT, *self.course.flags])
        any_event = any(taking.contiguity == "next" for taking in self.course.takings)
        absences = [taking.absence for taking in self.course.takings if taking.absence is not None]
        named = " OR ".join(dict.fromkeys([*(take.flag for take in self.takes), *absences]))
        return f"SELECT {columns} FROM {identifier(steps)}" + ("" if any_event else f" WHERE {named}")

    def _looped(self, take: Take) -> str:
        """The last event a loop took."""
        if take.mixes:
            last = f"LAST_VALUE(CASE WHEN {take.filler}.{take.flag} THEN {take.filler}.{EVENT} END)"
        else:
            last = f"{take.loop}.{EVENT}"
        return f"{last} AS weir_looped_{take.index}"

    def _pattern(self) -> Iterator[str]:
        for take in self.takes:
            yield take.variable + ("?" if take.optional else "")
            if take.loops and not take.mixes:
                yield f"{take.loop}*?"
            if take.index < len(self.takes) - 1 and self.takes.fills(take):
                yield f"{take.filler}*?"

    def _defines(self) -> Iterator[str]:
        for take in self.takes:
            yield f"{take.variable} AS {self._define_take(take)}"
            if take.loops and not take.mixes:
                yield f"{take.loop} AS {self._define_loop(take)}"
            if take.index < len(self.takes) - 1 and self.takes.fills(take):
                yield f"{take.filler} AS {self._define_filler(take)}"

    def _define_take(self, take: Take) -> str:
        """The event satisfies the step, is not kept from it by a choice that comes first, and is not too far."""
        own = f"{take.variable}.{take.flag}"
        if take.index == 0:
            return own
        cases: list[tuple[str | None, str]] = []
        for before in reversed(self.takes[: take.index]):
            options = self.takes.options(before)
            if take not in options:
                continue
            unbroken = self._unbroken(before) if take.contiguity == "next" else None
            rivals = self._chosen(take.variable, options[: options.index(take)], self._unbroken(before))
            cases.append((before.taken, _all(unbroken, _none_of(rivals)) or "TRUE"))
            if before.taken is None:
                break
        return _all(own, _first_case(cases)) or own

    def _define_loop(self, take: Take) -> str:
        """One more of a step whose events follow each other strictly."""
        exits = self._chosen(take.loop, self.takes.exits(take), "TRUE")
        return _all(take.taken, f"{take.loop}.{take.flag}", _none_of(exits)) or "TRUE"

    def _define_filler(self, take: Take) -> str:
        """The event is passed over: nothing takes it, and it is not what must not come."""
        filler = take.filler
        unbroken = self._unbroken(take, within_filler=True)
        taken = self._chosen(filler, self.takes.options(take), unbroken)
        if take.loops and not take.mixes:
            taken = " OR ".join(filter(None, [taken, f"({filler}.{take.flag} AND {unbroken})"]))
        absence = self.course.takings[take.step].absence if take.waits else None
        barred = ""
        if absence is not None:
            barred = f"{filler}.{absence}" + (f" AND NOT {filler}.{take.flag}" if take.mixes else "")
        return _all(take.taken, _none_of(taken), _none_of(barred)) or "TRUE"

    # What comes after it

    def _last_of_steps(self, found: str) -> str:
        """Each step's last event, out of all that may be it."""
        columns: list[str] = []
        for step in range(len(self.course.takings)):
            takes = [take for take in self.takes if take.step == step]
            candidates = [f"weir_looped_{takes[-1].index}"] if takes[-1].loops else []
            candidates += [f"weir_taken_{take.index}" for take in reversed(takes)]
            *cases, otherwise = candidates
            whens = " ".join(f"WHEN {column} IS NOT NULL THEN {column}" for column in cases)
            columns.append(f"{f'CASE {whens} ELSE {otherwise} END' if whens else otherwise} AS weir_event_{step}")
        ends = [f"weir_taken_{index}" for index in sorted({0, len(self.takes) - 1})]
        return f"SELECT {', '.join([*self.keys, *ends, *columns])}\nFROM {identifier(found)}"

    def _ended(self, steps: str, found: str) -> tuple[list[str], str, list[Operator]]:
        """The matches whose deadline passes without the absent event: matches joined with the anchors that are left."""
        after = self.course.ending.after if self.course.ending is not None else None
        anchor = 0 if after is None else max(take.index for take in self.takes if take.step == after)
        behind = [take.flag for take in self.takes[anchor + 1 :] if not take.optional]
        if not behind:
            return self._ended_at_once(steps, found)
        left = waiting(self.course, self.name, steps, self.takes[anchor].flag, behind)
        columns = ", ".join([*(f"m.{key}" for key in self.keys), *self._measured("m.")])
        same = " AND ".join(f"m.{key} = k.{key}" for key in self.keys)
        place = f"m.weir_taken_{anchor}"
        joined = (
            f"SELECT {columns}\nFROM {identifier(found)} m\nJOIN {identifier(left.kept)} k ON {same}\n"
            f"  AND m.weir_rowtime >= k.{TIME} AND m.weir_rowtime < k.{TIME} + {interval(self.course.within)}\n"
            f"  AND k.{EVENT}.{PARTITION} = {place}.{PARTITION} AND k.{EVENT}.{OFFSET} = {place}.{OFFSET}"
        )
        ended = f"{self.name}_ended"
        operator = Operator(name="deadline", columns=("weir_rowtime", TIME))
        return [*left.views, view(ended, joined)], ended, [*left.operators, operator]

    def _ended_at_once(self, steps: str, found: str) -> tuple[list[str], str, list[Operator]]:
        """The same where the deadline counts from the last event, at whose time a match comes out."""
        ending, ended = self.course.ending, f"{self.name}_ended"
        columns = ", ".join([*(f"m.{key}" for key in self.keys), *self._measured("m.")])
        same = " AND ".join(f"m.{key} = e.{key}" for key in self.keys)
        place = position(f"m.weir_taken_{len(self.takes) - 1}.")
        found_rows = f"(SELECT *, {place} AS weir_place FROM {identifier(found)} m)"
        ends = f"(SELECT * FROM {identifier(steps)} WHERE {ending.flag if ending else 'FALSE'})"
        joined = (
            f"SELECT {columns}\nFROM {found_rows} m\nLEFT JOIN {ends} e ON {same}\n"
            f"  AND e.{TIME} >= m.weir_rowtime AND e.{TIME} < m.weir_rowtime + {interval(self.course.within)}\n"
            f"  AND m.weir_place < e.{POSITION}\nWHERE e.{POSITION} IS NULL"
        )
        return [view(ended, joined)], ended, [Operator(name="absence", columns=("weir_place", POSITION))]

    def _measured(self, prefix: str) -> list[str]:
        looped = [f"{prefix}weir_looped_{take.index}" for take in self.takes if take.loops]
        return [*(f"{prefix}weir_taken_{take.index}" for take in self.takes), *looped]


def _all(*conditions: str | None) -> str:
    """SQL for all of the conditions there are; empty if there are none."""
    return " AND ".join(condition for condition in conditions if condition and condition != "TRUE")


def _none_of(condition: str) -> str | None:
    return f"NOT ({condition})" if condition else None


def _first_case(cases: Sequence[tuple[str | None, str]]) -> str:
    """SQL for what holds in the first case that is the case; None as its condition: it always is."""
    if cases and cases[0][0] is None:
        return cases[0][1]
    whens = " ".join(f"WHEN {asked} THEN {allowed}" for asked, allowed in cases if asked is not None)
    otherwise = next((allowed for asked, allowed in cases if asked is None), "FALSE")
    return f"(CASE {whens} ELSE {otherwise} END)"
