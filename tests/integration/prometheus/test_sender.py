"""The sender as a process, from a real broker to a real HTTP server that is willing, old, busy, broken or strict."""

import json
import math
import signal
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from google.protobuf import json_format

from conftest import TopicFactory
from support.service_processes import DEADLINE, Running
from support.waiting import wait_until
from weir_operator.fleet import streams, topics
from weir_runtime.services.remote_write import v1_pb2, v2_pb2
from weir_runtime.services.remote_write.series import series_id

from .receivers import COUNTED, Answer, Receiver, Request, receiving

AT = 1_767_225_600_000
pytestmark = pytest.mark.timeout(180)


def record(name: str, value: object, at: int, labels: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """As a job writes it: fields in an order of its own."""
    labels = labels or {}
    return {
        "seriesId": series_id(name, dict(labels)), "name": name, "labels": labels, "value": value, "stale": False,
        "at": at, "startAt": None, "type": "counter", "unit": None, "help": None, "histogram": None, "exemplars": None,
        **more,
    }  # fmt: skip


def write(
    servers: str, topic: str, records: Iterable[dict[str, Any] | bytes], transaction: str = "", *, commit: bool = True
) -> None:
    own = {"transactional.id": transaction} if transaction else {}
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5, **own})
    if transaction:
        producer.init_transactions(30)
        producer.begin_transaction()
    for one in records:
        key, value = (b"k", one) if isinstance(one, bytes) else (one["seriesId"].encode(), json.dumps(one).encode())
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(30) == 0
    if transaction:
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)


class Sending:
    """A sender of a topic of its own, and the server it sends to."""

    def __init__(self, running: Running, receiver: Receiver, topic: str) -> None:
        self.running, self.receiver, self.topic = running, receiver, topic

    def write(self, *records: dict[str, Any] | bytes) -> None:
        write(self.running.servers, self.topic, records)

    def arrived(self, name: str, count: int) -> list[list[tuple[float, int]]]:
        def enough() -> bool:
            return sum(map(len, self.receiver.samples(name).values())) >= count

        wait_until(enough, DEADLINE, f"{count} of {name}")
        return list(self.receiver.samples(name).values())

    def letters(self, count: int) -> list[dict[str, Any]]:
        def enough() -> list[streams.Record] | None:
            found = streams.read_all(self.running.servers, self.running.settings["deadLetters"])
            return found if len(found) >= count else None

        return [json.loads(one.value or b"") for one in wait_until(enough, DEADLINE, f"{count} letters") or []]

    def committed(self) -> bool:
        group = f"weir-{self.running.work.name}-metrics.sender"
        return topics.lag(self.running.servers, group, [self.topic]) == 0


@contextmanager
def sending(kafka: str, work: Path, topic: TopicFactory, **settings: Any) -> Iterator[Sending]:
    name = topic("series", partitions=2)
    with receiving() as receiver:
        given = {
            "topic": name, "url": receiver.url, "allowedNetworks": ["127.0.0.0/8"], "batchWithin": "50ms",
            "deadLetters": topic("letters"), **settings,
        }  # fmt: skip
        with Running(kafka, work / name, "prometheus_sender", given) as running:
            yield Sending(running, receiver, name)


