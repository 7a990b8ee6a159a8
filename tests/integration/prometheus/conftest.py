"""A receiver for all tests of this folder: what it was sent in one test is told apart by the metric's name."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.remote_writes import Client
from support.service_processes import Running
from weir_api.streamjobs import Topic
from weir_operator.fleet import streams, topics

SAMPLES = "receiver.samples"
Records = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def receiver(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    topics.ensure_topics(kafka, [Topic(name=SAMPLES, partitions=2)])
    work = tmp_path_factory.mktemp("receiver")
    limits = {"body": "64Ki", "decompressed": "256Ki", "inFlight": "512Ki", "labels": 20, "labelBytes": 1000}
    with Running(kafka, work, "prometheus_receiver", {"topic": SAMPLES, "limits": limits}) as running:
        yield running


@pytest.fixture
def client(receiver: Running) -> Iterator[Client]:
    client = Client(receiver.url)
    yield client
    client.close()


@pytest.fixture
def records(kafka: str) -> Records:
    """The values of all records of series whose names begin so, in order; each has its key."""

    def read(name: str) -> list[dict[str, Any]]:
        found = []
        for record in streams.read_all(kafka, SAMPLES):
            value = json.loads(record.value or b"")
            assert record.key == value["seriesId"].encode()
            if value["name"].startswith(name):
                found.append(value)
        return found

    return read
