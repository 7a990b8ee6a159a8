"""Every accepted event leaves exactly once, as the oracle says: hundreds of random worlds on real Flink and Kafka."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from integration.patterns.jobs import Job, bounded
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import streams, topics

from . import random_streams

pytestmark = pytest.mark.timeout(1200)
_WORLDS = 150
Written = list[tuple[int, dict[str, Any], bytes, int]]
"""Offset of the event, value, the value's bytes, timestamp."""


def pipeline(run: str) -> dict[str, Any]:
    """The document; results of each run go to a topic of their own. Nothing is late."""
    timestamp = {"field": "at", "unit": "ms", "outOfOrderness": "1d"}

    def stream(topic: str, source: dict[str, Any]) -> dict[str, Any]:
        return {**source, "topic": f"random-{topic}", "timestamp": timestamp}

    spec = random_streams.SPEC
    login, user = spec["enrichments"]
    sides = [
        {**login, "stream": stream("logins", login["stream"])},
        {**user, "stream": stream("users", user["stream"])},
    ]
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "random"},
        "spec": {
            **spec, "source": stream("wallet", spec["source"]), "enrichments": sides,
            "sink": {"topic": f"random-out-{run}"}, "delivery": "atLeastOnce",
        },
    }  # fmt: skip


def run(servers: str, name: str, directory: Path, **settings: str) -> Written:
    program = compile_resource(parse(pipeline(name))).program
    topics.ensure_topics(servers, program.topics)
    directory.mkdir()
    Job(
        [bounded(statement, servers) for statement in program.tables],
        [insert.sql for insert in program.inserts],
        {**program.settings, **{key.replace("_", "."): value for key, value in settings.items()}},
    ).run(directory, timeout=1000)
    return sorted(written(servers, f"random-out-{name}"), key=lambda each: each[0])


def written(servers: str, topic: str) -> Iterable[tuple[int, dict[str, Any], bytes, int]]:
    for record in streams.read_all(servers, topic):
        id_ = (dict(record.headers)["weir-id"] or b"").decode()
        value = record.value or b""
        yield int(id_.removeprefix("random/0-")), json.loads(value), value, record.timestamp


def test_random_worlds(kafka: str, tmp_path: Path) -> None:
    found = random_streams.worlds(_WORLDS)
    records = {
        topic: list(itertools.chain.from_iterable(world[topic] for world in found)) for topic in random_streams.TOPICS
    }
    program = compile_resource(parse(pipeline("once"))).program
    topics.ensure_topics(kafka, program.topics)
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True})
    for topic, rows in records.items():
        for row in rows:
            producer.produce(f"random-{topic}", json.dumps(row).encode())
    assert producer.flush(30) == 0

    once = run(kafka, "once", tmp_path / "once")

    assert [(offset, value) for offset, value, *_ in once] == sorted(
        random_streams.expected(records), key=lambda each: each[0]
    )
    assert all(timestamp == value["at"] for _, value, _, timestamp in once)

    again = run(kafka, "again", tmp_path / "again", parallelism_default="2")

    assert [(offset, raw) for offset, _, raw, _ in again] == [(offset, raw) for offset, _, raw, _ in once]
