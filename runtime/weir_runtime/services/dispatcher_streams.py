"""Kafka as the dispatcher sees it: committed records in, offsets of what is done, dead letters out."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from . import consumers
from .consumers import as_bytes
from .deliveries import Place
from .offsets import Progress

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A record as it was read."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes | None]


class Streams:
    """One consumer and one producer. `read` and `commit` block: call them from threads."""

    def __init__(self, client: Mapping[str, str], topic: str, group: str) -> None:
        self._consumer, self._producer = consumers.clients(client, group, {})
        self._commits = consumers.Commits(self._consumer, topic)
        self._progress: dict[int, Progress] = {}
        self._lock = threading.Lock()
        self.assigned = False
        """Whether there are partitions to read: before that nothing can be delivered."""
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke)

    @property
    def under_way(self) -> int:
        """Records read, and not behind an offset that may be committed."""
        with self._lock:
            return sum(progress.under_way for progress in self._progress.values())

    def read(self) -> list[Message]:
        """Up to 500 records, after a fifth of a second at most."""
        messages = [self._begun(record) for record in consumers.read(self._consumer, 500)]
        self._producer.poll(0)
        return messages

    def done(self, place: Place) -> None:
        """The record needs nothing more."""
        with self._lock:
            if (progress := self._progress.get(place.partition)) is not None:
                progress.done(place.offset)

    def commit(self) -> None:
        """Commits what is new; one that fails is made up for by the next."""
        with self._lock:
            reached = {partition: progress.committable for partition, progress in self._progress.items()}
        self._commits.commit(reached)

    async def write(self, topic: str, value: bytes) -> None:
        """Returns when the broker has it; waits for one that is away as long as it takes."""
        loop = asyncio.get_running_loop()
        while True:
            stored: asyncio.Future[KafkaError | None] = loop.create_future()

            def told(
                error: KafkaError | None, _: KafkaMessage, stored: "asyncio.Future[KafkaError | None]" = stored
            ) -> None:
                loop.call_soon_threadsafe(_settle, stored, error)

            self._producer.produce(topic, value, on_delivery=told)
            while not stored.done():
                await asyncio.to_thread(self._producer.poll, 0.05)
            if (error := stored.result()) is None:
                return
            LOGGER.warning("a dead letter is not stored yet: %s", error)
            await asyncio.sleep(1)

    def close(self) -> None:
        """Leaves the group, so that another takes over at once."""
        self._producer.flush(2)
        self._consumer.close()

    def _begun(self, message: KafkaMessage) -> Message:
        place = consumers.place(message)
        with self._lock:
            self._progress.setdefault(place.partition, Progress()).begin(place.offset)
        headers = {name: as_bytes(value) for name, value in message.headers() or []}
        return Message(place, as_bytes(message.key()), as_bytes(message.value()), headers)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.assigned = self.assigned or bool(partitions)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.commit()
        with self._lock:
            for one in partitions:
                self._progress.pop(one.partition, None)
        self._commits.forget(one.partition for one in partitions)


def _settle(stored: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not stored.done():
        stored.set_result(error)
