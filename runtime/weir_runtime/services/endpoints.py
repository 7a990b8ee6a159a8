"""What every service has in common: its configuration, secrets, routes for its health and metrics, and its end.

    python -m weir_runtime.services.<program> FILE

Environment: WEIR_SECRETS_DIR (<name>/<key> files).
"""

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import psutil
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from weir_api.launchers import Endpoint
from weir_api.services import ServiceConfig

S = TypeVar("S", bound=BaseModel)
_SECRET: Final = re.compile(r"\$\{secret:([^:}]+):\*\}")
_GRACE_SECONDS: Final = 5


class ConfigurationError(Exception):
    """A service that cannot start as it was told to; the message holds no secret."""


def configuration(arguments: Sequence[str], settings: type[S]) -> tuple[ServiceConfig, S]:
    """The configuration in the file that the only argument names, and its settings. Raises ConfigurationError."""
    if len(arguments) != 1:
        raise ConfigurationError("usage: python -m weir_runtime.services.<program> FILE")
    try:
        config = ServiceConfig.model_validate_json(Path(arguments[0]).read_bytes())
        return config, settings.model_validate_json(config.settings)
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{arguments[0]}: {error}") from error


def properties(reference: str | None) -> dict[str, str]:
    """The keys and values of the secret that `${secret:NAME:*}` refers to; none without one.

    Raises ConfigurationError.
    """
    if reference is None:
        return {}
    found, directory = _SECRET.fullmatch(reference), os.environ.get("WEIR_SECRETS_DIR")
    if found is None or found[1] in {".", ".."} or "/" in found[1]:
        raise ConfigurationError(f"'{reference}' refers to no secret: write ${{secret:NAME:*}}")
    if directory is None:
        raise ConfigurationError(f"secret '{found[1]}' is not available here: WEIR_SECRETS_DIR is not set")
    try:
        # Kubernetes keeps what it swaps in behind names that start with two dots.
        files = [path for path in (Path(directory) / found[1]).iterdir() if not path.name.startswith(".")]
        return {path.name: path.read_text().rstrip("\n") for path in files}
    except OSError as error:
        raise ConfigurationError(f"secret '{found[1]}' cannot be read: {error.strerror}") from error


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
    _announce(config, listener)
    # In a thread of its own uvicorn leaves signals alone: its handlers would raise them again when it has ended.
    thread = threading.Thread(target=server.run, args=([listener],), name="http")
    thread.start()
    while thread.is_alive():
        thread.join(0.5)  # a join without an end would keep signals waiting
    stopping.set()


def _announce(config: ServiceConfig, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(config.host, config.host)
    endpoint = Endpoint(
        url=f"http://{host}:{port}",
        pid=os.getpid(),
        started_at=psutil.Process().create_time(),
        revision=config.service.program,
    )
    path = Path(config.work_directory) / "endpoint.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".endpoint.{os.getpid()}")
    temporary.write_text(endpoint.model_dump_json(by_alias=True))
    temporary.replace(path)


def failed(error: Exception) -> int:
    """Tells why a service does not start; returns its exit code."""
    print(error, file=sys.stderr)
    return 2
