"""What a service does that works records off: answers whether it can, commits what is done, ends when it is told to."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from weir_api.services import ServiceConfig

from . import starts

GRACE: Final = 7.0
"""Seconds for what is under way when a worker is told to stop; it must be gone within ten."""
_COMMIT_EVERY: Final = 1.0


class Worker(Protocol):
    """Reads and does, until it is told to stop."""

    def stop(self) -> None:
        """Read nothing more; finish what is under way."""

    async def run(self) -> None:
        """Until stopped."""

    def trouble(self) -> str | None:
        """Why it cannot work yet; None when it can."""

    def close(self) -> None:
        """Leaves Kafka; blocks."""


async def work(config: ServiceConfig, worker: Worker, registry: CollectorRegistry) -> None:
    """Runs it until SIGTERM or SIGINT, which is when it is told to stop; answers while it runs. Raises OSError."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    async with _serving(config, worker, registry):
        try:
            await worker.run()
        finally:
            await asyncio.to_thread(worker.close)


@asynccontextmanager
async def committing(commit: Callable[[], None]) -> AsyncIterator[None]:
    """Commits each second while the body runs, and once when it has ended; `commit` may block."""
    task = asyncio.create_task(_now_and_then(commit))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(commit)


async def _now_and_then(commit: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_COMMIT_EVERY)
        await asyncio.to_thread(commit)


@asynccontextmanager
async def _serving(config: ServiceConfig, worker: Worker, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Answers while the body runs; `endpoint.json` in the work directory says where."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        trouble = worker.trouble()
        return web.Response(text="ok\n") if trouble is None else web.Response(status=503, text=f"{trouble}\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
        starts.announced(config, runner.addresses[0][1])
        yield
    finally:
        await runner.cleanup()
