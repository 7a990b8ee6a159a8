"""A real HTTP server that takes remote write as a test wants it, and keeps what it took."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.http_servers import Asked, Reply, answering
from weir_runtime.services.remote_write import bodies, v1_pb2, v2_pb2

Labels = tuple[tuple[str, str], ...]
COUNTED = {f"X-Prometheus-Remote-Write-{kind}-Written": "1" for kind in ("Samples", "Histograms", "Exemplars")}


@dataclass(frozen=True)
class Request:
    """One that came in: its version, its series with their samples (value, ms), headers, and when (monotonic)."""

    version: int
    series: tuple[tuple[Labels, tuple[tuple[float, int], ...]], ...]
    message: v1_pb2.WriteRequest | v2_pb2.Request
    headers: Mapping[str, str]
    at: float

    @property
    def samples(self) -> int:
        return sum(len(samples) for _, samples in self.series)


Answer = tuple[int, Mapping[str, str]]
Behaviour = Callable[[Request, int], Answer]
"""What is answered to a request, which is the so many-th (from 0)."""


def willing(_: Request, __: int) -> Answer:
    return 204, COUNTED


@dataclass
class Receiver:
    """What it answers may be changed while it runs."""

    url: str = ""
    behaviour: Behaviour = willing
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answer:
        with self.lock:
            number = len(self.requests)
            self.requests.append(request)
        status, headers = self.behaviour(request, number)
        if status < 300:
            with self.lock:
                self.taken.append(request)
        return status, headers

    def samples(self, name: str) -> dict[Labels, list[tuple[float, int]]]:
        """All that were taken of series of this name, in order."""
        found: dict[Labels, list[tuple[float, int]]] = {}
        with self.lock:
            for request in self.taken:
                for labels, samples in request.series:
                    if dict(labels)["__name__"] == name:
                        found.setdefault(labels, []).extend(samples)
        return found


def _read(body: bytes, headers: Mapping[str, str]) -> Request:
    message = bodies.decompress(body, 1 << 28)
    if "v2.Request" not in headers["content-type"]:
        first = v1_pb2.WriteRequest.FromString(message)
        series = tuple(
            (tuple((one.name, one.value) for one in each.labels), tuple((s.value, s.timestamp) for s in each.samples))
            for each in first.timeseries
        )
        return Request(1, series, first, headers, time.monotonic())
    second = v2_pb2.Request.FromString(message)
    assert not second.symbols or second.symbols[0] == ""
    texts = [[second.symbols[ref] for ref in each.labels_refs] for each in second.timeseries]
    series = tuple(
        (tuple(zip(text[::2], text[1::2], strict=True)), tuple((s.value, s.timestamp) for s in each.samples))
        for text, each in zip(texts, second.timeseries, strict=True)
    )
    return Request(2, series, second, headers, time.monotonic())


@contextmanager
def receiving() -> Iterator[Receiver]:
    """The server, for as long as a test needs it."""
    receiver = Receiver()

    def answer(asked: Asked) -> Reply:
        request = _read(asked.body, {name.lower(): value for name, value in asked.headers.items()})
        status, headers = receiver.answer(request)
        return Reply(status, b"" if status == 204 else b"what it says", headers)

    with answering(answer) as url:
        receiver.url = f"{url}/api/v1/write"
        yield receiver
