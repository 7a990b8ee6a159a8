"""Sends series by Prometheus remote write: `python -m weir_runtime.services.prometheus_sender FILE`.

At least once and in order per series: an offset is committed when all before it is taken, or a dead letter, so that a
kill -9 repeats what was under way and loses nothing.
"""

import asyncio
import sys
import threading
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import Message
from pydantic import Field

from weir_api.durations import milliseconds
from weir_api.prometheus import Version
from weir_api.services import ServiceConfig

from . import outgoing, starts, workers
from .addresses import Guard
from .prometheus_logins import Login
from .prometheus_requests import Requests
from .prometheus_shards import Batches, Letters, SenderMetrics, Sending, Shard, Waiting
from .prometheus_streams import Chunk, Streams
from .remote_write.readings import Reader, Sample, Unreadable
from .secret_files import Secrets
from .starts import KafkaSettings

_SERIES_BYTES: Final = 128 * 1024 * 1024


class Settings(KafkaSettings):
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
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Networks that may be sent to although they are not public, as in 10.0.0.0/8"
    )
    waiting: int = Field(default=50_000, ge=1, description="Samples read and not done, at which reading pauses")


class Sender:
    """Reads, sends, commits, until it is told to stop."""

    def __init__(self, settings: Settings, streams: Streams, letters: str, metrics: SenderMetrics) -> None:
        self._settings, self._streams, self._letters_topic, self._metrics = settings, streams, letters, metrics
        metrics.lag.set_function(lambda: streams.lag)
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
        async with outgoing.session(guard, settings.shards) as session, workers.committing(self._streams.commit):
            sending = Sending(session, requests, batches, letters, self._metrics, self._done, self._stopping)
            shards = [Shard(sending) for _ in range(settings.shards)]
            tasks = [asyncio.create_task(shard.run()) for shard in shards]
            try:
                await self._read(shards, letters, tasks)
            finally:
                self._stopping.set()
                for shard in shards:
                    shard.wake()
                await self._ended(tasks)

    def trouble(self) -> str | None:
        """Why it cannot send yet; None when it can."""
        return None if self._streams.assigned else "Kafka has not taken this sender into its group yet"

    def close(self) -> None:
        """Leaves its group; blocks."""
        self._streams.close()

    async def _ended(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(tasks, timeout=workers.GRACE)
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


def _sample(reader: Reader, message: Message) -> tuple[bytes, Sample]:
    key, value = message.key(), message.value()
    if not isinstance(key, bytes) or not isinstance(value, bytes):
        raise Unreadable("the record has no key or no value")
    return key, reader.read(key, value)


def _send(config: ServiceConfig, settings: Settings) -> None:
    """Raises OSError, ConfigurationError."""
    group = f"weir-{config.namespace}-{config.name}.sender"
    streams, metrics = Streams(settings.client(config), settings.topic, group, settings.waiting), SenderMetrics()
    letters = settings.dead_letters or f"{config.name}.dead-letters"
    asyncio.run(workers.work(config, Sender(settings, streams, letters, metrics), metrics.registry))


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 after a signal, 2 when it cannot start."""
    return starts.run("sender", arguments, Settings, _send)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
