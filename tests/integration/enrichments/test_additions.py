"""Sides that are added to a pipeline that runs: what was there before is known to the first event."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer

from integration.launcher.processes import DEADLINE, LauncherProcess
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics

pytestmark = pytest.mark.timeout(1200)
# Records have these times themselves: of topics that are not compacted, Kafka forgets those of last year.
BEGIN = int(time.time()) * 1000 - 3_600_000
TIMES = {"outOfOrderness": "0s", "idleAfter": "2s"}
POD = {"pod": "p1", "zone": 1}
PODS: Sequence[tuple[object, object, int]] = [
    (POD, {"team": "a", "size": 1, "more": [1]}, 10),
    ({"pod": "p1", "zone": 2}, {"team": "other"}, 10),
    (POD, {"team": "b", "size": None}, 20),
    (POD, None, 30),
    (POD, {"team": "c"}, 40),
    ({"pod": "p2", "zone": 1}, {"team": None}, 10),
]
UNREADABLE: Mapping[str, tuple[bytes, bytes | None]] = {
    "the key is not a JSON object": (b"p1", b'{"team": "x"}'),
    "field 'zone' is missing or null": (b'{"pod": "p1"}', None),
    "the value is not a JSON object": (b'{"pod": "p1", "zone": 1}', b"[1]"),
    "field 'size' is no INT": (b'{"pod": "p1", "zone": 1}', b'{"team": "x", "size": "big"}'),
}
NAMES = [(b"p1", {"name": "one"}, 10), (b"p1", None, 35)]
LOGINS = [({"id": "old", "country": "CA"}, 10), ({"id": "new", "country": "DE"}, 20)]
EVENTS: Mapping[str, tuple[tuple[str | None, int | None, str, int], Mapping[str, object]]] = {
    "before": (("p1", 1, "new", 9), {"team": None, "name": None, "country": None}),
    "in its millisecond": (("p1", 1, "new", 10), {"team": "a", "name": "one", "country": None}),
    "replaced": (("p1", 1, "new", 25), {"team": "b", "name": "one", "country": "DE"}),
    "deleted in its millisecond": (("p1", 1, "new", 30), {"team": None, "name": "one", "country": "DE"}),
    "deleted": (("p1", 1, "old", 35), {"team": None, "name": None, "country": None}),
    "there again": (("p1", 1, "new", 45), {"team": "c", "name": None, "country": "DE"}),
    "another key": (("p1", 2, "new", 45), {"team": "other", "name": None, "country": "DE"}),
    "a null": (("p2", 1, "new", 45), {"team": None, "name": None, "country": "DE"}),
    "half a key": (("p1", None, "new", 25), {"team": None, "name": "one", "country": "DE"}),
}


def pipeline(*, with_sides: bool) -> dict[str, Any]:
    instant = datetime.fromtimestamp((BEGIN + 15) / 1000, UTC).isoformat()
    pods = {
        "name": "owner", "on": {"pod": "pod", "zone": "zone"}, "select": ["team"],
        "table": {"topic": "add-pods", "timestamp": TIMES,
                  "fields": {"pod": "STRING", "zone": "INT", "team": "STRING", "size": "INT"}},
    }  # fmt: skip
    names = {
        "name": "called", "on": {"pod": "pod"}, "select": ["name"],
        "table": {"topic": "add-names", "key": "text", "timestamp": TIMES,
                  "fields": {"pod": "STRING", "name": "STRING"}},
    }  # fmt: skip
    login = {
        "name": "login", "on": {"session": "id"}, "select": ["country"], "backfill": {"from": instant},
        "stream": {"topic": "add-logins", "timestamp": TIMES, "fields": {"id": "STRING", "country": "STRING"}},
    }  # fmt: skip
    told = {"team": "owner.team", "name": "called.name", "country": "login.country"}
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "additions"},
        "spec": {
            "source": {
                "topic": "add-in", "timestamp": {**TIMES, "field": "at", "unit": "ms"},
                "fields": {"id": "STRING", "pod": "STRING", "zone": "BIGINT", "session": "STRING", "at": "BIGINT"},
            },
            "enrichments": [pods, names, login] if with_sides else [],
            "output": {"id": "id", **(told if with_sides else {})},
            "sink": {"topic": "add-out"},
            "runtime": {"checkpointInterval": "500ms", "stateBackend": "rocksdb"},
        },
    }  # fmt: skip


def config(directory: str, servers: str, revision: str, *, with_sides: bool) -> RevisionConfig:
    job = compile_resource(parse(pipeline(with_sides=with_sides)))
    topics.ensure_topics(servers, job.program.topics)
    return RevisionConfig(
        namespace="default", name="additions", revision=revision, program=job.program, runtime=job.runtime,
        bootstrap_servers=servers, state_directory=f"file://{directory}/state",
        work_directory=f"{directory}/{revision}",
    )  # fmt: skip


def send(servers: str, events: Mapping[str, tuple[str | None, int | None, str, int]]) -> None:
    """Events, and one that lets event time pass them."""
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    tick = max(at for *_, at in events.values()) + 1
    for id_, (pod, zone, session, at) in {**events, "tick": (None, None, "none", tick)}.items():
        event = {"id": id_, "pod": pod, "zone": zone, "session": session, "at": BEGIN + at}
        producer.produce("add-in", json.dumps(event).encode())
    assert producer.flush(30) == 0


def send_sides(servers: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for key, value, at in PODS:
        text = None if value is None else json.dumps(value).encode()
        producer.produce("add-pods", key=json.dumps(key).encode(), value=text, timestamp=BEGIN + at)
    for name, value, at in NAMES:
        text = None if value is None else json.dumps(value).encode()
        producer.produce("add-names", key=name, value=text, timestamp=BEGIN + at)
    for login, at in LOGINS:
        producer.produce("add-logins", value=json.dumps(login).encode(), timestamp=BEGIN + at)
    assert producer.flush(30) == 0


def send_unreadable(servers: str) -> None:
    """A record without a key is not among them: Kafka takes none where it compacts."""
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for key, value in UNREADABLE.values():
        producer.produce("add-pods", key=key, value=value, timestamp=BEGIN + 50)
    assert producer.flush(30) == 0


def written(servers: str) -> dict[str, dict[str, Any]]:
    """By id; each once."""
    values = [json.loads(record.value or b"{}") for record in streams.read_all(servers, "add-out")]
    events = [value for value in values if value["id"] != "tick"]
    assert len({value["id"] for value in events}) == len(events)
    return {value["id"]: value for value in events}


@pytest.fixture(scope="module")
def told(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """What was written: by the pipeline without sides, and by what came after it, for events that were there before."""
    directory = str(tmp_path_factory.mktemp("additions"))
    first = config(directory, kafka, "r1", with_sides=False)
    with LauncherProcess(first, artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start("a" * 32)
        launcher.wait_for("running")
        send(kafka, {"first": ("p1", 1, "new", 0)})
        wait_until(lambda: "first" in written(kafka), DEADLINE, "the first event is written")
        second = config(directory, kafka, "r2", with_sides=True)
        saved = launcher.stop_with_savepoint("a" * 32, f"file://{directory}/state/savepoints")
    send_sides(kafka)
    send(kafka, {id_: event for id_, (event, _) in EVENTS.items()})
    with LauncherProcess(second, artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start("b" * 32, saved)
        launcher.wait_for("running")
        wait_until(lambda: set(EVENTS) <= set(written(kafka)), DEADLINE, "all events are written")
        send_unreadable(kafka)
        found = wait_until(lambda: _letters(kafka), DEADLINE, "what cannot be read is written")
        return {**written(kafka), "dead letters": {"reasons": found}}


def _letters(servers: str) -> list[str]:
    records = streams.read_all(servers, "additions.dead-letters")
    complete = len(records) >= len(UNREADABLE)
    return [json.loads(record.value or b"{}")["reason"] for record in records] if complete else []


@pytest.mark.parametrize("event", EVENTS)
def test_what_was_there_is_known(event: str, told: Mapping[str, Mapping[str, Any]]) -> None:
    assert told[event] == {"id": event, **EVENTS[event][1]}


def test_what_cannot_be_read_is_a_dead_letter(told: Mapping[str, Mapping[str, Any]]) -> None:
    assert sorted(told["dead letters"]["reasons"]) == sorted(UNREADABLE)
