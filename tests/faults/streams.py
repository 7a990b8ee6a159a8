"""A stream of visits with everything a Pattern has to bear: disorder, equal times, fillers, bad and late records.

Everything follows from the seed and from the calls made: event times are computed, not read from a clock, so that a
slow machine sends the same records later. The order of events is the product's: time, partition, offset.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

START_OF_TIME: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z, in milliseconds as all times here
CHUNK: Final = 100
OUT_OF_ORDERNESS: Final = 1_000
# Sent at most this many chunks after its time: 800 ms with the spread inside a chunk, so never late.
LONGEST_DELAY: Final = 7
LATE_BY: Final = 60_000

Kind = Literal["start", "end"]


@dataclass(frozen=True)
class Rule:
    """What of a spec decides its output: `end.value > threshold`, `within` (ms), and whether emit has an amount."""

    threshold: int
    within: int
    amount: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A start or end as it was sent; `number` is unique in the stream."""

    session: str
    kind: Kind
    value: int
    at: int
    number: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A record by its place, with its bytes."""

    partition: int
    offset: int
    value: bytes


@dataclass(frozen=True)
class Visit:
    """All starts and ends of one session, and the one rule it must be judged by; None: every rule agrees on it."""

    rule: Rule | None
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Mode:
    """What a chunk may hold: visits on which rules differ, judged by `telling`; late records."""

    telling: Rule | None = None
    late: bool = False


@dataclass
class Ledger:
    """What was sent, for the oracle."""

    visits: dict[str, Visit] = field(default_factory=dict)
    bad: list[Sent] = field(default_factory=list)
    late: list[Sent] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """The offset after the last record, per partition."""


@dataclass(frozen=True, slots=True)
class _Planned:
    session: str
    kind: Kind
    value: int
    at: int


class Stream:
    """Chunks of 100 ms, each with exactly `rate` / 10 records over `partitions` partitions."""

    def __init__(self, seed: int, rate: int, partitions: int, rules: Iterable[Rule]) -> None:
        """`rules`: all that will ever be in force; visits opened in a mode that tells nothing come out alike by all."""
        self._random = random.Random(seed)
        self._size = rate * CHUNK // 1_000
        self._partitions = partitions
        thresholds = [rule.threshold for rule in rules]
        withins = [rule.within for rule in rules]
        self._low, self._high = min(thresholds), max(thresholds)
        self._short, self._long = min(withins), max(withins)
        self._planned: dict[int, list[_Planned]] = defaultdict(list)
        self._sessions = 0
        self._number = 0
        self.chunks = 0
        self.ledger = Ledger(offsets=[0] * partitions)

    @property
    def now(self) -> int:
        """The event time the next chunk starts at."""
        return START_OF_TIME + self.chunks * CHUNK

    def chunk(self, mode: Mode) -> list[list[bytes]]:
        """The next records, per partition and in the order to send them."""
        records: list[list[bytes]] = [[] for _ in range(self._partitions)]
        self._open_visits(mode)
        planned = self._planned.pop(self.chunks, [])
        self._random.shuffle(planned)
        for event in planned:
            self._send_event(records, event)
        for _ in range(2):
            self._send_noted(records, self._bad(), self.ledger.bad)
        if mode.late:
            for kind in ("start", "end"):
                self._send_noted(records, self._late(kind), self.ledger.late)
        self._fill(records, [event.session for event in planned] or ["nobody"])
        self.chunks += 1
        return records

    def last_chunk(self) -> list[list[bytes]]:
        """An event per partition, so long after all others that event time passes everything there is."""
        self.chunks += 3_600_000 // CHUNK
        records: list[list[bytes]] = [[] for _ in range(self._partitions)]
        for partition in range(self._partitions):
            self._append(records, partition, self._encode("nobody", b"view", 0, self.now))
        return records

    def _open_visits(self, mode: Mode) -> None:
        for _ in range(self._size // 12):
            self._plan(None, self._agreed_visit())
        if mode.telling is not None:
            for _ in range(self._size // 80):
                self._plan(mode.telling, self._telling_visit(mode.telling))

    def _plan(self, rule: Rule | None, shape: Iterable[tuple[Kind, int, int]]) -> None:
        """Note the visit and when each of its events (kind, ms after the visit's start, value) is to be sent."""
        self._sessions += 1
        session = f"v{self._sessions:08d}"
        self.ledger.visits[session] = Visit(rule)
        opened = self.now + self._random.randrange(CHUNK)
        for kind, after, value in shape:
            at = opened + after
            chunk = (at - START_OF_TIME) // CHUNK + self._random.randint(0, LONGEST_DELAY)
            self._planned[chunk].append(_Planned(session, kind, value, at))

    def _agreed_visit(self) -> Iterator[tuple[Kind, int, int]]:
        """A visit that comes out the same by every rule."""
        low, high = self._random.randint(0, self._low), self._random.randint(self._high + 1, 999)
        in_time, too_late = self._random.randrange(1, self._short), self._long + self._random.choice((0, 1, 700))
        match self._random.randrange(8):
            case 0:
                yield from (("start", 0, 0), ("end", too_late, high))
            case 1:
                yield from (("start", 0, 0), ("end", in_time // 2, low), ("end", in_time, high))
            case 2:
                yield from (("start", 0, 0), ("start", in_time // 3, 0), ("end", in_time, high), ("end", in_time, high))
            case 3:  # which of two events of the same time is first is decided by partition and offset
                yield from (("start", 0, 0), ("end", 0, high))
            case 4:
                yield from (("end", 0, high), ("start", in_time, 0))
            case _:
                yield from (("start", 0, 0), ("end", in_time, high))

    def _telling_visit(self, rule: Rule) -> Iterator[tuple[Kind, int, int]]:
        """A visit that the rules judge differently."""
        between, high = self._random.randint(self._low + 1, self._high), self._random.randint(self._high + 1, 999)
        in_time = self._random.randrange(1, self._short)
        match self._random.randrange(4):
            case 0:
                yield from (("start", 0, 0), ("end", in_time, between))
            case 1:
                yield from (("start", 0, 0), ("end", in_time // 2, between), ("end", in_time, high))
            case 2:
                yield from (("start", 0, 0), ("end", self._random.randrange(self._short, self._long), high))
            case _:  # exactly at the edge, and the last millisecond before it
                yield from (("start", 0, 0), ("start", 1, 0), ("end", rule.within, high))

    def _send_event(self, records: list[list[bytes]], event: _Planned) -> None:
        partition = self._random.randrange(self._partitions)
        text = self._encode(event.session, event.kind.encode(), event.value, event.at)
        number, offset = self._number, self._append(records, partition, text)
        noted = Event(event.session, event.kind, event.value, event.at, number, partition, offset)
        self.ledger.visits[event.session].events.append(noted)

    def _send_noted(self, records: list[list[bytes]], value: bytes, notes: list[Sent]) -> None:
        partition = self._random.randrange(self._partitions)
        notes.append(Sent(partition, self._append(records, partition, value), value))

    def _fill(self, records: list[list[bytes]], sessions: list[str]) -> None:
        """Events no step asks for, of sessions that are being watched, up to the chunk's size."""
        chance, now = self._random.random, self.now
        for number in range(self._size - sum(map(len, records))):
            session = sessions[int(chance() * len(sessions))]
            text = self._encode(session, b"view", number, now - int(chance() * 700) + int(chance() * CHUNK))
            self._append(records, number % self._partitions, text)

    def _bad(self) -> bytes:
        whole = self._encode("broken", b"start", 1, self.now)
        return self._random.choice(
            (b"not json %d" % self._number, whole[:-9], whole.replace(b'"value":1', b'"value":"one"'), b"[1, 2]")
        )

    def _late(self, kind: str) -> bytes:
        """Start and end would make a match if they were not late."""
        return self._encode(f"late{self.chunks:06d}", kind.encode(), 999, self.now - LATE_BY)

    def _encode(self, session: str, kind: bytes, value: int, at: int) -> bytes:
        self._number += 1
        return b'{"session":"%s","kind":"%s","value":%d,"at":%d,"number":%d,"page":"/products/%d/reviews"}' % (
            session.encode(),
            kind,
            value,
            at,
            self._number,
            self._number % 997,
        )

    def _append(self, records: list[list[bytes]], partition: int, value: bytes) -> int:
        offset = self.ledger.offsets[partition]
        self.ledger.offsets[partition] += 1
        records[partition].append(value)
        return offset
