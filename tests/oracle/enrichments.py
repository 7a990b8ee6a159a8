"""The rule of docs/enrichment.md as a plain program, for events that are not late."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Fields = Mapping[str, object]


@dataclass(frozen=True)
class Event:
    """One event of a stream; `time` is in ms. Events are ordered by time, partition, offset."""

    time: int
    partition: int
    offset: int
    fields: Fields

    @property
    def position(self) -> tuple[int, int, int]:
        """Its place in that order."""
        return (self.time, self.partition, self.offset)

    def values(self, names: Iterable[str]) -> tuple[object, ...]:
        """The values of these fields."""
        return tuple(self.fields.get(name) for name in names)


@dataclass(frozen=True)
class Side:
    """A side as the spec has it; `on`: source field -> side's field, `expire_after` in ms."""

    name: str
    on: Mapping[str, str]
    select: Sequence[str]
    merge: Literal["latest", "latestNonNull"] = "latest"
    expire_after: int | None = None
    ends: Callable[[Event], bool] = lambda _: False


@dataclass(frozen=True)
class Pipeline:
    """A pipeline as the spec has it; `within` in ms."""

    sides: Sequence[Side]
    by: Sequence[str] = ()
    within: int = 0
    per: Sequence[str] = ()


@dataclass(frozen=True)
class Enriched:
    """An event that left: for each side the selected fields, None where unknown."""

    event: Event
    sides: Mapping[str, Fields]
    first: bool


def enriched(pipeline: Pipeline, events: Sequence[Event], streams: Mapping[str, Sequence[Event]]) -> list[Enriched]:
    """Every event that is no duplicate, with its sides as of its time, in order."""
    seen: set[tuple[object, ...]] = set()
    found = []
    for event in distinct(pipeline, sorted(events, key=lambda event: event.position)):
        occurrence = event.values(pipeline.per)
        sides = {side.name: as_of(side, event, streams[side.name]) for side in pipeline.sides}
        found.append(Enriched(event, sides, occurrence not in seen))
        seen.add(occurrence)
    return found


def distinct(pipeline: Pipeline, events: Sequence[Event]) -> list[Event]:
    """The events, which are in order, without duplicates."""
    last_seen: dict[tuple[object, ...], int] = {}
    kept = []
    for event in events:
        key = event.values(pipeline.by)
        if not pipeline.by or None in key:
            kept.append(event)
            continue
        if key not in last_seen or event.time - last_seen[key] >= pipeline.within:
            kept.append(event)
        last_seen[key] = event.time
    return kept


def as_of(side: Side, event: Event, stream: Sequence[Event]) -> Fields:
    """What the side said up to the event's time."""
    key = event.values(side.on)
    said = sorted(
        (
            other
            for other in stream
            if other.time <= event.time and None not in key and other.values(side.on.values()) == key
        ),
        key=lambda other: other.position,
    )
    return {field: _value(side, field, event, said) for field in side.select}


def _value(side: Side, field: str, event: Event, said: Sequence[Event]) -> object:
    if side.merge == "latestNonNull":
        said = [other for other in said if other.fields.get(field) is not None or side.ends(other)]
    if not said or side.ends(said[-1]):
        return None
    newest = said[-1]
    if side.expire_after is not None and event.time >= newest.time + side.expire_after:
        return None
    return newest.fields.get(field)
