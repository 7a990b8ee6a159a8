"""Streams that fall silent and speak again, in random order: events leave as the oracle says, also beside a last row.

All worlds are in one running job and have keys of their own; when a stream speaks is common to them. The events' own
stream is waited for (its `idleAfter` is long), sides are not.
"""

import copy
import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from integration.launcher.processes import DEADLINE, LauncherProcess
from oracle import enrichments as oracle
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics

from . import random_streams

pytestmark = pytest.mark.timeout(1200)
BEGIN = int(time.time()) * 1000 - 3_600_000  # the table's records have these times themselves
STEP, SPAN = 1_000, 60
DISORDER = "100ms"
WORLDS, STEPS = 25, 12
MAIN, LOGINS, USERS, PODS = TOPICS = ("silent-wallet", "silent-logins", "silent-users", "silent-pods")
Row = dict[str, Any]

PIPELINE = oracle.Pipeline(
    sides=(
        oracle.Side("login", {"session": "id"}, ["country"], "latest", 2_500, lambda e: e.fields["country"] == "none"),
        oracle.Side(
            "user", {"userId": "userId"}, ["birthYear", "country"], "latestNonNull", 4_000,
            lambda e: e.fields["birthYear"] == 0,
        ),
        oracle.Side("owner", {"pod": "pod"}, ["team"], "latest", None, lambda e: "team" not in e.fields),
    ),
    by=("userId", "id"),
    within=1_500,
    per=("userId", "type"),
)  # fmt: skip


def _document() -> dict[str, Any]:
    spec = copy.deepcopy(random_streams.SPEC)
    login, user = spec["enrichments"]
    times = {"field": "at", "unit": "ms", "outOfOrderness": DISORDER}
    spec["source"] |= {"topic": MAIN, "timestamp": {**times, "idleAfter": "1h"}}
    spec["source"]["fields"]["pod"] = "STRING"
    spec["deduplicate"]["within"] = f"{PIPELINE.within}ms"
    for side, topic, expires in ((login, LOGINS, "2500ms"), (user, USERS, "4s")):
        side["stream"] |= {"topic": topic, "timestamp": {**times, "idleAfter": "1s"}}
        side["expireAfter"] = expires
    owner = {
        "name": "owner", "on": {"pod": "pod"}, "select": ["team"],
        "table": {"topic": PODS, "key": "text", "fields": {"pod": "STRING", "team": "STRING"},
                  "timestamp": {"idleAfter": "1s"}},
    }  # fmt: skip
    spec["enrichments"] = [login, user, owner]
    spec["output"]["sides"]["owner"] = {"team": "owner.team"}
    spec |= {"sink": {"topic": "silent-out"}, "runtime": {"checkpointInterval": "300ms"}}
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "silent"}, "spec": spec,
    }  # fmt: skip


