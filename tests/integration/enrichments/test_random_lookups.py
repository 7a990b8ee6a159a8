"""Whatever services do, every event leaves exactly once: random streams, look-ups that fail, state in RocksDB."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integration.patterns.jobs import Job, bounded
from oracle import lookups as oracle
from oracle.enrichments import Event, Side
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import streams, topics

from . import services

pytestmark = pytest.mark.timeout(1200)
_WORLDS = 120
BEGIN = 1_750_000_000_000
KINDS = ("known", "missing", "broken", "refused", "flaky", "text")
_TIMES = st.integers(0, 60) | st.sampled_from([10, 20, 30])
_SESSION = st.sampled_from(KINDS)
_EVENTS = st.fixed_dictionaries(
    {"session": _SESSION | st.none(), "type": st.sampled_from(["plain", "old", "checked", None]), "at": _TIMES}
)
_LOGINS = st.fixed_dictionaries({"id": _SESSION, "country": st.sampled_from(["CA", "DE", None, "none"]), "at": _TIMES})
LOGIN = Side("login", {"session": "id"}, ["country"], "latest", 25, lambda event: event.fields["country"] == "none")
CHECK = Side("check", {"session": "id"}, ["country"])


def ask(key: tuple[object, ...]) -> oracle.Answer:
    """What tests/integration/enrichments/services.py answers, tries and all."""
    name = str(key[0])
    match name.rpartition("/")[2]:
        case "missing":
            return None
        case "broken" | "refused" | "text":
            raise oracle.Failed(name)
    return {"country": f"UK {name}"}


def tell(event: Event, logins: Sequence[Event]) -> Mapping[str, Mapping[str, object]]:
    """What the pipeline gives an event."""
    kind = event.fields["type"]
    login = oracle.Lookup(ask, when=lambda _: kind == "old")
    check = oracle.Lookup(ask, when=lambda _: kind == "checked", fails=True)
    return {
        "login": oracle.as_of_or_else(LOGIN, login, event, logins), "check": oracle.asked(CHECK, check, event),
    }  # fmt: skip


def pipeline(url: str) -> dict[str, Any]:
    timestamp = {"field": "at", "unit": "ms", "outOfOrderness": "1d"}
    http = {"url": f"{url}/sessions/{{session}}", "retries": 3, "timeout": "10s"}
    login = {
        "name": "login",
        "stream": {
            "topic": "fails-logins", "timestamp": timestamp,
            "fields": {"id": "STRING", "country": "STRING", "at": "BIGINT"},
        },
        "on": {"session": "id"}, "select": ["country"], "expireAfter": "25ms", "endWhen": "country = 'none'",
        "orElse": {"http": http}, "lookupWhen": "type = 'old'",
    }  # fmt: skip
    check = {
        "name": "check", "http": {**http, "onError": "deadLetter", "cache": "1m"}, "on": {"session": "id"},
        "fields": {"id": "STRING", "country": "STRING"}, "select": ["country"], "lookupWhen": "type = 'checked'",
    }  # fmt: skip
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "fails"},
        "spec": {
            "source": {
                "topic": "fails-in", "timestamp": timestamp,
                "fields": {"session": "STRING", "type": "STRING", "at": "BIGINT"},
            },
            "enrichments": [login, check],
            "output": {"login": {"country": "login.country"}, "check": {"country": "check.country"}},
            "sink": {"topic": "fails-out"}, "delivery": "atLeastOnce",
        },
    }  # fmt: skip


def worlds() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events and logins of many worlds that have nothing to do with each other, each in its order."""
    events: list[dict[str, Any]] = []
    logins: list[dict[str, Any]] = []

    @settings(
        max_examples=_WORLDS, phases=[Phase.generate], derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(_EVENTS, min_size=1, max_size=10), st.lists(_LOGINS, max_size=6))
    def collect(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
        own = f"w{len(events)}/"
        events.extend(
            {**row, "session": row["session"] and own + row["session"], "at": BEGIN + row["at"]} for row in ours
        )
        logins.extend({**row, "id": own + row["id"], "at": BEGIN + row["at"]} for row in theirs)

    collect()
    return events, logins


def test_every_event_leaves_once(kafka: str, tmp_path: Path) -> None:
    rows, logins = worlds()
    with services.serving() as service:
        program = compile_resource(parse(pipeline(service.url))).program
        topics.ensure_topics(kafka, program.topics)
        producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True})
        for topic, records in {"fails-in": rows, "fails-logins": logins}.items():
            for record in records:
                producer.produce(topic, json.dumps(record).encode())
        assert producer.flush(30) == 0
        Job(
            [bounded(statement, kafka) for statement in program.tables],
            [insert.sql for insert in program.inserts],
            {**program.settings, "state.backend.type": "rocksdb"},
        ).run(tmp_path, timeout=1000)

    said = [Event(row["at"], 0, offset, row) for offset, row in enumerate(logins)]
    events = [Event(row["at"], 0, offset, row) for offset, row in enumerate(rows)]
    wanted, letters = oracle.partition(events, lambda event: tell(event, said))
    written = [
        (_offset(dict(record.headers)["weir-id"]), json.loads(record.value or b"{}"))
        for record in streams.read_all(kafka, "fails-out")
    ]
    assert sorted(written, key=lambda each: each[0]) == sorted(wanted.items())
    dead = [json.loads(record.value or b"{}") for record in streams.read_all(kafka, "fails.dead-letters")]
    assert sorted(letter["offset"] for letter in dead) == sorted(letters)
    assert {letter["reason"].split(":")[0] for letter in dead} == {"the look-up of 'check' failed"}
    assert letters
    assert {row["type"] for row in rows} == {"plain", "old", "checked", None}


def _offset(id_: bytes | None) -> int:
    return int((id_ or b"").decode().removeprefix("fails/0-"))
