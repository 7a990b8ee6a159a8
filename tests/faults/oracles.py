"""What a two-step sequence must give, from its definition, in plain Python: no Flink, no compiler, no shared code."""

from collections.abc import Iterable
from dataclasses import dataclass

from .streams import Event, Ledger, Rule, Visit


@dataclass(frozen=True, slots=True, order=True)
class Derived:
    """A derived event: its key, the numbers of the two events it came from, ms between them, and its time in ms."""

    session: str
    start: int
    end: int
    took: int
    at: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end's value, and the rule that must have given the derived event (None: whichever was in force)."""

    value: int
    rule: Rule | None


def matches(events: Iterable[Event], rule: Rule) -> dict[Derived, int]:
    """Each start with the first end after it that passes the threshold, if it comes before start + within.

    After means later in the total order of events: time, then partition, then offset. With the end's value.
    """
    ordered = sorted(events, key=lambda event: (event.at, event.partition, event.offset))
    found = {}
    for position, start in enumerate(ordered):
        if start.kind == "start":
            later = (e for e in ordered[position + 1 :] if e.kind == "end" and e.value > rule.threshold)
            end = next(later, None)
            if end is not None and end.at < start.at + rule.within:
                derived = Derived(start.session, start.number, end.number, end.at - start.at, end.at)
                found[derived] = end.value
    return found


def judged(visit: Visit, rules: Iterable[Rule]) -> dict[Derived, int]:
    """The visit's derived events. One that is bound to no rule must come out alike by all: that is checked here."""
    if visit.rule is not None:
        return matches(visit.events, visit.rule)
    outcomes = [matches(visit.events, rule) for rule in rules]
    assert all(outcome == outcomes[0] for outcome in outcomes), f"the generator is wrong about {visit}"
    return outcomes[0]


def expected(ledger: Ledger, rules: Iterable[Rule]) -> dict[Derived, Outcome]:
    """All derived events of a stream."""
    distinct = tuple(rules)
    return {
        derived: Outcome(value, visit.rule)
        for visit in ledger.visits.values()
        for derived, value in judged(visit, distinct).items()
    }


@dataclass(frozen=True, slots=True, order=True)
class Silence:
    """A start that no end answered: its key, its number, and the deadline in ms."""

    session: str
    start: int
    deadline: int


def silences(ledger: Ledger, rule: Rule) -> set[Silence]:
    """Every start without an end that passes the threshold, after it and before start + within."""
    return {
        Silence(start.session, start.number, start.at + rule.within)
        for visit in ledger.visits.values()
        for start in _unanswered(visit.events, rule)
    }


def _unanswered(events: list[Event], rule: Rule) -> list[Event]:
    def answers(end: Event, start: Event) -> bool:
        behind = (end.at, end.partition, end.offset) > (start.at, start.partition, start.offset)
        return end.kind == "end" and end.value > rule.threshold and behind and end.at < start.at + rule.within

    return [event for event in events if event.kind == "start" and not any(answers(end, event) for end in events)]
