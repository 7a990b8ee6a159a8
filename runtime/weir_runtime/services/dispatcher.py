"""Delivers what a router wrote to `results-http`: `python -m weir_runtime.services.dispatcher FILE`.

At least once: an offset is committed when all before it is delivered or a dead letter, so a kill -9 repeats what was
under way and loses nothing. Deliveries of one destination and key follow each other; a destination that is slow or gone
holds up none but its own.
"""

import asyncio
import contextlib
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import aiohttp
from pydantic import Field
from yarl import URL

from weir_api.secret_files import SecretError
from weir_api.services import ServiceConfig

from . import deliveries, outgoing, starts, workers
from .addresses import Forbidden, Guard
from .deliveries import Answer, Delivery, Last, Place
from .dispatcher_metrics import DispatcherMetrics
from .dispatcher_streams import Message, Streams
from .lanes import Lanes
from .secret_files import Secrets
from .starts import KafkaSettings

_IDEMPOTENCY_KEY: Final = "Idempotency-Key"


class Settings(KafkaSettings):
    """What a dispatcher is told beside its name, which is the router's."""

    topic: str = "results-http"
    dead_letters: str | None = Field(default=None, description="Default: <router>.dead-letters")
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Networks that may be delivered to although they are not public, as in 10.0.0.0/8"
    )
    per_destination: int = Field(default=16, ge=1, description="Deliveries under way to one destination")
    at_once: int = Field(default=256, ge=1, description="Deliveries under way in all")
    waiting: int = Field(default=20_000, ge=1, description="Records read and not done, at which reading pauses")


class Dispatcher:
    """Reads, delivers, commits, until it is told to stop."""

    def __init__(
        self, config: ServiceConfig, settings: Settings, streams: Streams, secrets: Secrets, metrics: DispatcherMetrics
    ) -> None:
        self._router, self._settings = config.name, settings
        self._streams, self._secrets, self._metrics = streams, secrets, metrics
        self._guard = Guard(settings.allowed_networks)
        self._lanes = Lanes(settings.per_destination, settings.at_once)
        self._jitter = random.Random()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Read nothing more; finish what is under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped. What is still waiting then is delivered by the next start."""
        limit = self._settings.at_once
        async with outgoing.session(self._guard, limit) as session, workers.committing(self._streams.commit):
            try:
                while not self._stopping.is_set():
                    await self._read(session)
            finally:
                await self._lanes.close(workers.GRACE)

    def trouble(self) -> str | None:
        """Why it cannot deliver yet; None when it can."""
        return None if self._streams.assigned else "Kafka has given this dispatcher no partition yet"

    def close(self) -> None:
        """Leaves its group; blocks."""
        self._streams.close()

    async def _read(self, session: aiohttp.ClientSession) -> None:
        if self._streams.under_way >= self._settings.waiting:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.05)
            return
        for message in await asyncio.to_thread(self._streams.read):
            self._metrics.read.inc()
            self._take(session, message)

    def _take(self, session: aiohttp.ClientSession, message: Message) -> None:
        place = message.place
        if message.headers.get("weir-router") != self._router.encode():
            self._streams.done(place)  # another router's, whose own dispatcher delivers it
            return
        try:
            delivery = deliveries.delivery(place, message.key, message.value, message.headers)
        except deliveries.Undeliverable as wrong:
            letter = deliveries.dead_letter(place, message.value or b"", str(wrong))
            self._lanes.add(("", ""), None, lambda: self._give_up(place, letter, ("", "")))
            return
        self._metrics.waiting.labels(*delivery.destination).inc()
        self._lanes.add(delivery.destination, delivery.order, lambda: self._deliver(session, delivery))

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        """Tries until it is taken, told for good, or out of tries; what is done is done once the letter is stored."""
        try:
            tries = 0
            while True:
                tries += 1
                answer = await self._try(session, delivery)
                if answer.final or tries > delivery.retries:
                    break
                await self._lanes.pause(deliveries.pause(tries, answer, datetime.now(UTC), self._jitter))
            if answer.delivered:
                self._metrics.outcomes.labels(*delivery.destination, "delivered").inc()
                self._streams.done(delivery.place)
                return
            reason = f"not delivered after {tries} {'try' if tries == 1 else 'tries'}: {answer.reason}"
            last = Last(delivery.url, answer, tries, delivery.rule)
            letter = deliveries.dead_letter(delivery.place, delivery.raw, reason, last)
            await self._give_up(delivery.place, letter, delivery.destination)
        finally:
            self._metrics.waiting.labels(*delivery.destination).dec()

    async def _give_up(self, place: Place, letter: bytes, destination: tuple[str, str]) -> None:
        await self._streams.write(self._settings.dead_letters or f"{self._router}.dead-letters", letter)
        self._metrics.outcomes.labels(*destination, "deadLettered").inc()
        self._streams.done(place)

    async def _try(self, session: aiohttp.ClientSession, delivery: Delivery) -> Answer:
        with self._metrics.seconds.labels(*delivery.destination).time():
            try:
                async with asyncio.timeout(delivery.timeout):
                    answer = await self._ask(session, delivery)
            except TimeoutError:
                answer = Answer(None, f"no answer within {delivery.timeout:g} s")
            except SecretError as error:
                answer = Answer(None, str(error))
            except (aiohttp.ClientError, OSError, ValueError) as error:
                answer = Answer(None, _said(error))
        self._metrics.tries.labels(*delivery.destination, str(answer.status or "none")).inc()
        return answer

    async def _ask(self, session: aiohttp.ClientSession, delivery: Delivery) -> Answer:
        url = URL(delivery.url, encoded=True)
        self._guard.literal(url.host or "")
        headers = {"Content-Type": "application/json", "User-Agent": "weir-dispatcher", **self._headers(delivery)}
        # A redirect is an answer like another: it might lead inside, or take the secret elsewhere.
        async with session.post(url, data=delivery.payload, headers=headers, allow_redirects=False) as response:
            return await outgoing.answered(response)

    def _headers(self, delivery: Delivery) -> Mapping[str, str]:
        own = self._secrets.read(delivery.secret) if delivery.secret is not None else {}
        return {**own, _IDEMPOTENCY_KEY: delivery.idempotency_key}


def _said(error: BaseException) -> str:
    """The error in a line, with the refusal that may be behind it."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, Forbidden):
            return str(behind)
        behind = behind.__cause__ or behind.__context__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _dispatch(config: ServiceConfig, settings: Settings) -> None:
    """Raises OSError, ConfigurationError."""
    group = f"weir-{config.namespace}-{config.name}.dispatcher"
    streams, metrics = Streams(settings.client(config), settings.topic, group), DispatcherMetrics()
    dispatcher = Dispatcher(config, settings, streams, Secrets.of_environment(), metrics)
    asyncio.run(workers.work(config, dispatcher, metrics.registry))


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 after a signal, 2 when it cannot start."""
    return starts.run("dispatcher", arguments, Settings, _dispatch)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
