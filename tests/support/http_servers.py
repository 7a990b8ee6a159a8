"""A real HTTP server in threads of the test, which says what is answered."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Asked:
    """A request, GET or POST; `path` with its query, as it came."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What is answered to it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], Reply]


class _Handler(BaseHTTPRequestHandler):
    answer: Answer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Has the test answer."""
        self._reply()

    def do_POST(self) -> None:
        """The same."""
        self._reply()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = type(self).answer(Asked(self.command, self.path, body, dict(self.headers)))
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    """As many as ask at a time, and more: who finds no place there waits for a second and takes that for a failure."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed, or asks no longer, is part of the test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def answering(answer: Answer, host: str = "127.0.0.1") -> Iterator[str]:
    """The server's URL, without a path; `answer` is called in many threads."""
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    with _Server((host, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{host}:{server.server_port}"
        finally:
            server.shutdown()
