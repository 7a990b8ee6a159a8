"""The rule of docs/pattern.md as a tiny interpreter: one attempt per first event, each a deterministic automaton."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Contiguity = Literal["followedBy", "followedByAny", "next"]


@dataclass(frozen=True)
class Event:
    """One event of a stream; `time` is in ms. Events of a key are ordered by time, partition, offset."""

    key: tuple[object, ...]
    time: int
    partition: int
    offset: int
    fields: Mapping[str, object]

    @property
    def position(self) -> tuple[int, int, int]:
        """The event's place in the total order of its key."""
        return (self.time, self.partition, self.offset)


@dataclass(frozen=True)
class Step:
    """A step as the spec has it; `maximum` None means no limit."""

    name: str
    where: Callable[[Event], bool]
    contiguity: Contiguity = "followedBy"
    minimum: int = 1
    maximum: int | None = 1
    absent: bool = False
    after: str | None = None


@dataclass(frozen=True)
class Pattern:
    """A sequence of steps; `within` in ms."""

    sequence: tuple[Step, ...]
    within: int
    skip_past_last: bool = False


@dataclass(frozen=True)
class Match:
    """The events each step took (none for a step that is absent or was left out), and the time of the match."""

    taken: Mapping[str, tuple[Event, ...]]
    time: int

    def last(self, step: str) -> Event | None:
        """The last event the step took."""
        events = self.taken.get(step, ())
        return events[-1] if events else None

    @property
    def events(self) -> tuple[Event, ...]:
        """All events of the match in their order."""
        return tuple(sorted((event for events in self.taken.values() for event in events), key=lambda e: e.position))


@dataclass(frozen=True)
class _Positive:
    """A step that takes events, and the absence watched while the attempt waits behind it."""

    step: Step
    absence: Step | None

    @property
    def name(self) -> str:
        return self.step.name


@dataclass(frozen=True)
class _Attempt:
    """What one attempt has taken: `at` is the step it stands on, `gap` whether it has passed over an event since."""

    taken: tuple[tuple[Event, ...], ...]
    at: int = 0
    gap: bool = False

    def take(self, step: int, event: Event) -> "_Attempt":
        taken = tuple((*events, event) if index == step else events for index, events in enumerate(self.taken))
        return _Attempt(taken, step)


def matches(pattern: Pattern, events: Sequence[Event], until: int | None = None) -> list[Match]:
    """All matches of a stream, in the order of their last events.

    `until`: the instant event time has passed; a match that ends in an absence is there only if its deadline is not
    later. None: the end of time.
    """
    by_key: dict[tuple[object, ...], list[Event]] = {}
    for event in sorted(events, key=lambda event: event.position):
        by_key.setdefault(event.key, []).append(event)
    found = [match for stream in by_key.values() for match in _of_key(pattern, stream, until)]
    return sorted(found, key=lambda match: (match.time, match.events[-1].position))


def _of_key(pattern: Pattern, stream: Sequence[Event], until: int | None) -> Iterator[Match]:
    positives, final = _positives(pattern.sequence)
    completed = [
        attempt
        for start in range(len(stream))
        if positives[0].step.where(stream[start])
        for attempt in _attempts(positives, pattern.within, stream, start)
    ]
    if pattern.skip_past_last:
        completed = _without_overlaps(completed)
    for attempt in completed:
        match = _concluded(pattern, positives, final, attempt, stream)
        if match is not None and (final is None or until is None or match.time <= until):
            yield match


def _positives(sequence: Sequence[Step]) -> tuple[list[_Positive], Step | None]:
    """The steps that take events, without what a match is complete without, and the absence at the end."""
    found: list[_Positive] = []
    for step in sequence:
        if not step.absent:
            found.append(_Positive(step, None))
        elif found[-1].absence is None:
            found[-1] = replace(found[-1], absence=step)
    final = sequence[-1] if sequence[-1].absent else None
    while found[-1].step.minimum == 0:
        found.pop()
    last = found[-1].step
    found[-1] = _Positive(replace(last, maximum=last.minimum), None)
    return found, final


def _attempts(positives: Sequence[_Positive], within: int, stream: Sequence[Event], start: int) -> Iterator[_Attempt]:
    """The completed attempts opened by one event, in the order of their completion."""
    first = stream[start]
    alive = [_Attempt(tuple(() for _ in positives)).take(0, first)]
    if _complete(positives, alive[0]):
        yield alive[0]
        return
    for event in stream[start + 1 :]:
        if event.time >= first.time + within or not alive:
            return
        alive, before = [], alive
        for attempt in before:
            for successor in _step(positives, attempt, event):
                if _complete(positives, successor):
                    yield successor
                else:
                    alive.append(successor)


def _complete(positives: Sequence[_Positive], attempt: _Attempt) -> bool:
    last = len(positives) - 1
    return attempt.at == last and len(attempt.taken[last]) >= positives[last].step.minimum


def _step(positives: Sequence[_Positive], attempt: _Attempt, event: Event) -> Iterator[_Attempt]:
    """What becomes of an attempt when this event of its key comes: nothing, itself, or with followedByAny both."""
    options = _open_options(positives, attempt)
    chosen = next((option for option in options if positives[option].step.where(event)), None)
    if chosen is not None:
        yield attempt.take(chosen, event)
        if chosen == attempt.at or positives[chosen].step.contiguity != "followedByAny":
            return
    here = positives[attempt.at]
    waiting = len(attempt.taken[attempt.at]) >= here.step.minimum
    if waiting and here.absence is not None and here.absence.where(event):
        return
    passed = replace(attempt, gap=True)
    if _open_options(positives, passed):
        yield passed


def _open_options(positives: Sequence[_Positive], attempt: _Attempt) -> list[int]:
    """The steps that may take the next event, first choice first: the farthest, and last one more of the same."""
    here = positives[attempt.at].step
    count = len(attempt.taken[attempt.at])
    options: list[int] = []
    if count >= here.minimum:
        for index in range(attempt.at + 1, len(positives)):
            options.insert(0, index)
            if positives[index].step.minimum > 0:
                break
    followed_by_any = any(positives[option].step.contiguity == "followedByAny" for option in options)
    if not followed_by_any and (here.maximum is None or count < here.maximum):
        options.append(attempt.at)
    return [option for option in options if not (attempt.gap and positives[option].step.contiguity == "next")]


def _without_overlaps(completed: Sequence[_Attempt]) -> list[_Attempt]:
    """As AFTER MATCH SKIP PAST LAST ROW: earliest first event, its earliest completion, then later events only."""
    kept: list[_Attempt] = []
    for attempt in completed:
        if not kept or _first(attempt).position > _last(kept[-1]).position:
            kept.append(attempt)
    return kept


def _first(attempt: _Attempt) -> Event:
    return attempt.taken[0][0]


def _last(attempt: _Attempt) -> Event:
    return attempt.taken[attempt.at][-1]


def _concluded(
    pattern: Pattern, positives: Sequence[_Positive], final: Step | None, attempt: _Attempt, stream: Sequence[Event]
) -> Match | None:
    """The match of a completed attempt; None if the absence at its end was broken before the deadline."""
    taken = {positive.name: attempt.taken[index] for index, positive in enumerate(positives)}
    last = _last(attempt)
    if final is None:
        return Match(taken, last.time)
    counted_from = _first(attempt) if final.after is None else taken[final.after][-1]
    deadline = counted_from.time + pattern.within
    broken = any(last.position < event.position and event.time < deadline and final.where(event) for event in stream)
    return None if broken else Match(taken, deadline)
