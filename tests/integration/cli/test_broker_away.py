"""Kafka dies under a running pipeline: everything goes on answering, and nothing is lost or doubled when it is back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir_operator.fleet import broker, streams

from .weirs import Weir, big_orders

NAME = "interrupted"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Weir]:
    """A folder that is up on a Kafka which the test may kill."""
    kafka = broker.ensure(tmp_path / "kafka")
    started = Weir(tmp_path / "folder", ("--bootstrap-servers", kafka.bootstrap_servers))
    started.folder.mkdir()
    (started.folder / "big.yaml").write_text(big_orders(NAME))
    yield started
    started.close()
    if (left := broker.running(tmp_path / "kafka")) is not None:
        left.stop()


def orders(start: int, end: int) -> list[str]:
    return [
        json.dumps({"id": f"o{number}", "customer": "c", "amount": 100 + number % 2}) for number in range(start, end)
    ]


def written(servers: str) -> list[str]:
    """The ids of the committed results, in order of their number."""
    found = (json.loads(record.value or b"{}")["id"] for record in streams.read_all(servers, NAME))
    return sorted(found, key=lambda one: int(one[1:]))


@pytest.mark.timeout(600)
def test_the_broker_is_killed_and_comes_back(own: Weir, tmp_path: Path) -> None:
    own.up()
    own.await_phase("Running", NAME)
    kafka = broker.running(tmp_path / "kafka")
    assert kafka is not None
    servers = kafka.bootstrap_servers
    streams.produce(servers, "orders", orders(0, 500))
    own.wait(lambda: len(written(servers)) == 250, 120, "the results before")

    kafka.process.kill()
    kafka.process.wait()
    assert own("get", "all", NAME).code == 0, "status does not hang on Kafka"
    refused = own("produce", "orders", stdin=orders(0, 1)[0] + "\n")
    assert refused.code != 0 and servers in refused.err, refused.err

    assert broker.ensure(tmp_path / "kafka").bootstrap_servers == servers
    streams.produce(servers, "orders", orders(500, 1_000))
    expected = [f"o{number}" for number in range(1_000) if number % 2]
    own.wait(lambda: len(written(servers)) >= len(expected), 240, "the results after", every=0.5)
    assert written(servers) == expected
    own.await_phase("Running", NAME)
    assert own.end() == 0, own.said()
