"""What is on time behind the source is on time everywhere behind it."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

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
    """Four partitions far apart in time, much disorder, two subtasks, a watermark after nearly every record."""
    name = topic("skewed", partitions=4)
    chance = random.Random(7)
    written = Counter[tuple[int, int]]()
    for partition, (start, count) in enumerate([(0, 20_000), (3_000, 20_000), (9_000, 5_000), (0, 0)]):
        times = [1_700_000_000_000 + start + step - chance.choice([0, 0, 50, 4_000]) for step in range(count)]
        values = [f'{{"id":"{chance.randrange(20)}","at":{time}}}'.encode() for time in times]
        write(kafka, name, values, partition)
        written.update((partition, offset) for offset in range(count))
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
    assert outcome.late, "the test needs late records"
    assert not outcome.dead
    assert seen == written
