"""The demo's audit: what its pipelines should have written against what a read_committed reader sees."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..fleet import streams
from ..fleet.streams import Record
from . import audits, expectations
from .audits import Finding
from .expectations import Output
from .feeds import Feed
from .generator import Event, Topic

Expected = Callable[[Iterable[Event], int], Iterator[Output]]


@dataclass(frozen=True)
class Pipeline:
    """One of the demo's Patterns: what it reads, what it writes, and what that should be."""

    name: str
    source: Topic
    sink: str
    fields: tuple[str, ...]
    expected: Expected


PIPELINES: Final = (
    Pipeline(
        "products-load-time", "shop-events", "load-times", ("session", "metric", "value"), expectations.load_times
    ),
    Pipeline(
        "abandoned-cart",
        "shop-events",
        "abandoned-carts",
        ("session", "event", "openedAt"),
        expectations.abandoned_carts,
    ),
    Pipeline(
        "payment-time",
        "payment-events",
        "payment-times",
        ("payment", "amount", "milliseconds"),
        expectations.payment_times,
    ),
)
NEW_FIELD: Final = "slow"
"""What the change under load adds to the outputs of products-load-time."""
SLOW_FROM: Final = 2_000


def findings(servers: str, feed: Feed) -> tuple[Finding, ...]:
    """All topics of all pipelines, compared. Raises fleet.topics.TopicError."""
    return tuple(finding for pipeline in PIPELINES for finding in _of_pipeline(servers, feed, pipeline))


def _of_pipeline(servers: str, feed: Feed, pipeline: Pipeline) -> Iterator[Finding]:
    seen = [_document(record) for record in streams.read_all(servers, pipeline.sink)]
    expected = [
        audits.text(output, pipeline.fields) for output in pipeline.expected(feed.events(pipeline.source), feed.begin)
    ]
    remark = _change_remark(seen) if pipeline.name == "products-load-time" else ""
    yield audits.compare(pipeline.sink, expected, (audits.text(output, pipeline.fields) for output in seen), remark)
    yield _dead_letters(servers, feed, pipeline)
    yield _late(servers, feed, pipeline)


def _change_remark(seen: list[Output]) -> str:
    """The change under load: from one output on all have the new field, and it says what it should."""
    if not audits.clean_cut([NEW_FIELD in output for output in seen]):
        return "outputs of the old and the new spec are mixed"
    wrong = [
        output for output in seen if NEW_FIELD in output and output[NEW_FIELD] != (_number(output["value"]) > SLOW_FROM)
    ]
    return f"{len(wrong)} outputs have a wrong '{NEW_FIELD}'" if wrong else ""


def _dead_letters(servers: str, feed: Feed, pipeline: Pipeline) -> Finding:
    topic = f"{pipeline.name}.dead-letters"
    seen = (_document(record) for record in streams.read_all(servers, topic))
    expected = (
        f"offset {sent.offset}: {base64.b64encode(sent.record.raw).decode()}"
        for sent in feed.of_sort(pipeline.source, "bad")
    )
    return audits.compare(topic, expected, (f"offset {each.get('offset')}: {each.get('raw')}" for each in seen))


def _late(servers: str, feed: Feed, pipeline: Pipeline) -> Finding:
    topic = f"{pipeline.name}.late"
    seen = (_document(record) for record in streams.read_all(servers, topic))
    expected = (f"offset {sent.offset}" for sent in feed.of_sort(pipeline.source, "late"))
    return audits.compare(topic, expected, (f"offset {each.get('offset')}" for each in seen))


def _document(record: Record) -> Output:
    found = json.loads(record.value or b"null")
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
