"""Answering with Starlette: routes for a service's health and metrics, and its end."""

import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from weir_api.services import ServiceConfig

from .starts import announced

_GRACE_SECONDS: Final = 5


@dataclass(frozen=True)
class Health:
    """`trouble` says why the service cannot do its work, None when it can."""

    trouble: Callable[[], str | None]
    registry: CollectorRegistry

    def routes(self) -> list[BaseRoute]:
        """`/healthz`, `/readyz`, `/metrics`."""

        async def healthz(_: Request) -> Response:
            return PlainTextResponse("ok\n")

        async def readyz(_: Request) -> Response:
            trouble = self.trouble()
            return PlainTextResponse("ok\n") if trouble is None else PlainTextResponse(f"{trouble}\n", 503)

        async def metrics(_: Request) -> Response:
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


def serve(config: ServiceConfig, application: Starlette, stopping: threading.Event) -> None:
    """Answers until SIGTERM or SIGINT, which also set `stopping`, or until `stopping` is set. Writes endpoint.json.

    Raises OSError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: without, each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((config.host, config.port))
    server = uvicorn.Server(
        uvicorn.Config(
            application, log_level="warning", access_log=False, lifespan="off", ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )  # fmt: skip

    def stop(*_: object) -> None:
        stopping.set()
        server.should_exit = True

    def await_end() -> None:
        stopping.wait()
        stop()

    threading.Thread(target=await_end, daemon=True, name="stop").start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    listener.listen()
    announced(config, listener.getsockname()[1])
    # In a thread of its own uvicorn leaves signals alone: its handlers would raise them again when it has ended.
    thread = threading.Thread(target=server.run, args=([listener],), name="http")
    thread.start()
    while thread.is_alive():
        thread.join(0.5)  # a join without an end would keep signals waiting
    stopping.set()
