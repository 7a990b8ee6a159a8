"""A running pattern, as the launcher runs it: deadlines pass by the watermark alone."""

import json
from pathlib import Path

from confluent_kafka import Producer

from integration.launcher.processes import DEADLINE, LauncherProcess
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics

HOUR = 3600
BEGIN = 1_750_000_000
CART = {
    "apiVersion": "weir.dev/v1alpha1",
    "kind": "Pattern",
    "metadata": {"name": "cart"},
    "spec": {
        "source": {
            "topic": "live-events",
            "fields": {"session": "STRING", "type": "STRING", "at": "BIGINT"},
            "timestamp": {"field": "at", "unit": "s", "outOfOrderness": "5s"},
        },
        "keyBy": ["session"],
        "sequence": [
            {"name": "opened", "where": "type = 'APP_START'"},
            {"name": "added", "where": "type = 'ADD_PRODUCT_TO_BASKET'", "times": {"min": 1}},
            {"name": "paid", "where": "type = 'SUCCESSFUL_CHECKOUT'", "absent": True},
        ],
        "within": "24h",
        "emit": {"session": "session", "event": "'ABANDONED_CART_EMAIL'"},
        "sink": {"topic": "live-carts"},
        "runtime": {"checkpointInterval": "500ms"},
    },
}


def _produce(servers: str, *events: tuple[str, str, float]) -> None:
    producer = Producer({"bootstrap.servers": servers})
    for session, kind, hours in events:
        value = {"session": session, "type": kind, "at": BEGIN + round(hours * HOUR)}
        producer.produce("live-events", json.dumps(value).encode())
    assert producer.flush(30) == 0


def _carts(servers: str) -> list[tuple[str, float]]:
    """Session and hours of each mail that a read_committed reader sees."""
    records = streams.read_all(servers, "live-carts")
    return [
        (json.loads(record.value or "{}")["session"], (record.timestamp / 1000 - BEGIN) / HOUR) for record in records
    ]


def test_a_deadline_passes_without_an_event_of_its_key(kafka: str, tmp_path: Path) -> None:
    job = compile_resource(parse(CART))
    topics.ensure_topics(kafka, job.program.topics)
    config = RevisionConfig(
        namespace="default", name="cart", revision="r1", program=job.program, runtime=job.runtime,
        bootstrap_servers=kafka, state_directory=(tmp_path / "state").as_uri(), work_directory=str(tmp_path / "r1"),
    )  # fmt: skip
    _produce(
        kafka,
        # In the order of time: what is read after a watermark that is past it is late.
        ("s1", "APP_START", 0), ("s2", "APP_START", 0), ("s3", "APP_START", 0.5), ("s1", "ADD_PRODUCT_TO_BASKET", 1),
        ("s2", "ADD_PRODUCT_TO_BASKET", 1), ("s1", "ADD_PRODUCT_TO_BASKET", 2), ("s2", "SUCCESSFUL_CHECKOUT", 3),
        ("s3", "ADD_PRODUCT_TO_BASKET", 5),
    )  # fmt: skip
    with LauncherProcess(config, artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start("a" * 32)
        launcher.wait_for("running")
        _produce(kafka, ("other", "PAGE", 24.01))
        wait_until(lambda: _carts(kafka), DEADLINE, "the mail for s1 is written once the watermark passes its deadline")
        assert _carts(kafka) == [("s1", 24.0)]
        _produce(kafka, ("other", "PAGE", 25))
        wait_until(lambda: len(_carts(kafka)) > 1, DEADLINE, "the mail for s3 is written")
    assert _carts(kafka) == [("s1", 24.0), ("s3", 24.5)]
