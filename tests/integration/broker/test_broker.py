"""The broker's life: started, found again, killed, refused."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer

from support.waiting import wait_until
from weir_api.streamjobs import Topic
from weir_operator.fleet import broker, streams, topics


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory for a broker of this test; whatever runs on it at the end is stopped."""
    yield tmp_path / "kafka"
    if (left := broker.running(tmp_path / "kafka")) is not None:
        left.stop()


def test_stopped_and_started_it_keeps_port_and_data(directory: Path) -> None:
    first = broker.ensure(directory)
    topics.ensure_topics(first.bootstrap_servers, [Topic(name="kept")])
    streams.produce(first.bootstrap_servers, "kept", ["a", "b"])
    first.stop()
    assert not first.running()
    assert broker.running(directory) is None

    second = broker.ensure(directory)

    assert second.bootstrap_servers == first.bootstrap_servers
    assert [record.value for record in streams.read_all(second.bootstrap_servers, "kept")] == [b"a", b"b"]


def test_killed_and_started_its_clients_go_on(directory: Path) -> None:
    first = broker.ensure(directory)
    topics.ensure_topics(first.bootstrap_servers, [Topic(name="kept")])
    producer = Producer({"bootstrap.servers": first.bootstrap_servers, "acks": "all", "log_level": 0})
    producer.produce("kept", value=b"before")
    assert producer.flush(30) == 0

    first.process.kill()
    producer.produce("kept", value=b"meanwhile")
    second = broker.ensure(directory)

    assert producer.flush(60) == 0
    assert second.process.pid != first.process.pid
    records = streams.read_all(second.bootstrap_servers, "kept")
    assert [record.value for record in records] == [b"before", b"meanwhile"]


def test_it_outlives_its_starter_and_is_found_again(directory: Path) -> None:
    start = f"from pathlib import Path; from weir_operator.fleet import broker; broker.ensure(Path({str(directory)!r}))"
    subprocess.run([sys.executable, "-c", start], check=True, timeout=120)

    found = broker.running(directory)

    assert found is not None
    assert broker.ensure(directory) == found
    (directory / "broker.json").unlink()
    assert broker.ensure(directory) == found, "found by its command line when nobody wrote it down"


def test_many_starters_at_once_get_one_broker(directory: Path) -> None:
    # What a starter leaves that is killed while the data directory is prepared.
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "bootstrap.checkpoint").write_bytes(b"half")

    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(lambda _: broker.ensure(directory), range(3)))

    assert len({one.process.pid for one in started}) == 1
    port = started[0].port
    with pytest.raises(broker.BrokerError, match=f"runs with port {port}, not {port + 1}"):
        broker.ensure(directory, port=port + 1)


def test_a_stranger_with_its_pid_is_left_alone(directory: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with stranger:
        directory.mkdir()
        record = broker.Record(port=9092, pid=stranger.pid, created_at=psutil.Process(stranger.pid).create_time() - 60)
        (directory / "broker.json").write_text(record.model_dump_json(by_alias=True))

        assert broker.running(directory) is None
        assert stranger.poll() is None
        stranger.kill()


def test_a_port_that_is_taken_is_named(directory: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]

        with pytest.raises(broker.PortTaken, match=f"Port {port} on 127.0.0.1 is taken"):
            broker.ensure(directory, port=port)


def test_a_file_in_place_of_its_directory(directory: Path) -> None:
    directory.write_text("in the way")

    with pytest.raises(broker.BrokerError, match=rf"{directory} cannot be used: File exists"):
        broker.ensure(directory)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(directory: Path) -> None:
    directory.mkdir(mode=0o500)

    with pytest.raises(broker.BrokerError, match=rf"{directory} cannot be used: Permission denied"):
        broker.ensure(directory)


def test_data_of_something_else_is_refused_with_kafkas_word(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")

    with pytest.raises(broker.BrokerError, match=r"ended while it started.*Stored node id 7"):
        broker.ensure(directory)
    wait_until(lambda: broker.running(directory) is None, 10, "nothing is left running")
