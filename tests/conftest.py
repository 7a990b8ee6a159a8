"""What all tests share: one real Kafka broker for the whole run, and topics nobody else uses."""

import itertools
import re
from collections.abc import Callable, Iterator

import pytest

from weir_api.streamjobs import Topic
from weir_operator.fleet import broker, topics

TopicFactory = Callable[..., str]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a broker that lives as long as the test run. Do not stop it: start one of your own."""
    started = broker.ensure(tmp_path_factory.mktemp("kafka"), heap_megabytes=400)
    yield started.bootstrap_servers
    started.stop()


_numbers = itertools.count(1)


@pytest.fixture
def topic(kafka: str, request: pytest.FixtureRequest) -> TopicFactory:
    """`topic("in", partitions=2)` makes a topic of this test only and gives its name."""

    def make(name: str = "topic", partitions: int = 1, **config: str) -> str:
        test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60]
        full = f"{test}-{next(_numbers)}-{name}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topics.ensure_topics(kafka, [Topic(name=full, partitions=partitions, config=settings)])
        return full

    return make
