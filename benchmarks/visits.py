"""The stream the benchmarks read: visits of about 150 bytes a record, some disorder, a few bad and late records."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

START_OF_TIME: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
RECORDS_PER_MILLISECOND: Final = 1
WITHIN_MS: Final = 45_000
BAD: Final = b'{"session":"broken","metric":'

FIELDS: Final = {
    "session": "STRING",
    "metric": "STRING",
    "value": "BIGINT",
    "at": "BIGINT",
    "n": "BIGINT",
    "page": "STRING",
}


@dataclass(frozen=True)
class Shape:
    """What the stream is like: how many records a step asks for, and how many of the starts get an end."""

    records: int
    asked_for: float = 0.5
    answered: float = 1.0
    odd: float = 0.0002
    seed: int = 1


@dataclass
class Counts:
    """What is in the stream that was generated."""

    starts: int = 0
    ends: int = 0
    bad: int = 0
    late: int = 0


def stream(shape: Shape, counts: Counts) -> Iterator[bytes]:
    """The records in the order to send them; `n` counts them. Each start has at most one end, within 40 s."""
    chance = random.Random(shape.seed).random
    opening = shape.asked_for / (1 + shape.answered)
    open_visits: list[tuple[int, int]] = []
    now = 0
    for n in range(shape.records):
        now = n // RECORDS_PER_MILLISECOND
        at = START_OF_TIME + now + int(chance() * 2_000)
        draw = chance()
        if draw < shape.odd:
            counts.bad += 1
            yield BAD
        elif draw < 2 * shape.odd:
            counts.late += 1
            yield _record(n, b"products_fetch_start", at - 600_000, n)
        elif open_visits and open_visits[0][0] <= now:
            counts.ends += 1
            yield _record(heappop(open_visits)[1], b"products_fetch_end", at, n)
        elif draw < 2 * shape.odd + opening:
            counts.starts += 1
            if chance() < shape.answered:
                # At least 2.1 s, so that no end comes before its start however both are displaced.
                heappush(open_visits, (now + 2_100 + int(chance() * 38_000), n))
            yield _record(n, b"products_fetch_start", at, n)
        else:
            yield _record(n, b"page_view", at, n)
    # Lets event time pass everything that still waits for it.
    yield _record(shape.records, b"page_view", START_OF_TIME + now + 86_400_000, shape.records)


_RECORD: Final = (
    b'{"session":"s%010d","metric":"%s","value":%d,"at":%d,"n":%d,"page":"/shop/products/%d/details/overview"}'
)


def _record(session: int, metric: bytes, at: int, n: int) -> bytes:
    return _RECORD % (session, metric, n % 1_000, at, n, session % 5_000)


def line(record: bytes) -> bytes:
    """The same as a line of CSV; what is unreadable stays so."""
    if record == BAD:
        return b"broken"
    return b",".join(str(value).encode() for value in json.loads(record).values())
