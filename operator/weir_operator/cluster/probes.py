"""`/healthz`, `/readyz` and `/metrics`: answers for the kubelet and for Prometheus, from a thread of their own."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Check = Callable[[], str | None]
"""What is wrong, in words; None when nothing is."""


@dataclass(frozen=True, slots=True)
class Probes:
    """What is asked. Each may be asked at any time from any thread."""

    alive: Check
    ready: Check
    registry: CollectorRegistry

    def serve(self, host: str, port: int) -> WSGIServer:
        """Answer from now on; `shutdown` of what is returned ends it. Raises OSError."""
        server = make_server(host, port, self._answer, server_class=_Server, handler_class=_Handler)
        threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
        return server

    def _answer(self, environment: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        match environment.get("PATH_INFO"):
            case "/healthz":
                return _told(self.alive(), start)
            case "/readyz":
                return _told(self.ready(), start)
            case "/metrics":
                return list(make_wsgi_app(self.registry)(environment, start))
            case _:
                start("404 Not Found", [("Content-Type", "text/plain")])
                return [b"there are /healthz, /readyz and /metrics\n"]


def _told(wrong: str | None, start: "StartResponse") -> list[bytes]:
    start("200 OK" if wrong is None else "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{wrong or 'ok'}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A probe every few seconds is no news."""
