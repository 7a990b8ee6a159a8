"""What is on time behind the source is on time everywhere behind it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from weir_api.blocks import Source

from .runs import Job, run, write

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
    """Four partitions far apart in time, much disorder, two subtasks, a watermark after nearly every record.

    Each begins with an event two hours ahead of its record, as of a clock that is wrong: that one is late, and no other
    because of it.
    """
    name = topic("skewed", partitions=4)
    chance = random.Random(7)
    written = Counter[tuple[int, int]]()
    disturbed = set[tuple[int, int]]()
    ahead = int(time.time() * 1_000) + 7_200_000
    for partition, (start, count) in enumerate([(0, 20_000), (3_000, 20_000), (9_000, 5_000), (0, 0)]):
        delays = [chance.choice([0, 0, 50, 4_000]) for _ in range(count)]
        disturbed |= {(partition, 1 + step) for step, delay in enumerate(delays) if delay == 4_000}
        times = [ahead, *(1_700_000_000_000 + start + step - delay for step, delay in enumerate(delays))]
        write(kafka, name, [f'{{"id":"{chance.randrange(20)}","at":{at}}}'.encode() for at in times], partition)
        written.update((partition, offset) for offset in range(count + 1))
    source = Source.model_validate(
        {
            "topic": name,
            "fields": {"id": "STRING", "at": "BIGINT"},
            "timestamp": {"field": "at", "unit": "ms", "outOfOrderness": "100ms", "idleAfter": "50ms"},
        }
    )
    settings = {"parallelism.default": "2", "pipeline.auto-watermark-interval": "1 ms"}

    outcome = run(Job(tmp_path, kafka, name, source, settings=settings, select=_THROUGH_A_WINDOW))

    seen = Counter(place for places in outcome.places().values() for place in places)
    wrong = {
        place for place, record in zip(outcome.places()["late"], outcome.late, strict=True) if _at(record) == ahead
    }
    assert wrong == {(partition, 0) for partition in range(4)}
    late = set(outcome.places()["late"]) - wrong
    assert late & disturbed, "the test needs late records"
    assert {place for place in late - disturbed if place[0] == 2} == set(), "no partition is further in time than this"
    assert not outcome.dead
    assert seen == written


def _at(late: Mapping[str, Any]) -> int:
    at: int = late["record"]["at"]
    return at