def test_what_a_record_says_arrives(kafka: str, tmp_path: Path, topic: TopicFactory) -> None:
    """Values that JSON does not have, times, starts, types, native histograms, exemplars; committed records only."""
    exemplar = {"labels": {"trace_id": "x"}, "value": 0.5, "at": AT - 3}
    made = v2_pb2.Histogram(count_int=3, sum=1.5, schema=2, positive_deltas=[3], timestamp=AT)
    histogram = json_format.MessageToDict(made)
    values = [37, 0, 0.5, "NaN", "Infinity", "-Infinity", 1e300]
    with sending(kafka, tmp_path, topic) as it:
        write(kafka, it.topic, [record("values", 666, AT)], "aborted", commit=False)
        it.write(*(record("values", value, AT + n, {"job": 'a"b'}) for n, value in enumerate(values)))
        it.write(
            record("values", None, AT + 9, {"job": 'a"b'}, stale=True),
            record("started", 2.5, AT, startAt=AT - 5, type="gauge", unit="bytes", help="how", exemplars=[exemplar]),
            record("native", None, AT, type="histogram", histogram=histogram, startAt=AT - 9),
            record("native", None, AT + 1, stale=True, type="histogram", histogram={**histogram, "sum": "NaN"}),
            record("alone", None, AT, exemplars=[exemplar]),
        )
        (told,) = it.arrived("values", 8)
        wait_until(it.committed, DEADLINE, "all is committed")
        by_name = _series(it.receiver)
    numbers = [value for value, _ in told]
    assert [at for _, at in told] == [AT + n for n in (0, 1, 2, 3, 4, 5, 6, 9)]
    assert numbers[:3] == [37.0, 0.0, 0.5] and math.isnan(numbers[3])
    assert numbers[4:7] == [math.inf, -math.inf, 1e300]
    assert struct.pack("<d", numbers[7]).hex() == "020000000000f07f"
    ((started, symbols),) = by_name["started"]
    assert (started.samples[0].start_timestamp, started.metadata.type) == (AT - 5, v2_pb2.Metadata.METRIC_TYPE_GAUGE)
    assert (symbols[started.metadata.unit_ref], symbols[started.metadata.help_ref]) == ("bytes", "how")
    assert [symbols[ref] for ref in started.exemplars[0].labels_refs] == ["trace_id", "x"]
    first, last = (one.histograms[0] for one, _ in by_name["native"])
    made.start_timestamp = AT - 9
    assert (first, struct.pack("<d", last.sum).hex()) == (made, "020000000000f07f")
    ((alone, _),) = by_name["alone"]
    assert (len(alone.samples), alone.exemplars[0].timestamp) == (0, AT - 3)


def _series(receiver: Receiver) -> dict[str, list[tuple[v2_pb2.TimeSeries, list[str]]]]:
    found: dict[str, list[tuple[v2_pb2.TimeSeries, list[str]]]] = {}
    for request in receiver.taken:
        assert isinstance(request.message, v2_pb2.Request)
        symbols = list(request.message.symbols)
        for one in request.message.timeseries:
            found.setdefault(symbols[one.labels_refs[1]], []).append((one, symbols))
    return found


def test_headers_and_secrets(kafka: str, tmp_path: Path, topic: TopicFactory) -> None:
    with sending(kafka, tmp_path, topic, headers={"X-Scope-OrgID": "shop"}, bearerToken="out") as it:
        it.write(record("headers", 1, AT))
        wait_until(
            lambda: it.running.metric('weir_sender_tries_total{status="none"}'), DEADLINE, "a try without secret"
        )
        it.running.secret("out", token="t1")
        it.arrived("headers", 1)
        (request,) = it.receiver.requests
    assert request.headers["content-type"] == "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    assert request.headers["x-prometheus-remote-write-version"] == "2.0.0"
    expected = {"content-encoding": "snappy", "user-agent": "weir-sender", "x-scope-orgid": "shop",
                "authorization": "Bearer t1"}  # fmt: skip
    assert {name: request.headers[name] for name in expected} == expected


@pytest.mark.parametrize(("status", "headers"), [(415, COUNTED), (204, {}), (400, {})], ids=["415", "uncounted", "400"])
def test_receivers_that_know_1_0_only(
    kafka: str, tmp_path: Path, topic: TopicFactory, status: int, headers: dict[str, str]
) -> None:
    def old(request: Request, _: int) -> Answer:
        return (status, headers) if request.version == 2 else (204, {})

    with sending(kafka, tmp_path, topic) as it:
        it.receiver.behaviour = old
        it.write(record("old_size_sum", 1, AT, type="histogram", help="how large"))
        # The one that took 2.0 for an empty request has it twice then, as this server counts.
        wait_until(lambda: [one for one in it.receiver.taken if one.version == 1], DEADLINE, "it arrived")
        it.write(record("old_size_sum", 2, AT + 1, type="histogram", help="how large"))
        wait_until(it.committed, DEADLINE, "all is committed")
        first, second, third = it.receiver.requests
    assert [first.version, second.version, third.version] == [2, 1, 1]
    assert second.headers["x-prometheus-remote-write-version"] == "0.1.0"
    assert second.headers["content-type"] == "application/x-protobuf"
    assert isinstance(second.message, v1_pb2.WriteRequest) and isinstance(third.message, v1_pb2.WriteRequest)
    (told,) = second.message.metadata
    assert (told.metric_family_name, told.type, told.help) == ("old_size", 3, "how large")
    assert not third.message.metadata


