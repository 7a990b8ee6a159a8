"""Real HTTP servers that take, refuse, are slow, ask for patience, or are gone: what a path says is what happens."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.http_servers import Asked, Reply, answering
from weir_operator.fleet.ports import free_port


@dataclass(frozen=True)
class Request:
    """One that came in."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    at: float  # time.monotonic()


@dataclass
class Destination:
    """A server and all it was sent."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    open: threading.Event = field(default_factory=threading.Event)
    """What `/held` waits for."""
    under_way: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_at_once: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def bodies(self, path: str) -> list[bytes]:
        with self.lock:
            return [request.body for request in self.requests if request.path == path]

    def of(self, path: str) -> list[Request]:
        with self.lock:
            return [request for request in self.requests if request.path == path]

    def answer(self, asked: Asked) -> Reply:
        """Notes the request, then does what the path says."""
        request = Request(asked.path, asked.body, asked.headers, time.monotonic())
        with self.lock:
            self.under_way[asked.path] += 1
            self.most_at_once[asked.path] = max(self.most_at_once[asked.path], self.under_way[asked.path])
        try:
            status, headers = self._done(request)
        finally:
            with self.lock:
                self.under_way[asked.path] -= 1
        return Reply(status, b"told", headers)

    def _done(self, request: Request) -> tuple[int, dict[str, str]]:
        with self.lock:
            self.requests.append(request)
            tries = sum(
                (one.path, one.body) == (request.path, request.body) for one in self.requests
            )  # fmt: skip
        match request.path:
            case "/held":
                self.open.wait(60)
            case "/slow":
                time.sleep(0.3)
            case "/broken-twice" if tries < 3:
                return 503, {}
            case "/busy" if tries < 2:
                return 429, {"Retry-After": "2"}
            case "/broken":
                return 500, {}
            case "/refused":
                return 400, {}
            case "/away":
                return 307, {"Location": f"{self.url}/inside"}
        return 200, {}


@contextmanager
def serving() -> Iterator[Destination]:
    """The server, for as long as a test needs it."""
    destination = Destination()
    with answering(destination.answer) as destination.url:
        try:
            yield destination
        finally:
            destination.open.set()


def nobody() -> str:
    """An address where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"
