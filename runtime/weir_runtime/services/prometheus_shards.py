"""What is to be sent, in shards: a series is always of one, and each has one request under way."""

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
from confluent_kafka import Message
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as Metric

from .consumers import as_bytes, place
from .deliveries import Answer, Last, dead_letter
from .prometheus_requests import Requests, pause
from .prometheus_streams import Chunk, Streams
from .remote_write.readings import Sample

LOGGER: Final = logging.getLogger(__name__)
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sample, its record, and the chunk that it came with."""

    sample: Sample
    message: Message
    chunk: Chunk


class SenderMetrics:
    """Every metric of a sender."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.samples = Metric(
            "weir_sender_samples", "Samples by how they ended: sent, deadLettered", ("outcome",), registry=registry
        )
        self.tries = Metric(
            "weir_sender_tries", "Requests by the status of their answers; none: no answer", ("status",),
            registry=registry,
        )  # fmt: skip
        self.waiting = Gauge("weir_sender_waiting", "Samples that are read and not done", registry=registry)
        self.lag = Gauge("weir_sender_lag", "Records of the topic that are not done", registry=registry)
        self.newest = Gauge("weir_sender_newest_seconds", "Time of the newest sample that was sent", registry=registry)
        self.seconds = Histogram(
            "weir_sender_try_seconds", "How long a request took", buckets=_BUCKETS, registry=registry
        )


@dataclass(frozen=True)
class Batches:
    """How many samples a request has at most, how long one waits for others, and a try for its answer (seconds)."""

    samples: int
    within: float
    timeout: float


class Letters:
    """Where samples go that a receiver has refused for good, with what it answered."""

    def __init__(self, streams: Streams, topic: str, url: str, stopping: threading.Event) -> None:
        self._streams, self._topic, self._url, self._stopping = streams, topic, url, stopping

    async def write(
        self, messages: Sequence[Message], reason: str, tries: int = 0, answer: Answer | None = None
    ) -> bool:
        """Whether they are there; not when the sender ends before."""
        last = None if answer is None else Last(self._url, answer, tries)
        letters = [dead_letter(place(one), as_bytes(one.value()) or b"", reason, last) for one in messages]
        return await asyncio.to_thread(self._streams.write, self._topic, letters, self._stopping)


@dataclass(frozen=True)
class Sending:
    """What all shards share. `done` is told of samples that need nothing more; `closing`: begin nothing more."""

    session: aiohttp.ClientSession
    requests: Requests
    batches: Batches
    letters: Letters
    metrics: SenderMetrics
    done: Callable[[Chunk, int], None]
    closing: asyncio.Event


class Shard:
    """Samples in the order they came."""

    def __init__(self, sending: Sending) -> None:
        self._sending, self._batches, self._metrics = sending, sending.batches, sending.metrics
        self._closing = sending.closing
        self._waiting: list[Waiting] = []
        self._since = 0.0
        self._more = asyncio.Event()
        self._jitter = random.Random()

    def add(self, more: Sequence[Waiting]) -> None:
        """Behind all that wait."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += more
        self._more.set()

    async def run(self) -> None:
        """Sends until the end; what waits then is sent by the next start."""
        while not self._closing.is_set():
            batch = await self._batch()
            # What is another sender's by now is not sent by this one.
            kept = [one for one in batch if not one.chunk.gone]
            if not kept or await self._delivered(kept):
                for chunk, count in Counter(one.chunk for one in batch).items():
                    self._sending.done(chunk, count)

    async def _batch(self) -> list[Waiting]:
        """As many as a request may have, or fewer when the first has waited long enough."""
        limit = self._batches.samples
        while len(self._waiting) < limit and not self._closing.is_set():
            left = self._since + self._batches.within - time.monotonic() if self._waiting else None
            if left is not None and left <= 0:
                break
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), left)
            except TimeoutError:
                break
        if self._closing.is_set():
            return []
        batch, self._waiting = self._waiting[:limit], self._waiting[limit:]
        self._since = time.monotonic()
        return batch

    def wake(self) -> None:
        """Has it look whether it is to end."""
        self._more.set()

    async def _delivered(self, batch: Sequence[Waiting]) -> bool:
        """Tries until it is taken or refused for good; whether nothing more is to be done."""
        samples = [one.sample for one in batch]
        tries = 0
        while True:
            tries += 1
            with self._metrics.seconds.time():
                result = await self._sending.requests.send(self._sending.session, samples, self._batches.timeout)
            answer = result.answer
            self._metrics.tries.labels(str(answer.status or "none")).inc()
            if not result.again:
                break
            if tries == 1 or tries % 10 == 0:
                LOGGER.warning("%d samples wait, after %d tries: %s", len(batch), tries, answer.reason)
            if await self._closed_within(pause(tries, answer, self._jitter)):
                return False
        if answer.status == 400 and len(batch) > 1 and any(one.chunk.again for one in batch):
            # A receiver may throw a whole request away for one sample that it has had already.
            middle = len(batch) // 2
            return await self._delivered(batch[:middle]) and await self._delivered(batch[middle:])
        if not answer.delivered:
            LOGGER.warning("%d samples are refused: %s %s", len(batch), answer.reason, answer.body[:500])
            reason = f"refused after {tries} {'try' if tries == 1 else 'tries'}: {answer.reason}"
            if not await self._sending.letters.write([one.message for one in batch], reason, tries, answer):
                return False
        self._metrics.samples.labels("sent" if answer.delivered else "deadLettered").inc(len(batch))
        self._metrics.newest.set(max(one.at for one in samples) / 1000)
        return True

    async def _closed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return False
        return True
