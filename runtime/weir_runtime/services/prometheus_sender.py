"""Sends series by Prometheus remote write: `python -m weir_runtime.services.prometheus_sender FILE`.

At least once and in order per series: an offset is committed when all before it is taken, or a dead letter, so that a
kill -9 repeats what was under way and loses nothing.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import web
from confluent_kafka import Message
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from weir_api.base import Model
from weir_api.durations import milliseconds
from weir_api.prometheus import Version
from weir_api.services import ServiceConfig

from . import starts
from .addresses import Guard, GuardedResolver
from .prometheus_logins import Login
from .prometheus_requests import Requests
from .prometheus_shards import Batches, Letters, SenderMetrics, Sending, Shard, Waiting
from .prometheus_streams import Chunk, Streams
from .remote_write.readings import Reader, Sample, Unreadable
from .secret_files import Secrets

LOGGER: Final = logging.getLogger(__name__)
_GRACE: Final = 7.0
"""Seconds for what is under way when it is told to stop; it must be gone within ten."""
_COMMIT_EVERY: Final = 1.0
_SERIES_BYTES: Final = 128 * 1024 * 1024


class Settings(Model):
    """What a sender is told."""

    topic: str = Field(description="What is sent")
    url: str = Field(description="Where to")
    version: Version = "auto"
    headers: Mapping[str, str] = Field(default={}, description="Further HTTP headers")
    basic_auth: str | None = Field(default=None, description="Name of a secret with username and password")
    bearer_token: str | None = Field(default=None, description="Name of a secret with token")
    timeout: str = "30s"
    shards: int = Field(default=4, ge=1)
    batch_samples: int = Field(default=2000, ge=1)
    batch_within: str = "1s"
    dead_letters: str | None = Field(default=None, description="Default: <name>.dead-letters")
    bootstrap_servers: str | None = None
    authentication: str | None = Field(
        default=None, pattern=r"^\$\{secret:[^:}]+:\*\}$", description="Kafka's client properties, as ${secret:NAME:*}"
    )
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Networks that may be sent to although they are not public, as in 10.0.0.0/8"
    )
    waiting: int = Field(default=50_000, ge=1, description="Samples read and not done, at which reading pauses")


class Sender:
    """Reads, sends, commits, until it is told to stop."""

    def __init__(self, settings: Settings, streams: Streams, letters: str, metrics: SenderMetrics) -> None:
        self._settings, self._streams, self._letters_topic, self._metrics = settings, streams, letters, metrics
        self._reader = Reader(_SERIES_BYTES)
        self._waiting = 0
        self._stopping, self._ending = asyncio.Event(), threading.Event()

    def stop(self) -> None:
        """Read nothing more; finish what is under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped. What is still waiting then is sent by the next start."""
        settings = self._settings
        guard = Guard(settings.allowed_networks)
        login = Login(Secrets.of_environment(), settings.basic_auth, settings.bearer_token)
        requests = Requests(settings.url, settings.version, settings.headers, login, guard)
        letters = Letters(self._streams, self._letters_topic, settings.url, self._ending)
        batches = Batches(
            settings.batch_samples, milliseconds(settings.batch_within) / 1000, milliseconds(settings.timeout) / 1000
        )
        connector = aiohttp.TCPConnector(resolver=GuardedResolver(guard), limit=settings.shards, ttl_dns_cache=30)
        # A proxy or .netrc of the environment would lead requests elsewhere than they were judged for.
        async with aiohttp.ClientSession(
            connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session:
            sending = Sending(session, requests, batches, letters, self._metrics, self._done, self._stopping)
            shards = [Shard(sending) for _ in range(settings.shards)]
            tasks = [asyncio.create_task(shard.run()) for shard in shards]
            committing = asyncio.create_task(self._commit_now_and_then())
            try:
                await self._read(shards, letters, tasks)
            finally:
                self._stopping.set()
                for shard in shards:
                    shard.wake()
                await self._ended(tasks)
                committing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await committing
                await asyncio.to_thread(self._streams.commit)

    async def _ended(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(tasks, timeout=_GRACE)
        self._ending.set()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _read(self, shards: Sequence[Shard], letters: Letters, tasks: Sequence[asyncio.Task[None]]) -> None:
        while not self._stopping.is_set():
            for task in tasks:
                if task.done():
                    task.result()  # a fault of the sender: it ends with it
            room = self._waiting < self._settings.waiting
            for chunk, messages in await asyncio.to_thread(self._streams.read, room=room):
                await self._take(shards, letters, chunk, messages)

    async def _take(self, shards: Sequence[Shard], letters: Letters, chunk: Chunk, messages: Sequence[Message]) -> None:
        parts: list[list[Waiting]] = [[] for _ in shards]
        unreadable: dict[str, list[Message]] = {}
        for message in messages:
            try:
                key, sample = _sample(self._reader, message)
            except Unreadable as wrong:
                unreadable.setdefault(str(wrong), []).append(message)
                continue
            parts[zlib.crc32(key) % len(shards)].append(Waiting(sample, message, chunk))
        count = len(messages) - sum(map(len, unreadable.values()))
        self._count(count)
        for shard, part in zip(shards, parts, strict=True):
            if part:
                shard.add(part)
        for reason, lost in unreadable.items():
            if await letters.write(lost, reason):
                self._metrics.samples.labels("deadLettered").inc(len(lost))
                self._streams.done(chunk, len(lost))

    def _done(self, chunk: Chunk, count: int) -> None:
        self._count(-count)
        self._streams.done(chunk, count)

    def _count(self, change: int) -> None:
        self._waiting += change
        self._metrics.waiting.set(self._waiting)

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY)
            self._metrics.lag.set(self._streams.lag)
            await asyncio.to_thread(self._streams.commit)


def _sample(reader: Reader, message: Message) -> tuple[bytes, Sample]:
    key, value = message.key(), message.value()
    if not isinstance(key, bytes) or not isinstance(value, bytes):
        raise Unreadable("the record has no key or no value")
    return key, reader.read(key, value)


@asynccontextmanager
async def _serving(config: ServiceConfig, metrics: SenderMetrics, streams: Streams) -> AsyncIterator[None]:
    """Answers while the body runs; `endpoint.json` in the work directory says where."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if streams.assigned:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="Kafka has not taken this sender into its group yet\n")

    async def told(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", told)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
        starts.announced(config, runner.addresses[0][1])
        yield
    finally:
        await runner.cleanup()


async def send(config: ServiceConfig, settings: Settings, properties: Mapping[str, str]) -> None:
    """Runs the service until SIGTERM or SIGINT; `properties`: of Kafka's clients."""
    servers = settings.bootstrap_servers or config.bootstrap_servers
    group = f"weir-{config.namespace}-{config.name}.sender"
    streams, metrics = Streams(servers, settings.topic, group, properties, settings.waiting), SenderMetrics()
    sender = Sender(settings, streams, settings.dead_letters or f"{config.name}.dead-letters", metrics)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sender.stop)
    async with _serving(config, metrics, streams):
        try:
            await sender.run()
        finally:
            await asyncio.to_thread(streams.close)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 after a signal, 2 when it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-5s sender %(message)s")
    try:
        config, settings = starts.configuration(arguments, Settings)
        asyncio.run(send(config, settings, starts.properties(settings.authentication)))
    except (starts.ConfigurationError, OSError) as error:
        return starts.failed(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
