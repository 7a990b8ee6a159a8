"""Kafka as the dispatcher sees it: committed records in, offsets of what is done, dead letters out."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

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

    def __init__(self, servers: str, topic: str, group: str, properties: Mapping[str, str]) -> None:
        common = {**properties, "bootstrap.servers": servers, "log_level": 3}
        self._consumer = Consumer(
            {
                **common, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
                "isolation.level": "read_committed", "topic.metadata.refresh.interval.ms": 5_000,
                "allow.auto.create.topics": False, "fetch.wait.max.ms": 100,
            }
        )  # fmt: skip
        self._producer = Producer({**common, "enable.idempotence": True, "linger.ms": 5})
        self._progress: dict[tuple[str, int], Progress] = {}
        self._committed: dict[tuple[str, int], int] = {}
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
        messages = []
        for message in self._consumer.consume(500, 0.2):
            error = message.error()
            if error is None:
                messages.append(self._begun(message))
            elif error.code() != KafkaError._PARTITION_EOF:
                LOGGER.warning("reading: %s", error.str())
        self._producer.poll(0)
        return messages

    def done(self, place: Place) -> None:
        """The record needs nothing more."""
        with self._lock:
            if (progress := self._progress.get((place.topic, place.partition))) is not None:
                progress.done(place.offset)

    def commit(self) -> None:
        """Commits what is new; one that fails is made up for by the next."""
        with self._lock:
            reached = {at: progress.committable for at, progress in self._progress.items()}
        new = {at: offset for at, offset in reached.items() if offset is not None and self._committed.get(at) != offset}
        if not new:
            return
        try:
            wanted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in new.items()]
            self._consumer.commit(offsets=wanted, asynchronous=False)
            self._committed |= new
        except KafkaException as error:
            LOGGER.warning("committing: %s", error)

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
        place = Place(
            message.topic() or "", message.partition() or 0, message.offset() or 0, message.timestamp()[1]
        )  # fmt: skip
        with self._lock:
            self._progress.setdefault((place.topic, place.partition), Progress()).begin(place.offset)
        headers = {name: _bytes(value) for name, value in message.headers() or []}
        return Message(place, _bytes(message.key()), _bytes(message.value()), headers)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.assigned = self.assigned or bool(partitions)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.commit()
        with self._lock:
            for one in partitions:
                self._progress.pop((one.topic, one.partition), None)
                self._committed.pop((one.topic, one.partition), None)


def _settle(stored: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not stored.done():
        stored.set_result(error)


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
