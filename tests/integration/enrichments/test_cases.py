"""Every case of cases.yaml in one running job, as the launcher runs it, on real Flink and Kafka."""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from ruamel.yaml import YAML

from integration.launcher.processes import DEADLINE, LauncherProcess
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics

from . import services

pytestmark = pytest.mark.timeout(1200)

CASES: Sequence[Mapping[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("cases.yaml"))["cases"]
BEGIN = 1_750_000_000_000
DISORDER = 5_000
SEPARATOR = "/"
TIMESTAMP = {"field": "at", "unit": "ms", "outOfOrderness": f"{DISORDER}ms", "idleAfter": "1h"}
MONEY: dict[str, Any] = {
    "apiVersion": "weir.dev/v1alpha1",
    "kind": "EnrichmentPipeline",
    "metadata": {"name": "money"},
    "spec": {
        "source": {
            "topic": "wallet-events",
            "fields": {"id": "STRING", "userId": "STRING", "session": "STRING", "type": "STRING", "at": "BIGINT"},
            "timestamp": TIMESTAMP,
        },
        "deduplicate": {"by": ["userId", "id"], "within": "1m"},
        "enrichments": [
            {
                "name": "login",
                "stream": {
                    "topic": "session-events",
                    "fields": {"id": "STRING", "country": "STRING", "at": "BIGINT"},
                    "timestamp": TIMESTAMP,
                },
                "on": {"session": "id"},
                "select": ["country"],
                "expireAfter": "1h",
            },
            {
                "name": "looked",
                "stream": {
                    "topic": "session-events",
                    "fields": {"id": "STRING", "country": "STRING", "at": "BIGINT"},
                    "timestamp": TIMESTAMP,
                },
                "on": {"session": "id"},
                "select": ["country"],
                "expireAfter": "1h",
            },
            {
                "name": "user",
                "stream": {
                    "topic": "user-events",
                    "fields": {"userId": "STRING", "birthYear": "INT", "country": "STRING", "at": "BIGINT"},
                    "timestamp": TIMESTAMP,
                },
                "on": {"userId": "userId"},
                "merge": "latestNonNull",
                "select": ["birthYear", "country"],
            },
        ],
        "flags": {"firstOccurrence": {"per": ["userId", "type"]}},
        "keyBy": ["userId"],
        "output": {
            "money": {"id": "id"},
            "user": {"birthYear": "user.birthYear", "country": "user.country"},
            "session": "login.country",
            "asked": "looked.country",
            "first": "firstOccurrence",
        },
        "sink": {"topic": "enriched"},
        "runtime": {"checkpointInterval": "500ms"},
    },
}


def rows(case: Mapping[str, Any], part: str) -> Iterator[tuple[str, dict[str, object]]]:
    """(topic, record) of each row of a case."""

    def own(name: str) -> str:
        return f"{case['id']}{SEPARATOR}{name}"

    for row in case.get(part, ()):
        match row:
            case ["m", str(id_), str(user), str(kind), int(at), *session]:
                login = own(f"s-{user}") if not session else session[0] and own(session[0])
                record = {"id": id_, "userId": own(user), "session": login, "type": kind, "at": BEGIN + at}
                yield "wallet-events", record
            case ["s", str(user), int(at), str(country)]:
                yield "session-events", {"id": own(f"s-{user}"), "country": country, "at": BEGIN + at}
            case ["u", str(user), int(at), dict(told)]:
                yield "user-events", {"userId": own(user), "at": BEGIN + at, **told}
            case _:
                raise ValueError(row)


def ticks(at: int) -> Iterator[tuple[str, dict[str, object]]]:
    """What lets event time pass this ms in every stream."""
    for topic, key in {"wallet-events": "id", "session-events": "id", "user-events": "userId"}.items():
        yield topic, {key: f"tick-{at}", "at": BEGIN + at + DISORDER + 1}


def produce(servers: str, records: Iterator[tuple[str, dict[str, object]]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for topic, record in records:
        producer.produce(topic, json.dumps(record).encode())
    assert producer.flush(30) == 0


def seen(servers: str) -> list[streams.Record]:
    """The committed results of cases, not of ticks."""
    records = streams.read_all(servers, "enriched")
    return [record for record in records if "tick" not in str(record.value)]


@pytest.fixture(scope="module")
def service() -> Iterator[services.Service]:
    """What knows every session: its country is UK."""
    with services.serving() as service:
        yield service


@pytest.fixture(scope="module")
def written(
    kafka: str, service: services.Service, tmp_path_factory: pytest.TempPathFactory
) -> Sequence[streams.Record]:
    """What the pipeline wrote for all cases."""
    directory = tmp_path_factory.mktemp("enrichment")
    document = copy.deepcopy(MONEY)
    document["spec"]["enrichments"][1]["orElse"] = {"http": {"url": f"{service.url}/sessions/{{session}}"}}
    job = compile_resource(parse(document))
    topics.ensure_topics(kafka, job.program.topics)
    config = RevisionConfig(
        namespace="default", name="money", revision="r1", program=job.program, runtime=job.runtime,
        bootstrap_servers=kafka, state_directory=(directory / "state").as_uri(),
        work_directory=str(directory / "r1"),
    )  # fmt: skip
    with LauncherProcess(config, artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start("a" * 32)
        launcher.wait_for("running")
        produce(kafka, (row for case in CASES for row in rows(case, "input")))
        produce(kafka, ticks(40))
        wait_until(lambda: _of("E8", kafka), DEADLINE, "E8's first event leaves")
        produce(kafka, (row for case in CASES for row in rows(case, "then")))
        produce(kafka, ticks(61))
        wait_until(lambda: len(_of("E8", kafka)) == 2, DEADLINE, "E8's second event leaves")
        hours = [row for case in CASES for row in rows(case, "hours")]
        produce(kafka, iter(sorted(hours, key=lambda row: int(str(row[1]["at"])))))
        produce(kafka, ticks(61 * 60_000))
        on_time = ("input", "then", "hours")
        wait_until(lambda: len(seen(kafka)) >= _expected(*on_time), DEADLINE, "what is on time leaves")
        produce(kafka, (row for case in CASES for row in rows(case, "late")))
        wait_until(lambda: len(seen(kafka)) >= _expected(*on_time, "late"), DEADLINE, "late ones leave at once")
    return seen(kafka)


def _of(case: str, servers: str) -> list[streams.Record]:
    return [record for record in seen(servers) if _case(record) == case]


def _expected(*parts: str) -> int:
    """How many events leave: those that are named in `output`, as often as they stand in these parts at most."""
    total = 0
    for case in CASES:
        given = {row[1] for part in parts for row in case.get(part, ()) if row[0] == "m"}
        total += sum(_times(output) for name, output in case["output"].items() if name in given)
    return total


def _times(output: object) -> int:
    return output if isinstance(output, int) else 1


def _case(record: streams.Record) -> str:
    user: str = json.loads(record.key or "{}")["userId"]
    return user.split(SEPARATOR, maxsplit=1)[0]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_case(case: Mapping[str, Any], written: Sequence[streams.Record]) -> None:
    """Each event once, with what is told of it here."""
    own = [json.loads(record.value or "{}") for record in written if _case(record) == case["id"]]
    counts = Counter(value["money"]["id"] for value in own)
    assert counts == Counter({name: _times(output) for name, output in case["output"].items()})
    for value in own:
        wanted = case["output"][value["money"]["id"]]
        if isinstance(wanted, Mapping):
            asked = value["asked"] and value["asked"].split()[0]
            found = {**value, "user": [value["user"]["birthYear"], value["user"]["country"]], "asked": asked}
            assert {name: found[name] for name in wanted} == wanted


def test_ids_are_unique_and_times_are_the_events(written: Sequence[streams.Record]) -> None:
    ids = [dict(record.headers)["weir-id"] for record in written]
    assert len(set(ids)) == len(ids)
    assert all((id_ or b"").startswith(b"money/0-") for id_ in ids)
    assert all(BEGIN <= record.timestamp < BEGIN + 4_000_000 for record in written)
