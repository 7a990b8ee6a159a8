"""A receiver under bodies that make no sense, more than it may hold, a broker that goes, kills and its end."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from support.remote_writes import V1, V2, Client, Sent, version1, version2
from support.service_processes import DEADLINE, Running
from support.waiting import wait_until
from weir_api.streamjobs import Topic
from weir_operator.fleet import broker, streams, topics
from weir_runtime.services.remote_write import bodies

from .conftest import Records

AT = 1_767_225_600_000
pytestmark = pytest.mark.timeout(240)
FUZZED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
SAMPLE = [(1.5, AT)]
BODIES = [
    (bodies.decompress(encode([Sent({"__name__": "fuzz", "a": "b"}, SAMPLE, help="h", start=AT), Sent({"__name__": "fuzz"}, [(0, 1)])]), 10_000), headers)  # noqa: E501
    for encode, headers in ((version1, V1), (version2, V2))
]  # fmt: skip


@FUZZED
@given(
    some.sampled_from(BODIES),
    some.lists(some.tuples(some.integers(0, 200), some.integers(0, 255)), min_size=1, max_size=4),
    some.booleans(),
)
def test_bytes_that_were_changed(
    client: Client, chosen: tuple[bytes, dict[str, str]], changes: list[tuple[int, int]], outside: bool
) -> None:
    """Of the message or of its compression: written, or refused for good; never a fault, never to come again."""
    message, headers = chosen
    body = bytearray(bodies.compress(message) if outside else message)
    for place, byte in changes:
        body[place % len(body)] = byte
    reply = client.post(bytes(body) if outside else bodies.compress(bytes(body)), headers)
    assert reply.status in {204, 400, 413}, reply


@FUZZED
@given(some.binary(max_size=300), some.sampled_from([V1, V2]), some.booleans())
def test_bytes_that_are_anything(client: Client, body: bytes, headers: dict[str, str], outside: bool) -> None:
    reply = client.post(body if outside else bodies.compress(body), headers)
    assert reply.status in {204, 400, 413}, reply


def test_of_a_body_that_is_none_nothing_is_written(client: Client, records: Records) -> None:
    """Good series before and behind one that cannot be read."""
    good = bodies.decompress(version1([Sent({"__name__": "whole"}, SAMPLE)]), 10_000)
    client.post(bodies.compress(good))
    assert client.post(bodies.compress(good + b"\x0a\x03\x12\x09\x01" + good)).status == 400
    assert len(records("whole")) == 1


def test_more_than_there_is_room_for(kafka: str, receiver: Running, tmp_path: Path) -> None:
    """Some are taken, the others told to come again; those that do are taken in the end, and memory stays."""
    limits = {"body": "256Ki", "decompressed": "256Ki", "inFlight": "512Ki"}
    given = {**receiver.settings, "limits": limits}
    body = version1([Sent({"__name__": "crowd", "n": str(n)}, SAMPLE, help="x" * 40) for n in range(2500)])
    with Running(kafka, tmp_path / "crowd", "prometheus_receiver", given) as running:
        statuses: list[int] = []

        def post(_: int) -> None:
            client, status = Client(running.url), 0
            while status != 204:
                reply = client.post(body)
                status = reply.status
                statuses.append(status)
                if status == 503:
                    assert reply.headers["retry-after"] == "1"
                    threading.Event().wait(0.01)
            client.close()

        with ThreadPoolExecutor(24) as pool:
            list(pool.map(post, range(48)))
        assert statuses.count(204) == 48
        assert set(statuses) == {204, 503}
        assert running.metric('weir_receiver_written_total{kind="samples"}') == 48 * 2500
        assert running.metric("weir_receiver_bytes") == 0
        assert running.seconds()[1] < 300 * 1024 * 1024


def test_a_broker_that_goes_and_comes_back(tmp_path: Path) -> None:
    """While it is away nothing is said to be written; what was said to be there is there, in order."""
    own = broker.ensure(tmp_path / "kafka", heap_megabytes=400)
    try:
        topics.ensure_topics(own.bootstrap_servers, [Topic(name="samples")])
        with Running(own.bootstrap_servers, tmp_path / "r", "prometheus_receiver", {"topic": "samples"}) as running:
            client = Client(running.url)
            taken = [
                n for n in range(20) if client.post(version1([Sent({"__name__": "away"}, [(n, AT + n)])])).status == 204
            ]
            own.stop()
            reply = client.post(version1([Sent({"__name__": "away"}, [(20, AT + 20)])]))
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            own = broker.ensure(tmp_path / "kafka", heap_megabytes=400, port=own.port)
            wait_until(
                lambda: client.post(version1([Sent({"__name__": "away"}, [(21, AT + 21)])])).status == 204,
                DEADLINE, "the broker is back",
            )  # fmt: skip
            assert taken == list(range(20))
            assert running.end() == 0
            client.close()
        told = [record.value for record in streams.read_all(own.bootstrap_servers, "samples")]
        times = [int(value.split(b'"at":')[1].split(b",")[0]) - AT for value in told if value]
        assert list(dict.fromkeys(times))[:20] == taken and times[-1] == 21
    finally:
        own.stop()


def test_kills_and_the_end(receiver: Running, records: Records) -> None:
    """What was answered is there after a kill -9; told to end, it answers what it has begun."""
    client, taken = Client(receiver.url, timeout=10), []
    some = threading.Event()

    def kill() -> None:
        assert some.wait(DEADLINE)
        receiver.end(signal.SIGKILL)

    end = threading.Thread(target=kill)
    end.start()
    try:
        for n in range(100_000):
            if client.post(version1([Sent({"__name__": "killed"}, [(n, AT + n)])])).status == 204:
                taken.append(n)
            if len(taken) == 20:
                some.set()
    except OSError:
        pass
    end.join()
    receiver.start()
    found = [one["value"] for one in records("killed")]
    assert taken and found[: len(taken)] == taken and len(found) <= len(taken) + 1
    body = version1([Sent({"__name__": "ended", "n": str(n)}, SAMPLE) for n in range(1000)])
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(_posted, receiver.url, body) for _ in range(8)]
        assert receiver.end() == 0
        statuses = [answer.result() for answer in answers]
    receiver.start()
    assert len(records("ended")) == 1000 * statuses.count(204)


def _posted(url: str, body: bytes) -> int:
    client = Client(url)
    try:
        return client.post(body).status
    except OSError:
        return 0  # it came when nobody listened any more
    finally:
        client.close()
