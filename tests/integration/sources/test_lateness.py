"""What is on time behind the source is on time everywhere behind it."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from weir_api.blocks import Source

from .runs import Job, Outcome, Place, run, write

TopicFactory = Callable[..., str]
pytestmark = pytest.mark.timeout(1200)

# An OVER window drops late rows without a word.
_THROUGH_A_WINDOW = """
SELECT id, `at`, weir_time, weir_partition, weir_offset FROM (
  SELECT *, COUNT(*) OVER (
    PARTITION BY id ORDER BY weir_time RANGE BETWEEN INTERVAL '1' SECOND PRECEDING AND CURRENT ROW
  ) AS number_of_events FROM {events}
)"""


def test_no_event_is_dropped_behind_the_source(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    """Partitions that are passed over whenever they are silent for a moment: more is late, and nothing lost."""
    skewed = _skewed(kafka, topic)
    outcome = _run(skewed, kafka, tmp_path, idle_after="50ms")
    assert _late(outcome) & skewed.disturbed, "the test needs late records"


def test_no_partition_makes_another_late(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    """Nothing is late of the partition that is further in time than the others, wherever the threads are."""
    skewed = _skewed(kafka, topic)
    outcome = _run(skewed, kafka, tmp_path, idle_after="10m")
    assert {place for place in _late(outcome) - skewed.disturbed if place[0] == 2} == set()


@dataclass(frozen=True)
class _Skewed:
    """Four partitions far apart in time, with much disorder. `disturbed`: the places of what is out of order.

    Each begins with an event two hours ahead of its record, as of a clock that is wrong: that one is late, and no other
    because of it.
    """

    topic: str
    written: Counter[Place]
    disturbed: set[Place]


def _skewed(kafka: str, topic: TopicFactory) -> _Skewed:
    name = topic("skewed", partitions=4)
    chance = random.Random(7)
    written, disturbed = Counter[Place](), set[Place]()
    ahead = int(time.time() * 1_000) + 7_200_000
    for partition, (start, count) in enumerate([(0, 20_000), (3_000, 20_000), (9_000, 5_000), (0, 0)]):
        delays = [chance.choice([0, 0, 50, 4_000]) for _ in range(count)]
        disturbed |= {(partition, 1 + step) for step, delay in enumerate(delays) if delay == 4_000}
        times = [ahead, *(1_700_000_000_000 + start + step - delay for step, delay in enumerate(delays))]
        write(kafka, name, [f'{{"id":"{chance.randrange(20)}","at":{at}}}'.encode() for at in times], partition)
        written.update((partition, offset) for offset in range(count + 1))
    return _Skewed(name, written, disturbed)


def _run(skewed: _Skewed, kafka: str, work: Path, *, idle_after: str) -> Outcome:
    """Through an OVER window by two threads, with a watermark after nearly every record; each record is somewhere."""
    source = Source.model_validate(
        {
            "topic": skewed.topic,
            "fields": {"id": "STRING", "at": "BIGINT"},
            "timestamp": {"field": "at", "unit": "ms", "outOfOrderness": "100ms", "idleAfter": idle_after},
        }
    )
    settings = {"parallelism.default": "2", "pipeline.auto-watermark-interval": "1 ms"}
    outcome = run(Job(work, kafka, skewed.topic, source, settings=settings, select=_THROUGH_A_WINDOW))
    assert not outcome.dead
    assert Counter(place for places in outcome.places().values() for place in places) == skewed.written
    assert {(partition, 0) for partition in range(4)} <= set(outcome.places()["late"])
    return outcome


def _late(outcome: Outcome) -> set[Place]:
    """Without those of the wrong clocks."""
    return {place for place in outcome.places()["late"] if place[1] > 0}
