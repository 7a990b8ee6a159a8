"""The dispatcher as a process, on real Kafka, before real servers that are slow, broken, busy or gone."""

import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from conftest import TopicFactory
from support.service_processes import DEADLINE, Running
from support.waiting import wait_until
from weir_operator.fleet import streams, topics

from .destinations import Destination, nobody, serving

pytestmark = pytest.mark.timeout(180)

ROUTER = "router-events"


@dataclass
class Dispatcher(Running):
    """A dispatcher of one topic, and what is sent through it."""

    topic: str = ""
    letters: str = ""

    def send(self, url: str, payloads: Sequence[object], *, key: bytes | None = None, **told: Any) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "enable.idempotence": True})
        delivery = json.dumps({"rule": "r", "timeoutMs": 5000, "retries": 5, **told}).encode()
        for payload in payloads:
            value = f'{{"destination":"{url}","payload":{json.dumps(payload)}}}'
            headers = {"weir-router": ROUTER, "weir-delivery": delivery, "weir-id": f"id-{payload}"}
            producer.produce(self.topic, value.encode(), key, headers=headers)
        assert producer.flush(30) == 0

    def dead(self, count: int) -> list[dict[str, Any]]:
        def enough() -> list[streams.Record] | None:
            found = streams.read_all(self.servers, self.letters)
            return found if len(found) >= count else None

        found = wait_until(enough, DEADLINE, f"{count} dead letters") or []
        return [json.loads(record.value or b"") for record in found]

    def committed(self) -> bool:
        group = f"weir-{self.work.name}-{ROUTER}.dispatcher"
        return topics.lag(self.servers, group, [self.topic]) == 0


@pytest.fixture
def server() -> Iterator[Destination]:
    with serving() as server:
        yield server


@pytest.fixture
def dispatcher(kafka: str, tmp_path: Path, topic: TopicFactory) -> Iterator[Dispatcher]:
    with started(kafka, tmp_path, topic) as running:
        yield running


def started(kafka: str, work: Path, topic: TopicFactory, **settings: Any) -> Dispatcher:
    events, letters = topic("http"), topic("letters")
    given = {"topic": events, "deadLetters": letters, "allowedNetworks": ["127.0.0.0/8"], **settings}
    return Dispatcher(kafka, work, "dispatcher", given, ROUTER, events, letters)


def arrived(server: Destination, path: str, count: int) -> list[bytes]:
    wait_until(lambda: len(server.bodies(path)) >= count, DEADLINE, f"{count} at {path}")
    return server.bodies(path)


def test_events_arrive_once_in_order_of_their_key_with_idempotency_keys(
    dispatcher: Dispatcher, server: Destination
) -> None:
    dispatcher.send(f"{server.url}/slow", range(5), key=b"a")
    dispatcher.send(f"{server.url}/ok", [{"n": 1.5}])
    assert arrived(server, "/slow", 5) == [b"0", b"1", b"2", b"3", b"4"]
    assert server.most_at_once["/slow"] == 1
    (request,) = server.of("/ok")
    assert (request.body, request.headers["Content-Type"]) == (b'{"n": 1.5}', "application/json")
    assert [one.headers["Idempotency-Key"] for one in server.of("/slow")] == [f"id-{n}/r" for n in range(5)]
    wait_until(dispatcher.committed, DEADLINE, "all is committed")
    assert len(server.bodies("/slow")) == 5


def test_without_keys_as_many_at_once_as_a_destination_may_have(
    kafka: str, tmp_path: Path, topic: TopicFactory, server: Destination
) -> None:
    with started(kafka, tmp_path, topic, perDestination=4) as running:
        running.send(f"{server.url}/slow", range(16))
        arrived(server, "/slow", 16)
    assert server.most_at_once["/slow"] == 4


def test_what_is_broken_or_busy_is_tried_again(dispatcher: Dispatcher, server: Destination) -> None:
    dispatcher.send(f"{server.url}/broken-twice", ["x"])
    dispatcher.send(f"{server.url}/busy", ["y"])
    assert arrived(server, "/broken-twice", 3) == [b'"x"'] * 3
    assert arrived(server, "/busy", 2) == [b'"y"'] * 2
    first, second = server.of("/busy")
    assert second.at - first.at >= 2
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    wait_until(dispatcher.committed, DEADLINE, "all is committed")
    assert streams.read_all(dispatcher.servers, dispatcher.letters) == []


def test_dead_destinations_delay_no_other(dispatcher: Dispatcher, server: Destination) -> None:
    """Hundreds wait for one that never answers and one that is gone; those behind them arrive."""
    dispatcher.send(f"{server.url}/held", range(300), rule="held", timeoutMs=60_000)
    dispatcher.send(nobody(), range(300), rule="gone", retries=100, key=b"k")
    dispatcher.send(f"{server.url}/ok", range(100), rule="ok")
    arrived(server, "/ok", 100)
    assert not server.open.is_set()
    assert not dispatcher.committed()

    def waiting() -> dict[str, str]:
        series = r'weir_dispatcher_waiting\{destination="[^"]+",rule="(\w+)"\} ([0-9.]+)'
        return dict(re.findall(series, dispatcher.get("/metrics")))

    # They are here before their answers are there.
    wait_until(lambda: waiting()["ok"] == "0.0", DEADLINE, "the answers to the others are taken")
    assert waiting()["held"] == "300.0"


