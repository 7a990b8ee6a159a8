"""Kafka for a service that works records off: committed records in, offsets committed when it says so."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from .deliveries import Place

LOGGER: Final = logging.getLogger(__name__)
_READ_SECONDS: Final = 0.2

Options = Mapping[str, object]


def clients(common: Options, group: str, reading: Options) -> tuple[Consumer, Producer]:
    """What reads, and what writes dead letters; `common` is for both, `reading` only for the consumer."""
    common = {**common, "log_level": 3}
    consumer = Consumer(
        {
            **common, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "isolation.level": "read_committed", "topic.metadata.refresh.interval.ms": 5_000,
            "allow.auto.create.topics": False, "fetch.wait.max.ms": 100, **reading,
        }
    )  # fmt: skip
    return consumer, Producer({**common, "enable.idempotence": True, "linger.ms": 5})


def read(consumer: Consumer, count: int) -> list[Message]:
    """Up to so many records, after a fifth of a second at most."""
    records = []
    for message in consumer.consume(count, _READ_SECONDS):
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() != KafkaError._PARTITION_EOF:
            LOGGER.warning("reading: %s", error.str())
    return records


def place(message: Message) -> Place:
    """Where the record stands."""
    return Place(message.topic() or "", message.partition() or 0, message.offset() or 0, message.timestamp()[1])


def as_bytes(value: bytes | str | None) -> bytes | None:
    """A key, value or header; the client's types allow for text too."""
    return value.encode() if isinstance(value, str) else value


class Commits:
    """What was committed last, by partition of the one topic."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer, self._topic = consumer, topic
        self._committed: dict[int, int] = {}

    def commit(self, reached: Mapping[int, int | None]) -> None:
        """Commits what is new of the offsets by partition; one that fails is made up for by the next. Blocks."""
        new = {
            partition: offset
            for partition, offset in reached.items()
            if offset is not None and self._committed.get(partition) != offset
        }
        if not new:
            return
        places = [TopicPartition(self._topic, partition, offset) for partition, offset in new.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            LOGGER.warning("committing: %s", error)
            return
        self._committed |= new

    def forget(self, partitions: Iterable[int]) -> None:
        """Those that another reads by now."""
        for partition in partitions:
            self._committed.pop(partition, None)
