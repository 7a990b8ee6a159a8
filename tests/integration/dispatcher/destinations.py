"""Real HTTP servers that take, refuse, are slow, ask for patience, or are gone: what a path says is what happens."""

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """One that came in."""

    path: str
    body: bytes
    headers: dict[str, str]
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

    def answer(self, request: Request) -> tuple[int, dict[str, str]]:
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


class _Handler(BaseHTTPRequestHandler):
    destination: Destination
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Notes the request, then does what the path says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        there = self.destination
        with there.lock:
            there.under_way[self.path] += 1
            there.most_at_once[self.path] = max(there.most_at_once[self.path], there.under_way[self.path])
        try:
            status, headers = there.answer(Request(self.path, body, dict(self.headers), time.monotonic()))
        finally:
            with there.lock:
                there.under_way[self.path] -= 1
        answer = b"told"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is part of the test."""


@contextmanager
def serving() -> Iterator[Destination]:
    """The server, for as long as a test needs it."""
    destination = Destination()
    handler = type("Handler", (_Handler,), {"destination": destination})
    with _Server(("127.0.0.1", 0), handler) as server:
        destination.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield destination
        destination.open.set()
        server.shutdown()


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"
