"""The rule of docs/enrichment.md for look-ups over HTTP as a plain program, for events that are not late."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .enrichments import Event, Fields, Side, as_of

Answer = Fields | None
"""What a service says of a key: fields, or None where it knows nothing."""


class Failed(Exception):
    """The service did not answer, or not with what it should."""


@dataclass(frozen=True)
class Lookup:
    """A look-up of a side: what is asked, `when` it is asked at all, and whether a failure makes a dead letter."""

    ask: Callable[[tuple[object, ...]], Answer]
    when: Callable[[Event], bool] = lambda _: True
    fails: bool = False


def looked_up(side: Side, lookup: Lookup, event: Event) -> Fields:
    """What an event that asks is told. Raises Failed if that is to be a dead letter."""
    try:
        answer = lookup.ask(event.values(side.on))
    except Failed:
        if lookup.fails:
            raise
        answer = None
    return {field: (answer or {}).get(field) for field in side.select}


def as_of_or_else(side: Side, lookup: Lookup, event: Event, stream: Sequence[Event]) -> Fields:
    """What the side said up to the event's time, or what is looked up where it says nothing."""
    if None in event.values(side.on):
        return dict.fromkeys(side.select)
    if lookup.when(event) or not _known(side, event, stream):
        return looked_up(side, lookup, event)
    return as_of(side, event, stream)


def asked(side: Side, lookup: Lookup, event: Event) -> Fields:
    """What a side that is only looked up says."""
    if None in event.values(side.on) or not lookup.when(event):
        return dict.fromkeys(side.select)
    return looked_up(side, lookup, event)


def _known(side: Side, event: Event, stream: Sequence[Event]) -> bool:
    """Whether the side said anything up to the event's time that is neither expired nor ended, nulls included."""
    key = event.values(side.on)
    said = [other for other in stream if other.time <= event.time and other.values(side.on.values()) == key]
    if not said:
        return False
    newest = max(said, key=lambda other: other.position)
    return not side.ends(newest) and (side.expire_after is None or event.time < newest.time + side.expire_after)


def partition(
    events: Sequence[Event], tell: Callable[[Event], Mapping[str, Fields]]
) -> tuple[dict[int, Mapping[str, Fields]], set[int]]:
    """By offset: what is written for an event, and those that become dead letters; each event is in one of them."""
    written: dict[int, Mapping[str, Fields]] = {}
    letters: set[int] = set()
    for event in events:
        try:
            written[event.offset] = tell(event)
        except Failed:
            letters.add(event.offset)
    return written, letters
