"""Requests of Prometheus remote write, receivers and senders as processes."""

import http.client
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from support.waiting import wait_until
from weir_api.launchers import Endpoint
from weir_api.services import Service, ServiceConfig
from weir_runtime.services.remote_write import bodies, v1_pb2, v2_pb2
from weir_runtime.services.remote_write.families import TYPES

DEADLINE = 60.0
V1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
V2 = {**V1, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}


@dataclass(frozen=True)
class Sent:
    """A series of a request: labels with `__name__`, samples as (value, ms), what else it may have."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, int]] = ()
    type: str = "unknown"
    help: str = ""
    start: int = 0
    histograms: Sequence[v2_pb2.Histogram] = ()
    exemplars: Sequence[tuple[Mapping[str, str], float, int]] = ()


def version1(series: Sequence[Sent], metadata: Mapping[str, tuple[str, str]] | None = None) -> bytes:
    """A compressed WriteRequest; `metadata`: family -> type and help."""
    request = v1_pb2.WriteRequest()
    for one in series:
        made = request.timeseries.add()
        for name, value in one.labels.items():
            made.labels.add(name=name, value=value)
        for number, at in one.samples:
            made.samples.add(value=number, timestamp=at)
        for histogram in one.histograms:
            made.histograms.add().ParseFromString(histogram.SerializeToString())
        for labels, number, at in one.exemplars:
            exemplar = made.exemplars.add(value=number, timestamp=at)
            for name, value in labels.items():
                exemplar.labels.add(name=name, value=value)
    for family, (kind, text) in (metadata or {}).items():
        kind_number = v1_pb2.MetricMetadata.MetricType.Value(kind.upper())
        request.metadata.add(type=kind_number, metric_family_name=family, help=text)
    return bodies.compress(request.SerializeToString())


def version2(series: Sequence[Sent]) -> bytes:
    """A compressed Request of remote write 2.0."""
    request = v2_pb2.Request()
    symbols = {"": 0}

    def refs(labels: Mapping[str, str]) -> list[int]:
        return [symbols.setdefault(text, len(symbols)) for pair in labels.items() for text in pair]

    for one in series:
        made = request.timeseries.add(labels_refs=refs(one.labels))
        for number, at in one.samples:
            made.samples.add(value=number, timestamp=at, start_timestamp=one.start)
        made.histograms.extend(one.histograms)
        for labels, number, at in one.exemplars:
            made.exemplars.add(labels_refs=refs(labels), value=number, timestamp=at)
        kind = v2_pb2.Metadata.MetricType.Name(TYPES.index(one.type))
        made.metadata.CopyFrom(v2_pb2.Metadata(type=kind, help_ref=symbols.setdefault(one.help, len(symbols))))
    request.symbols.extend(symbols)
    return bodies.compress(request.SerializeToString())


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def written(self) -> tuple[str | None, ...]:
        """Of samples, histograms and exemplars."""
        kinds = ("samples", "histograms", "exemplars")
        return tuple(self.headers.get(f"x-prometheus-remote-write-{kind}-written") for kind in kinds)


@dataclass
class Running:
    """A service as a process; killed at the end."""

    servers: str
    work: Path
    program: str
    settings: Mapping[str, Any]
    name: str = "metrics"
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self, *, ready: bool = True) -> None:
        """Returns when it is ready, or answers at all."""
        self.work.mkdir(parents=True, exist_ok=True)
        service = Service(name="one", program=self.program, settings=json.dumps(dict(self.settings)))
        config = ServiceConfig(
            namespace=self.work.name, name=self.name, service=service, bootstrap_servers=self.servers,
            work_directory=str(self.work),
        )  # fmt: skip
        file = self.work / "service.json"
        file.write_text(config.model_dump_json(by_alias=True))
        (self.work / "endpoint.json").unlink(missing_ok=True)
        environment = os.environ | {"WEIR_SECRETS_DIR": str(self.work / "secrets")}
        with (self.work / "log").open("a") as log:
            command = [sys.executable, "-m", f"weir_runtime.services.{self.program}", str(file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait_until(lambda: self._answers(ready=ready), DEADLINE, f"{self.program} is ready", every=0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    @property
    def url(self) -> str:
        return Endpoint.model_validate_json((self.work / "endpoint.json").read_text()).url

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def metric(self, series: str) -> float:
        """A number it tells of itself; 0 when it does not."""
        lines = (line.rpartition(" ") for line in self.get("/metrics").splitlines())
        return next((float(number) for name, _, number in lines if name == series), 0.0)

    def log(self) -> str:
        return (self.work / "log").read_text()

    def secret(self, name: str, **keys: str) -> None:
        """A secret as it is mounted."""
        folder = self.work / "secrets" / name
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in keys.items():
            (folder / key).write_text(value)

    def seconds(self) -> tuple[float, int]:
        """Processor time so far, and memory in bytes."""
        assert self.process is not None
        own = psutil.Process(self.process.pid)
        times = own.cpu_times()
        return times.user + times.system, own.memory_info().rss

    def _answers(self, *, ready: bool) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-2000:]
        if not (self.work / "endpoint.json").exists():
            return False
        try:
            self.get("/readyz" if ready else "/healthz")
        except urllib.error.HTTPError as error:
            with error:
                return False
        return True


class Client:
    """One connection to a receiver."""

    def __init__(self, url: str, path: str = "/api/v1/write", timeout: float = 60) -> None:
        place = urlsplit(url)
        self._path = path
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=timeout)

    def post(self, body: bytes, headers: Mapping[str, str] = V1, **more: str) -> Reply:
        given = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        self._connection.request("POST", self._path, body, given)
        with self._connection.getresponse() as answer:
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, told, answer.read().decode())

    def close(self) -> None:
        self._connection.close()
