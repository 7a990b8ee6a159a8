"""Reads the changelog of totals into a store, committed records only, and knows how fresh that is."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from .billing_stores import Store, Total

LOGGER: Final = logging.getLogger(__name__)
_BATCH: Final = 5_000
_POLL_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 1.0
_METADATA_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0


class Follower:
    """A thread's work: `run` reads until it is told to stop. Kafka may come and go."""

    def __init__(
        self,
        topic: str,
        client: Mapping[str, str],
        store: Store,
        stopping: threading.Event,
        changed: Callable[[], None],
    ) -> None:
        self._topic, self._client, self._store = topic, client, store
        self._stopping, self._changed = stopping, changed
        self._ended: set[int] = set()
        self._partitions: frozenset[int] = frozenset()
        self.trouble: str | None = "the changelog has not been reached yet"
        self.caught_up = False
        """Whether everything that was in the topic at some time since the start has been read."""
        self.fresh_at = time.monotonic()
        """The last time (monotonic seconds) at which all that was there had been read; at first that of the start."""
        self.records = 0

    def run(self) -> None:
        """Reads until `stopping` is set."""
        while not self._stopping.is_set():
            try:
                self._follow()
            except KafkaException as error:
                self._failed(error.args[0])
                self._stopping.wait(_RETRY_SECONDS)

    @property
    def staleness(self) -> float:
        """Seconds since all that was there had been read."""
        return time.monotonic() - self.fresh_at

    def _follow(self) -> None:
        consumer = Consumer(
            {
                **self._client,
                "group.id": f"weir-billing-queries-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 30_000,
                "log_level": 0,
            }
        )
        try:
            self._assign(consumer)
            looked = time.monotonic()
            while not self._stopping.is_set():
                self._take(consumer.consume(_BATCH, _POLL_SECONDS))
                if time.monotonic() - looked > _LOOK_SECONDS:
                    # Without new records the client does not tell whether Kafka is still there.
                    looked = time.monotonic()
                    if frozenset(_partitions(consumer, self._topic)) != self._partitions:
                        return
                    self._judge()
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> None:
        self._partitions = frozenset(_partitions(consumer, self._topic))
        so_far = self._read_so_far(consumer)
        places = [TopicPartition(self._topic, one, so_far.get(one, OFFSET_BEGINNING)) for one in self._partitions]
        self._ended.clear()
        consumer.assign(places)

    def _read_so_far(self, consumer: Consumer) -> Mapping[int, int]:
        """Where to go on; a topic that is shorter than what was read of it is another one, and read from its start."""
        so_far = self._store.read_so_far()
        for partition, offset in so_far.items():
            place = TopicPartition(self._topic, partition)
            _, end = consumer.get_watermark_offsets(place, timeout=_METADATA_SECONDS)
            if partition not in self._partitions or offset > end:
                LOGGER.warning("%s is not the topic that was read before: reading it from its start", self._topic)
                self._store.forget()
                return {}
        return so_far

    def _take(self, messages: Sequence[Message]) -> None:
        totals: list[Total] = []
        read: dict[int, int] = {}
        times: dict[int, str] = {}
        for message in messages:
            if (error := message.error()) is not None:
                self._told(message.partition(), error)
                continue
            partition, offset = message.partition(), message.offset()
            self._ended.discard(partition)
            read[partition] = offset + 1
            if (total := _total(message)) is not None:
                totals.append(total)
                if total.event_time is not None:
                    times[partition] = max(times.get(partition, ""), total.event_time)
        if read:
            self._store.put(totals, read, times)
            self.records += len(totals)
            self._changed()
        if messages:
            self._judge()

    def _judge(self) -> None:
        """Whether all that is there has been read."""
        if self._ended >= self._partitions:
            if not self.caught_up and not self._store.complete:
                self._store.completed()
            self.caught_up, self.trouble, self.fresh_at = True, None, time.monotonic()

    def _told(self, partition: int, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(partition)
        elif error.fatal() or not error.retriable():
            raise KafkaException(error)
        else:
            self._failed(error)

    def _failed(self, error: KafkaError) -> None:
        self.trouble = f"the changelog cannot be read: {error.str()}"


def _partitions(consumer: Consumer, topic: str) -> Sequence[int]:
    """The topic's partitions. Raises KafkaException."""
    found = consumer.list_topics(topic, timeout=_METADATA_SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return list(found.partitions)


def _total(message: Message) -> Total | None:
    """The record's total; None for a record that is none, which a topic that somebody else writes to may have."""
    value = message.value()
    try:
        row = json.loads(value or b"null")
        return Total(
            view=row["view"], key=row["key"], until=row["until"], currency=row["currency"], period=row["period"],
            begins=row["from"], total=row["total"], rounding=row["rounding"], events=row["events"],
            event_time=row["eventTime"], place=f"{message.partition()}-{message.offset()}",
        )  # fmt: skip
    except (ValueError, TypeError, KeyError):
        LOGGER.warning("record %s-%s is no total", message.partition(), message.offset())
        return None