class _World:
    """Random rows with keys of this world."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.own, self.chance = f"w{number}/", chance

    def rows(self, topic: str, begin: int) -> list[Row]:
        return [self._row(topic, begin + self.chance.randrange(SPAN)) for _ in range(self.chance.randint(0, 4))]

    def _row(self, topic: str, at: int) -> Row:
        match topic:
            case "silent-wallet":
                keys = {"userId": self._key("u1", "u2", None), "session": self._key("s1", "s2", None)}
                keys |= {"pod": self._key("p1", "p2", None), "type": self._key("A", "B")}
                return {"id": self._one("a", "b", "c", None), **keys, "at": at}
            case "silent-logins":
                return {"id": self._key("s1", "s2"), "country": self._one("CA", "DE", "none", None), "at": at}
            case "silent-users":
                told = {"birthYear": self._one(0, 1978, 1980, None), "country": self._one("ES", "UY", None)}
                return {"userId": self._key("u1", "u2"), **told, "at": at}
            case _:
                told = self._one({"team": "a"}, {"team": "b"}, {"team": None}, {})
                return {"pod": self._key("p1", "p2"), **told, "at": at}

    def _one(self, *values: Any) -> Any:
        return self.chance.choice(values)

    def _key(self, *values: str | None) -> str | None:
        value: str | None = self.chance.choice(values)
        return value and self.own + value


def _steps(chance: random.Random) -> list[Mapping[str, list[Row]]]:
    """What each stream says in each step; at first all do, later some, at last only events come."""
    worlds = [_World(number, chance) for number in range(WORLDS)]
    found: list[Mapping[str, list[Row]]] = []
    for step in range(STEPS):
        speaking = (
            TOPICS if step == 0 else (MAIN,) if step == STEPS - 1 else chance.sample(TOPICS, chance.randint(1, 3))
        )
        said = {}
        for topic in speaking:
            rows = [row for world in worlds for row in world.rows(topic, BEGIN + step * STEP)]
            chance.shuffle(rows)
            # A table's records come in the order of their times.
            said[topic] = sorted(rows, key=lambda row: row["at"]) if topic == PODS else rows
        found.append(said)
    return found


def _produce(servers: str, said: Mapping[str, Sequence[Row]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for topic, rows in said.items():
        for row in rows:
            if topic == PODS:
                told = {"team": row["team"]} if "team" in row else None
                value = None if told is None else json.dumps(told).encode()
                producer.produce(topic, key=row["pod"], value=value, timestamp=row["at"])
            else:
                producer.produce(topic, json.dumps(row).encode())
    assert producer.flush(30) == 0


def _expected(steps: Sequence[Mapping[str, Sequence[Row]]]) -> dict[int, Mapping[str, Any]]:
    """Output by the event's offset."""
    events: dict[str, list[oracle.Event]] = defaultdict(list)
    for said in steps:
        for topic, rows in said.items():
            begin = len(events[topic])
            events[topic] += [oracle.Event(row["at"], 0, begin + index, row) for index, row in enumerate(rows)]
    sides = {"login": events[LOGINS], "user": events[USERS], "owner": events[PODS]}
    return {
        each.event.offset: {
            "userId": each.event.fields["userId"], "at": each.event.time,
            "sides": {name: dict(fields) for name, fields in each.sides.items()}, "first": each.first,
        }
        for each in oracle.enriched(PIPELINE, events[MAIN], sides)
    }  # fmt: skip


def _written(servers: str) -> list[tuple[int, Mapping[str, Any]]]:
    found = []
    for record in streams.read_all(servers, "silent-out"):
        offset = int((dict(record.headers)["weir-id"] or b"").decode().removeprefix("silent/0-"))
        found.append((offset, json.loads(record.value or b"")))
    return sorted(found, key=lambda each: each[0])


def _wait_for(servers: str, expected: Mapping[int, object], what: str) -> None:
    wait_until(lambda: len(_written(servers)) >= len(expected), DEADLINE, what)


def test_streams_that_fall_silent_and_wake(kafka: str, tmp_path: Path) -> None:
    job = compile_resource(parse(_document()))
    topics.ensure_topics(kafka, job.program.topics)
    steps = _steps(random.Random(20_261_122))
    config = RevisionConfig(
        namespace="default", name="silent", revision="r1", program=job.program, runtime=job.runtime,
        bootstrap_servers=kafka, state_directory=(tmp_path / "state").as_uri(), work_directory=str(tmp_path / "r1"),
    )  # fmt: skip
    with LauncherProcess(config, artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start("a" * 32)
        launcher.wait_for("running")
        for number, said in enumerate(steps):
            _produce(kafka, said)
            if MAIN in said:
                _wait_for(kafka, _expected(steps[:number]), f"the events before step {number} leave")
        tick = {"at": BEGIN + (STEPS + 1) * STEP, "id": "tick"}
        _produce(kafka, {MAIN: [tick]})
        expected = _expected(steps)
        _wait_for(kafka, expected, "all events leave, though no side speaks")
        assert _written(kafka) == sorted(expected.items())
    spoken = [topic for said in itertools.islice(steps, 1, None) for topic in said]
    assert set(spoken) == set(TOPICS)