def test_after_the_last_try_there_is_a_dead_letter_with_the_answer(dispatcher: Dispatcher, server: Destination) -> None:
    dispatcher.send(f"{server.url}/broken", ["a"], retries=1)
    dispatcher.send(f"{server.url}/refused", ["b"])
    dispatcher.send(f"{server.url}/away", ["c"])
    dispatcher.send(f"{server.url}/held", ["d"], timeoutMs=200, retries=0)
    dispatcher.send(nobody(), ["e"], retries=0)
    letters = {letter["text"].rsplit(":", 1)[1][1:2]: letter for letter in map(_spaced, dispatcher.dead(5))}
    told = {name: (letter["tries"], letter["answer"]["status"]) for name, letter in letters.items()}
    assert told == {"a": (2, 500), "b": (1, 400), "c": (1, 307), "d": (1, None), "e": (1, None)}
    assert letters["a"]["answer"]["body"] == "told"
    assert letters["d"]["reason"] == "not delivered after 1 try: no answer within 0.2 s"
    assert server.bodies("/inside") == []
    wait_until(dispatcher.committed, DEADLINE, "dead letters are done")


def _spaced(letter: dict[str, Any]) -> dict[str, Any]:
    return {**letter, "text": letter["text"].replace('": "', '":"').replace('"payload": ', '"payload":')}


def test_private_addresses_are_refused_unless_allowed(
    kafka: str, tmp_path: Path, topic: TopicFactory, server: Destination
) -> None:
    port = server.url.rpartition(":")[2]
    with started(kafka, tmp_path, topic, allowedNetworks=[]) as running:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            running.send(f"http://{host}:{port}/ok", [host], retries=0)
        reasons = [letter["reason"] for letter in running.dead(3)]
    assert server.requests == []
    assert sum("public address" in reason for reason in reasons) == 3, reasons


def test_secrets_are_headers_and_a_new_one_is_used_at_once(dispatcher: Dispatcher, server: Destination) -> None:
    for token in ("one", "two"):
        dispatcher.secret("token", Authorization=f"Bearer {token}\n")
        dispatcher.send(f"{server.url}/{token}", [token], secret="token")
        arrived(server, f"/{token}", 1)
        assert server.of(f"/{token}")[0].headers["Authorization"] == f"Bearer {token}"
    dispatcher.send(f"{server.url}/three", ["x"], secret="unknown", retries=0)
    assert "secret 'unknown' cannot be read" in dispatcher.dead(1)[0]["reason"]
    assert server.bodies("/three") == []
    assert "Bearer" not in dispatcher.log()


def test_what_is_no_delivery_is_a_dead_letter_and_others_records_are_left_alone(
    dispatcher: Dispatcher, server: Destination
) -> None:
    producer = Producer({"bootstrap.servers": dispatcher.servers})
    producer.produce(dispatcher.topic, b"no json", headers={"weir-router": ROUTER})
    producer.produce(dispatcher.topic, b"no json", headers={"weir-router": "another"})
    producer.produce(dispatcher.topic, b"no json")
    producer.flush(30)
    dispatcher.send(f"{server.url}/ok", ["x"])
    arrived(server, "/ok", 1)
    wait_until(dispatcher.committed, DEADLINE, "all is committed")
    (letter,) = dispatcher.dead(1)
    assert "is no delivery" in letter["reason"]


def test_killed_it_loses_nothing_and_stopped_it_repeats_nothing(dispatcher: Dispatcher, server: Destination) -> None:
    dispatcher.send(f"{server.url}/ok", range(50))
    arrived(server, "/ok", 50)
    dispatcher.send(f"{server.url}/held", range(50, 60), timeoutMs=60_000)
    arrived(server, "/held", 10)
    dispatcher.end(signal.SIGKILL)
    server.open.set()
    dispatcher.start()
    assert set(arrived(server, "/held", 20)) == {str(n).encode() for n in range(50, 60)}
    wait_until(dispatcher.committed, DEADLINE, "all is committed")
    dispatcher.send(f"{server.url}/slow", range(100))
    arrived(server, "/slow", 1)
    assert dispatcher.end(signal.SIGTERM) == 0
    dispatcher.start()
    assert sorted(arrived(server, "/slow", 100)) == sorted(str(n).encode() for n in range(100))
    wait_until(dispatcher.committed, DEADLINE, "all is committed")
    assert len(server.bodies("/slow")) == 100


def statuses(metrics: str) -> Mapping[str, str]:
    """Status -> number of tries."""
    return dict(re.findall(r'weir_dispatcher_tries_total\{.*status="(\w+)"\} ([0-9.]+)', metrics))


def test_metrics_tell_tries_and_outcomes_of_each_destination(dispatcher: Dispatcher, server: Destination) -> None:
    dispatcher.send(f"{server.url}/broken-twice", ["x"])
    arrived(server, "/broken-twice", 3)
    wait_until(dispatcher.committed, DEADLINE, "all is committed")
    metrics = dispatcher.get("/metrics")
    assert statuses(metrics) == {"503": "2.0", "200": "1.0"}
    assert f'weir_dispatcher_deliveries_total{{destination="{server.url}",outcome="delivered",rule="r"}} 1.0' in metrics
    assert dispatcher.get("/healthz") == "ok\n"
