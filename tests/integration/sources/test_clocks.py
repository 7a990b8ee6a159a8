"""Events whose time Kafka does not take for a record's: none ends a job. One bounded job for all kinds of output."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from integration.patterns.jobs import Job, bounded
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import streams, topics

from .runs import write

pytestmark = pytest.mark.timeout(400)

HOUR = 3_600_000
_BETWEEN = 20_000  # so many that event time goes on before what comes after is read
FIELDS = {"id": "STRING", "type": "STRING", "at": "BIGINT"}


def _source(topic: str) -> dict[str, Any]:
    timestamp = {"field": "at", "unit": "ms", "outOfOrderness": "1h", "maxAhead": "1d"}
    return {"topic": topic, "fields": FIELDS, "timestamp": timestamp}


def _resource(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": kind, "metadata": {"name": name},
        "spec": {"sink": {"topic": f"{name}-out"}, "delivery": "atLeastOnce", **spec},
    }  # fmt: skip


PATTERN = _resource(
    "Pattern",
    "clocks-pattern",
    source=_source("clocks"),
    keyBy=["id"],
    sequence=[{"name": "start", "where": "type = 'start'"}, {"name": "end", "where": "type = 'end'"}],
    within="1m",
    emit={"id": "id", "at": "end.`at`"},
)
PIPELINE = _resource(
    "EnrichmentPipeline",
    "clocks-pipeline",
    source=_source("clocks"),
    enrichments=[{"name": "side", "stream": _source("clocks-side"), "on": {"id": "id"}, "select": ["type"]}],
    output={"id": "id", "at": "`at`"},
)


def _written(servers: str, topic: str) -> Mapping[tuple[str, int], int]:
    """Id and time of each event that was written, and the time of its record."""
    values = [(json.loads(record.value or b""), record.timestamp) for record in streams.read_all(servers, topic)]
    return {(value["id"], value["at"]): timestamp for value, timestamp in values}


def _events(now: int) -> Sequence[Mapping[str, object]]:
    ahead, before = now + 5 * HOUR, -12 * HOUR
    times = [
        ("early", "start", before), ("early", "end", before + 1), ("true", "start", now), ("true", "end", now + 1),
        ("soon", "start", now + 60_000), ("soon", "end", now + 60_001),
        ("wrong", "start", now + 48 * HOUR), ("ahead", "start", ahead), ("ahead", "end", ahead + 1),
        *(("between", "none", ahead + 1) for _ in range(_BETWEEN)), ("late", "start", now + 3 * HOUR),
        ("after", "start", ahead + 2), ("after", "end", ahead + 3),
    ]  # fmt: skip
    return [dict(zip(FIELDS, row, strict=True)) for row in times]


def test_no_time_of_an_event_ends_a_job(kafka: str, tmp_path: Path) -> None:
    """Before 1970 or further ahead than brokers take, a record has the time when it is written.

    A side that is of 1970 is a dead letter: no join takes it. What is further ahead than maxAhead is set aside, late
    where late events are, and moves no event time: those behind it are on time.
    """
    programs = [compile_resource(parse(each)).program for each in (PATTERN, PIPELINE)]
    topics.ensure_topics(kafka, [topic for program in programs for topic in program.topics])
    begun = int(time.time() * 1_000)
    now = begun - 60_000
    events = _events(now)
    said = {"id": "true", "type": "said", "at": now}, {"id": "early", "type": "said", "at": 0}
    write(kafka, "clocks-side", [json.dumps(event).encode() for event in said])
    write(kafka, "clocks", [json.dumps(event).encode() for event in events])

    Job(
        [bounded(statement, kafka) for program in programs for statement in program.tables],
        [insert.sql for program in programs for insert in program.inserts],
        {"pipeline.auto-watermark-interval": "1 ms"},
    ).run(tmp_path)

    ended = int(time.time() * 1_000)
    enriched = _written(kafka, "clocks-pipeline-out")
    assert set(enriched) == {(event["id"], event["at"]) for event in events if event["id"] != "wrong"}
    matches = _written(kafka, "clocks-pattern-out")
    assert {id_ for id_, _ in matches} >= {"true", "soon", "ahead", "after"}
    for (id_, at), timestamp in [*enriched.items(), *matches.items()]:
        if id_ in {"true", "soon"}:
            assert timestamp == at
        else:
            assert begun <= timestamp <= ended
    letters = [json.loads(record.value or b"") for record in streams.read_all(kafka, "clocks-pipeline.dead-letters")]
    assert len(letters) == 2
    (wrong,) = (event for event in events if event["id"] == "wrong")
    assert {
        letter["topic"]: (letter["offset"], json.loads(letter["text"]), letter["reason"]) for letter in letters
    } == {
        "clocks-side": (1, said[1], "its time is not after 1970-01-01T00:00:00Z"),
        "clocks": (events.index(wrong), wrong, "its time is more than 1d ahead of its record's"),
    }
    late = streams.read_all(kafka, "clocks-pattern.late")
    assert [json.loads(record.value or b"")["record"]["id"] for record in late] == ["wrong", "late"]
    assert all(begun <= record.timestamp <= ended for record in late)
