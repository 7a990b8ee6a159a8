"""Takes Prometheus remote write in: `python -m weir_runtime.services.prometheus_receiver FILE`.

An answer of success means that Kafka has every sample; what is under way when it ends is answered or comes again.
"""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import Field
from starlette.applications import Starlette
from starlette.routing import Route

from weir_api.prometheus import Limits, size
from weir_api.services import ServiceConfig

from . import endpoints, starts
from .prometheus_logins import Login
from .prometheus_routes import Receiver, ReceiverMetrics, Sizes
from .prometheus_writers import Writer
from .remote_write import version1, version2
from .remote_write.families import Families
from .remote_write.series import Bounds
from .secret_files import Secrets
from .starts import KafkaSettings

_SERIES_BYTES: Final = 128 * 1024 * 1024
"""For series that are remembered, in both versions together."""
_LOOK_SECONDS: Final = 5.0


class Settings(KafkaSettings):
    """What a receiver is told."""

    topic: str = Field(description="Where samples go")
    path: str = "/api/v1/write"
    port: int = Field(default=0, description="Where nothing else is told")
    basic_auth: str | None = Field(default=None, description="Name of a secret with username and password")
    bearer_token: str | None = Field(default=None, description="Name of a secret with token")
    limits: Limits = Limits()


class Readiness:
    """Whether samples could be written, asked now and then: a probe must not wait for Kafka."""

    def __init__(self, writer: Writer, stopping: threading.Event) -> None:
        self._writer, self._stopping = writer, stopping
        self._trouble: str | None = "Kafka has not been reached yet"

    def trouble(self) -> str | None:
        """Why not; None when they could."""
        return "it is ending" if self._stopping.is_set() else self._trouble

    def run(self) -> None:
        """Asks until the end."""
        while not self._stopping.is_set():
            self._trouble = self._writer.trouble()
            self._stopping.wait(_LOOK_SECONDS if self._trouble is None else 0.5)


def main(arguments: Sequence[str]) -> int:
    """Serves until it is told to end; returns the exit code."""
    return starts.run("receiver", arguments, Settings, _run)


def _run(config: ServiceConfig, settings: Settings) -> None:
    """Raises OSError, ConfigurationError."""
    work = Path(config.work_directory)
    work.mkdir(parents=True, exist_ok=True)
    writer = Writer(settings.client(config), settings.topic)
    stopping, metrics = threading.Event(), ReceiverMetrics()
    readiness = Readiness(writer, stopping)
    limits = settings.limits
    bounds = Bounds(limits.labels, limits.label_bytes)
    decoders = (
        version1.Decoder(Families(work / "families.json"), bounds, _SERIES_BYTES // 2),
        version2.Decoder(bounds, _SERIES_BYTES // 2),
    )
    login = Login(Secrets.of_environment(), settings.basic_auth, settings.bearer_token)
    sizes = Sizes(size(limits.body), size(limits.decompressed), size(limits.in_flight))
    receiver = Receiver(decoders, writer, login, sizes, metrics)
    health = endpoints.Health(readiness.trouble, metrics.registry)
    routes = [*health.routes(), Route(settings.path, receiver.write, methods=["POST"])]
    looking = threading.Thread(target=readiness.run, name="readiness", daemon=True)
    looking.start()
    writer.start()
    try:
        endpoints.serve(_addressed(config, settings), Starlette(routes=routes), stopping)
    finally:
        stopping.set()
        receiver.close()
        writer.close()


def _addressed(config: ServiceConfig, settings: Settings) -> ServiceConfig:
    return config.model_copy(update={"port": config.port or settings.port})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
