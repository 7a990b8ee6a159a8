"""Look-ups over real HTTP: who asks, what is told, and what becomes of those that fail."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from integration.patterns.jobs import Job, bounded
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import streams, topics
from weir_runtime.launcher.variables import Variables

from . import services

pytestmark = pytest.mark.timeout(1200)
BEGIN = 1_750_000_000_000
AUTHORIZATION = "Bearer it's-me"
EVENTS = [
    # id, session, type
    ("known", "known", "A"),
    ("old", "known", "old"),
    ("unknown", "x-1", "A"),
    ("unknown-again", "x-1", "A"),
    ("keyless", None, "old"),
    ("encoded", "a b+ü?&%/x-2", "A"),
    ("missing", "missing", "A"),
    ("broken", "broken", "A"),
    ("refused", "refused", "A"),
    ("flaky", "flaky", "A"),
    ("text", "text", "A"),
]
ANSWERED = {
    "known": "CA", "old": "UK known", "unknown": "UK x-1", "unknown-again": "UK x-1", "keyless": None,
    "encoded": "UK a b+ü?&%/x-2", "missing": None, "flaky": "UK flaky",
}  # fmt: skip
REASONS = {
    "broken": "the look-up of 'login' failed: HTTP_ERROR_STATUS 500",
    "refused": "the look-up of 'login' failed: HTTP_ERROR_STATUS 400",
    "text": "the look-up of 'login' failed: UNABLE_TO_DESERIALIZE_RESPONSE 200",
}


def pipeline(name: str, url: str, **http: object) -> dict[str, Any]:
    timestamp = {"field": "at", "unit": "ms", "outOfOrderness": "1d"}
    fields = {"id": "STRING", "session": "STRING", "type": "STRING", "at": "BIGINT"}
    stream = {
        "topic": "looked-up-logins", "timestamp": timestamp,
        "fields": {"id": "STRING", "country": "STRING", "at": "BIGINT"},
    }  # fmt: skip
    lookup = {"url": f"{url}/sessions/{{session}}", "secretRef": {"name": "service"}, "retries": 3, **http}
    side = {
        "name": "login", "stream": stream, "on": {"session": "id"}, "select": ["country"],
        "orElse": {"http": lookup}, "lookupWhen": "type = 'old'",
    }  # fmt: skip
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": name},
        "spec": {
            "source": {"topic": "looked-up", "fields": fields, "timestamp": timestamp}, "enrichments": [side],
            "flags": {"firstOccurrence": {"per": ["session"]}},
            "output": {"id": "id", "country": "login.country", "first": "firstOccurrence"},
            "sink": {"topic": f"{name}-out"}, "delivery": "atLeastOnce",
        },
    }  # fmt: skip


def run(servers: str, document: Mapping[str, Any], directory: Path) -> dict[str, dict[str, Any]]:
    """What was written, by the event's id."""
    program = compile_resource(parse(document)).program
    topics.ensure_topics(servers, program.topics)
    secrets = Variables({}, lambda _, __: AUTHORIZATION, lambda _: ["Authorization"])
    Job(
        [secrets.fill(bounded(statement, servers)) for statement in program.tables],
        [insert.sql for insert in program.inserts],
        program.settings,
    ).run(directory, timeout=1000)
    results = streams.read_all(servers, document["spec"]["sink"]["topic"])
    values = [json.loads(record.value or b"{}") for record in results]
    assert len({value["id"] for value in values}) == len(values)
    return {value["id"]: value for value in values}


@pytest.fixture(scope="module")
def events(kafka: str) -> str:
    """Kafka, with the events in it."""
    program = compile_resource(parse(pipeline("first", "http://x"))).program
    topics.ensure_topics(kafka, program.topics)
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True})
    for offset, (id_, session, kind) in enumerate(EVENTS):
        event = {"id": id_, "session": session, "type": kind, "at": BEGIN + 100 + offset}
        producer.produce("looked-up", json.dumps(event).encode())
    producer.produce("looked-up-logins", json.dumps({"id": "known", "country": "CA", "at": BEGIN}).encode())
    assert producer.flush(30) == 0
    return kafka


def test_those_that_fail_are_dead_letters(events: str, tmp_path: Path) -> None:
    """Each event leaves once, as a result or as a dead letter; nobody asks in vain."""
    with services.serving() as service:
        written = run(events, pipeline("letters", service.url, onError="deadLetter"), tmp_path)

    assert {id_: value["country"] for id_, value in written.items()} == ANSWERED
    assert {id_ for id_, value in written.items() if not value["first"]} == {"old", "unknown-again"}
    letters = [json.loads(record.value or b"{}") for record in streams.read_all(events, "letters.dead-letters")]
    assert {json.loads(letter["text"])["id"]: letter["reason"] for letter in letters} == REASONS
    assert {letter["offset"] for letter in letters} == {7, 8, 10}
    assert service.authorizations == {AUTHORIZATION}
    assert service.asked["known"] == 1
    assert service.asked["broken"] == 4
    assert service.asked["flaky"] == 3
    assert service.asked["refused"] == 1
    assert service.asked["x-1"] == 2


def test_or_leave_without_the_side(events: str, tmp_path: Path) -> None:
    """And what was answered is not asked again while the cache has it; what failed is."""
    with services.serving() as service:
        written = run(events, pipeline("nulls", service.url, cache="10m"), tmp_path)

    assert {id_: value["country"] for id_, value in written.items()} == ANSWERED | dict.fromkeys(REASONS)
    assert service.asked["x-1"] <= 2


def test_a_service_that_is_away_stops_nobody(events: str, tmp_path: Path) -> None:
    written = run(events, pipeline("away", "http://127.0.0.1:9", retries=1), tmp_path)
    assert {id_: value["country"] for id_, value in written.items()} == {
        id_: "CA" if id_ == "known" else None for id_, *_ in EVENTS
    }