def test_retries_keep_the_order_and_refusals_are_dead_letters(kafka: str, tmp_path: Path, topic: TopicFactory) -> None:
    """5xx and 429 come again until they are taken, other 4xx never; no other series waits for them."""
    seen: list[float] = []

    def moody(request: Request, _: int) -> Answer:
        names = {dict(labels)["__name__"] for labels, _ in request.series}
        if "refused" in names:
            return 400, COUNTED
        if "busy" in names:
            seen.append(request.at)
            if len(seen) < 4:
                return (429, {"Retry-After": "1"}) if len(seen) == 1 else (503, {})
        return 204, COUNTED

    with sending(kafka, tmp_path, topic, batchSamples=10, shards=8) as it:
        it.receiver.behaviour = moody
        it.write(*(record("busy", n, AT + n) for n in range(40)))
        it.write(*(record("refused", n, AT + n) for n in range(3)), b"no JSON", b'{"name": "x"}')
        it.write(*(record("free", n, AT + n, {"n": str(n)}) for n in range(20)))
        assert it.arrived("busy", 40) == [[(float(n), AT + n) for n in range(40)]]
        it.arrived("free", 20)
        wait_until(it.committed, DEADLINE, "all is committed")
        letters = it.letters(5)
        refused = [one for one in letters if "answer" in one]
        asked = [
            one for one in it.receiver.requests if any(dict(each)["__name__"] == "refused" for each, _ in one.series)
        ]
    assert seen[1] - seen[0] >= 1
    assert [json.loads(one["text"])["at"] for one in refused] == [AT, AT + 1, AT + 2]
    assert refused[0]["answer"] == {"status": 400, "reason": "the answer was 400 Bad Request", "body": "what it says"}
    assert sum(one.samples for one in asked if one.samples == 3 or len(one.series) < 4) == 3
    unread = sorted(one["reason"] for one in letters if "answer" not in one)
    assert unread[0].startswith("the record is no sample: JSONDecodeError") and unread[1].endswith("KeyError 'labels'")


def test_a_kill_loses_nothing(kafka: str, tmp_path: Path, topic: TopicFactory) -> None:
    """Killed twice under load: every sample arrives, each series' times never go back but to where it was killed."""
    with sending(kafka, tmp_path, topic, batchSamples=50) as it:
        total, kills = 6_000, 0
        it.write(*(record("killed", n, AT + n, {"n": str(n % 30)}) for n in range(total)))
        while kills < 2:
            before = len(it.receiver.taken)
            wait_until(lambda before=before: len(it.receiver.taken) > before + 5, DEADLINE, "some arrive", every=0.01)  # type: ignore[misc]
            it.running.end(signal.SIGKILL)
            it.running.start(ready=False)
            kills += 1
        it.arrived("killed", total)
        wait_until(it.committed, DEADLINE, "all is committed")
        found = it.receiver.samples("killed")
        it.running.end()
    for labels, samples in found.items():
        times = [at for _, at in samples]
        own = [AT + n for n in range(total) if str(n % 30) == dict(labels)["n"]]
        assert sorted(set(times)) == own
        assert sum(later < earlier for earlier, later in pairwise(times)) <= kills


def test_private_addresses_and_the_end(kafka: str, tmp_path: Path, topic: TopicFactory) -> None:
    """What may not be reached is not; told to stop, it goes at once and leaves what waits to the next."""
    with sending(kafka, tmp_path, topic, allowedNetworks=[]) as it:
        it.write(record("inside", 1, AT))
        wait_until(lambda: "is not a public address" in it.running.log(), DEADLINE, "it is refused")
        assert it.running.end() == 0
        assert it.receiver.requests == []
        assert not it.committed()
