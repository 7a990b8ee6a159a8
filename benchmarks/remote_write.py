"""Samples a second and core, and memory, of the receiver and of the sender of Prometheus series.

Each runs as the process that it is anywhere, before a real broker. What counts is its own processor time, the threads
of its Kafka client included, so that a busy machine changes the wall clock and hardly the result. 10,000 series of
eight labels, one sample each a round, 2,000 samples a request, as Prometheus sends them.
"""

import argparse
import http.client
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from harness import CONSOLE, report, until
from weir_api.launchers import Endpoint
from weir_api.services import Service, ServiceConfig
from weir_api.streamjobs import Topic
from weir_operator.fleet import broker, topics
from weir_runtime.services.remote_write import bodies, v1_pb2, v2_pb2

SERIES, TOGETHER, CLIENTS = 10_000, 2_000, 4
TYPES = {"1.0": bodies.MEDIA_TYPE, "2.0": f"{bodies.MEDIA_TYPE};proto={bodies.Version.V2.value}"}


@dataclass(frozen=True)
class Used:
    """Of a process: processor seconds so far, and bytes of memory."""

    seconds: float
    memory: int


def labels(number: int) -> list[tuple[str, str]]:
    """Of a series."""
    texts = {
        "__name__": "http_requests_total", "endpoint": "/orders", "instance": f"10.0.{number // 250}.{number % 250}",
        "job": "checkout", "method": "GET", "namespace": "shop", "pod": f"checkout-6c8f9-{number}", "status": "200",
    }  # fmt: skip
    return list(texts.items())


def request(version: str, first: int, at: int) -> bytes:
    """One of TOGETHER samples; every fifth is 0, as most counters of a quiet system are."""
    values = [(number, random.random() * 1e6 if number % 5 else 0.0) for number in range(first, first + TOGETHER)]
    if version == "1.0":
        message = v1_pb2.WriteRequest()
        for number, value in values:
            series = message.timeseries.add()
            for name, text in labels(number):
                series.labels.add(name=name, value=text)
            series.samples.add(value=value, timestamp=at)
        return bodies.compress(message.SerializeToString())
    second, symbols = v2_pb2.Request(), {"": 0}
    for number, value in values:
        texts = [text for pair in labels(number) for text in pair]
        made = second.timeseries.add(labels_refs=[symbols.setdefault(text, len(symbols)) for text in texts])
        made.samples.add(value=value, timestamp=at)
        made.metadata.CopyFrom(v2_pb2.Metadata(type="METRIC_TYPE_COUNTER"))
    second.symbols.extend(symbols)
    return bodies.compress(second.SerializeToString())


@contextmanager
def running(
    servers: str, work: Path, program: str, settings: dict[str, object]
) -> Iterator[tuple[str, psutil.Process]]:
    """The service, ready; its address and its process."""
    work.mkdir()
    service = Service(name="one", program=program, settings=json.dumps(settings))
    config = ServiceConfig(
        namespace=work.name, name="bench", service=service, bootstrap_servers=servers, work_directory=str(work)
    )
    (work / "service.json").write_text(config.model_dump_json(by_alias=True))
    with (work / "log").open("w") as log:
        command = [sys.executable, "-m", f"weir_runtime.services.{program}", str(work / "service.json")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: ready(work), 60, f"{program} is ready")
        yield Endpoint.model_validate_json((work / "endpoint.json").read_text()).url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def ready(work: Path) -> bool:
    """Whether the service says so."""
    if not (work / "endpoint.json").exists():
        return False
    place = urlsplit(Endpoint.model_validate_json((work / "endpoint.json").read_text()).url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    connection.request("GET", "/readyz")
    return connection.getresponse().status == 200


def used(process: psutil.Process) -> Used:
    """So far."""
    times = process.cpu_times()
    return Used(times.user + times.system, process.memory_info().rss)


def rate(samples: int, before: Used, after: Used, seconds: float) -> dict[str, float]:
    """What is reported."""
    core = after.seconds - before.seconds
    return {
        "samples": samples, "samplesPerSecondAndCore": round(samples / core),
        "samplesPerSecond": round(samples / seconds),
        "microsecondsOfCorePerSample": round(core / samples * 1e6, 2), "memoryMiB": round(after.memory / 2**20),
    }  # fmt: skip


def receive(servers: str, work: Path, version: str, rounds: int) -> dict[str, float]:
    """CLIENTS connections, each with series of its own, one request at a time as a Prometheus' shard."""
    topic = f"samples-{version}"
    topics.ensure_topics(servers, [Topic(name=topic)])
    starts = list(range(0, SERIES, TOGETHER))

    def post(url: str, first: int, requests: Sequence[bytes]) -> None:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        for body in requests:
            headers = {"Content-Type": TYPES[version], "Content-Encoding": "snappy"}
            connection.request("POST", "/api/v1/write", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, (first, answer.status)
        connection.close()

    at = 1_767_225_600_000
    made = {first: [request(version, first, at + n * 15_000) for n in range(10)] for first in starts}
    with running(servers, work, "prometheus_receiver", {"topic": topic}) as (url, process):
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda first: post(url, first, made[first][:2]), starts))
            before, begun = used(process), time.monotonic()
            list(pool.map(lambda first: post(url, first, (made[first] * rounds)[: 10 * rounds]), starts))
        return rate(10 * rounds * SERIES, before, used(process), time.monotonic() - begun)


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken = 0
    lock = threading.Lock()

    def do_POST(self) -> None:
        """Takes it and looks at nothing."""
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            _Taker.taken += 1
        self.send_response(204)
        for kind in ("Samples", "Histograms", "Exemplars"):
            self.send_header(f"X-Prometheus-Remote-Write-{kind}-Written", "1")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def send(servers: str, work: Path, version: str, samples: int) -> dict[str, float]:
    """All that the receiver has written, from the topic's beginning, to a server that takes everything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings: dict[str, object] = {
            "topic": f"samples-{version}", "url": f"http://127.0.0.1:{server.server_address[1]}/", "version": version,
            "allowedNetworks": ["127.0.0.0/8"], "deadLetters": "letters",
        }  # fmt: skip
        group = f"weir-{work.name}-bench.sender"
        begun = time.monotonic()
        with running(servers, work, "prometheus_sender", settings) as (_, process):
            before = Used(0.6, 0)  # what Python and its libraries take to start
            until(lambda: topics.lag(servers, group, [f"samples-{version}"]) == 0, 300, "all is sent")
            found = rate(samples, before, used(process), time.monotonic() - begun)
        server.shutdown()
    return found


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="times 100,000 samples")
    parser.add_argument("--write", action="store_true", help="keep the result")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="weir-remote-write-"))
    own = broker.ensure(directory / "kafka", heap_megabytes=400)
    measured: dict[str, object] = {}
    try:
        for version in TYPES:
            measured[f"receiver {version}"] = receive(
                own.bootstrap_servers, directory / f"in-{version}", version, given.rounds
            )
            CONSOLE.print(f"receiver {version}", measured[f"receiver {version}"])
            samples = (10 * given.rounds + 2) * SERIES
            measured[f"sender {version}"] = send(own.bootstrap_servers, directory / f"out-{version}", version, samples)
            CONSOLE.print(f"sender {version}", measured[f"sender {version}"])
    finally:
        own.stop()
        shutil.rmtree(directory)
    report(
        "remote_write", measured, {"series": SERIES, "samplesPerRequest": TOGETHER, "rounds": given.rounds}, given.write
    )


if __name__ == "__main__":
    main()
