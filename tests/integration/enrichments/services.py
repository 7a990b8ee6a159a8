"""A real HTTP service for look-ups: what a session's name says is what it does."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Service:
    """What was asked, how often, and with which Authorization."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    authorizations: set[str | None] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, name: str, authorization: str | None) -> tuple[int, str]:
        """Status and body for a session."""
        with self.lock:
            self.asked[name] += 1
            self.authorizations.add(authorization)
            tries = self.asked[name]
        match name.rpartition("/")[2].split("-"):
            case ["missing"]:
                return 404, "nothing"
            case ["broken"]:
                return 500, "no"
            case ["refused"]:
                return 400, "no"
            case ["flaky"] if tries < 3:
                return 503, "later"
            case ["text"]:
                return 200, "this is no JSON"
            case ["slow", *_]:
                time.sleep(2)
        return 200, json.dumps({"id": "of the answer", "country": f"UK {name}", "more": 1})


class _Handler(BaseHTTPRequestHandler):
    service: Service

    def do_GET(self) -> None:
        """`/sessions/<name>`."""
        name = unquote(self.path.removeprefix("/sessions/"))
        status, body = self.service.answer(name, self.headers.get("Authorization"))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    """As many as ask at a time, and more: who finds no place there waits for a second and takes that for a failure."""


@contextmanager
def serving() -> Iterator[Service]:
    """The service, for as long as a test needs it."""
    service = Service()
    handler = type("Handler", (_Handler,), {"service": service, "protocol_version": "HTTP/1.1"})
    with _Server(("127.0.0.1", 0), handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield service
        server.shutdown()
