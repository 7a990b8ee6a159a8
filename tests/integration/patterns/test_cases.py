"""Every case of cases.yaml, from YAML through Kafka and Flink and back: one job for all of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from ruamel.yaml import YAML

from weir_api.resources import parse
from weir_api.streamjobs import Program
from weir_operator.compiler import compile_resource
from weir_operator.fleet import streams, topics

from .jobs import Job, bounded

CASES: Mapping[str, Any] = YAML(typ="safe").load(Path(__file__).with_name("cases.yaml"))
TOPIC = "cases-input"
SEPARATOR = " / "


@dataclass(frozen=True)
class Written:
    """A record of a sink: its key, its value, its timestamp in ms, its id."""

    key: dict[str, Any]
    value: dict[str, Any]
    timestamp: int
    id: str


def resource(name: str) -> dict[str, Any]:
    """The document of a spec of cases.yaml. Nothing is late: disorder is the cases' own business."""
    timestamp = {"field": "at", "unit": "s", "outOfOrderness": "30d"}
    source = {"topic": TOPIC, "fields": dict(CASES["fields"]), "timestamp": timestamp}
    spec = {"source": source, "keyBy": ["id"], "sink": {"topic": f"out-{name}"}, "delivery": "atLeastOnce"}
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "Pattern", "metadata": {"name": name},
        "spec": {**spec, **CASES["specs"][name]},
    }  # fmt: skip


def _produce(servers: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for case in CASES["cases"]:
        for event in case["input"]:
            fields = dict(zip(CASES["fields"], event, strict=True))
            fields["id"] = case["id"] + SEPARATOR + fields["id"]
            producer.produce(TOPIC, json.dumps(fields).encode())
    assert producer.flush(30) == 0


@pytest.fixture(scope="module")
def written(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[Written]]:
    """What each spec wrote, after one job with all of them."""
    programs = {name: compile_resource(parse(resource(name))).program for name in CASES["specs"]}
    topics.ensure_topics(kafka, [topic for program in programs.values() for topic in program.topics])
    _produce(kafka)
    Job(
        [bounded(statement, kafka) for statement in _sharing_the_source(programs)],
        [insert.sql for program in programs.values() for insert in program.inserts if insert.name == "matches"],
    ).run(tmp_path_factory.mktemp("cases"))
    return {name: list(_read(kafka, f"out-{name}")) for name in programs}


def _sharing_the_source(programs: Mapping[str, Program]) -> Iterator[str]:
    """All statements, but only the first program reads Kafka: one source serves them all."""
    first, *_ = programs
    for name, program in programs.items():
        events = f"CREATE TEMPORARY VIEW `{name}_events` AS"
        index = next(index for index, statement in enumerate(program.tables) if statement.startswith(events))
        if name == first:
            yield from program.tables
        else:
            yield f"{events}\nSELECT * FROM `{first}_events`"
            yield from (each for each in program.tables[index + 1 :] if f"`{name}_" in each and "_records`" not in each)


def _read(servers: str, topic: str) -> Iterator[Written]:
    for record in streams.read_all(servers, topic):
        header = dict(record.headers)["weir-id"] or b""
        yield Written(
            json.loads(record.key or "null"), json.loads(record.value or "null"), record.timestamp, header.decode()
        )


def _of_case(written: Sequence[Written], case: str) -> list[Written]:
    return [record for record in written if record.value["id"].startswith(case + SEPARATOR)]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES["cases"]])
def test_case(case: Mapping[str, Any], written: Mapping[str, Sequence[Written]]) -> None:
    """The matches, with their values and times; in no order."""
    _, *emitted = CASES["specs"][case["spec"]]["emit"]
    found = _of_case(written[case["spec"]], case["id"])
    rows = [
        [record.value["id"].split(SEPARATOR)[1], *(record.value[name] for name in emitted), record.timestamp / 1000]
        for record in found
    ]
    assert sorted(rows, key=str) == sorted(([*row[:-1], float(row[-1])] for row in case["output"]), key=str)


def test_the_key_is_the_keys_fields(written: Mapping[str, Sequence[Written]]) -> None:
    records = [record for records in written.values() for record in records]
    assert records
    assert all(record.key == {"id": record.value["id"]} for record in records)


def test_ids_name_the_pattern_and_the_places_and_are_unique(written: Mapping[str, Sequence[Written]]) -> None:
    for name, records in written.items():
        ids = [record.id for record in records]
        assert len(set(ids)) == len(ids)
        assert all(id_.startswith(f"{name}/0-") for id_ in ids)


def test_ids_are_where_the_events_stand_in_the_source(written: Mapping[str, Sequence[Written]]) -> None:
    first = next(record for record in written["load"] if record.value["id"] == f"P1{SEPARATOR}a")
    assert first.id == "load/0-0/0-1"
