"""Kafka as a sender sees it: committed records in, in chunks of which each is done as a whole, dead letters out."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from . import consumers

LOGGER: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 2_000
_FIRST: Final = 1.0
_METADATA_SECONDS: Final = 10.0


@dataclass(eq=False)
class Chunk:
    """Records that were read together from one partition."""

    partition: int
    next_offset: int
    left: int
    """How many of them are not done."""
    again: bool = False
    """Whether some of it may have been sent by a sender that was killed."""
    gone: bool = False
    """Whether the partition is another sender's by now, which will send them."""


@dataclass
class Progress:
    """The chunks of one partition that are not all done, in order, and the offset before which all is."""

    chunks: deque[Chunk] = field(default_factory=deque)
    reached: int | None = None


class Streams:
    """One consumer and one producer. `read`, `commit`, `write` and `close` block: call them from threads."""

    def __init__(self, client: Mapping[str, str], topic: str, group: str, ahead: int) -> None:
        """`ahead`: records that may be read, and sent, behind the last offset that was committed."""
        self._ahead = ahead + 2 * _AT_ONCE
        self._again: dict[int, int] = {}
        self._topic = topic
        self._consumer, self._producer = consumers.clients(
            client, group,
            {
                # A sender that was killed is a member until then, and nobody sends.
                "session.timeout.ms": 10_000, "queued.max.messages.kbytes": 32_768,
                "statistics.interval.ms": 5_000, "stats_cb": self._on_statistics,
            },
        )  # fmt: skip
        self._commits = consumers.Commits(self._consumer, topic)
        self._progress: dict[int, Progress] = {}
        self._lock = threading.Lock()
        self._paused = False
        self.assigned = False
        """Whether this sender belongs to its group, be it with no partition."""
        self.lag = 0
        """Records behind what is done, as of some seconds ago."""
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke)

    def read(self, *, room: bool) -> list[tuple[Chunk, list[Message]]]:
        """Up to 2,000 records by partition, after a fifth of a second at most; without `room` only what is on its way.

        To be called again and again: a consumer that is not heard of for minutes loses its partitions.
        """
        self._pause(not room)
        found: dict[int, list[Message]] = {}
        for message in consumers.read(self._consumer, _AT_ONCE):
            found.setdefault(message.partition() or 0, []).append(message)
        return [(self._begun(partition, messages), messages) for partition, messages in found.items()]

    def done(self, chunk: Chunk, count: int) -> None:
        """So many records of the chunk need nothing more."""
        with self._lock:
            chunk.left -= count
            progress = self._progress.get(chunk.partition)
            while progress is not None and progress.chunks and progress.chunks[0].left == 0:
                progress.reached = progress.chunks.popleft().next_offset

    def commit(self) -> None:
        """Commits what is new; one that fails is made up for by the next."""
        with self._lock:
            reached = {partition: progress.reached for partition, progress in self._progress.items()}
        self._commits.commit(reached)

    def write(self, topic: str, values: Sequence[bytes], stopping: threading.Event) -> bool:
        """Returns when the broker has all; waits for one that is away, until the end. Whether it has them."""
        left = list(values)
        while left and not stopping.is_set():
            failed: list[bytes] = []
            for value in left:
                self._produce(topic, value, failed.append)
            while self._producer.flush(1):
                pass
            left = failed
            if left:
                stopping.wait(_FIRST)
        return not left

    def close(self) -> None:
        """Leaves the group, so that another takes over at once."""
        self._consumer.close()

    def _produce(self, topic: str, value: bytes, failed: Callable[[bytes], None]) -> None:
        def told(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                LOGGER.warning("a dead letter is not stored yet: %s", error)
                failed(value)

        while True:
            try:
                self._producer.produce(topic, value, on_delivery=told)
                return
            except BufferError:
                self._producer.poll(0.05)

    def _pause(self, wanted: bool) -> None:
        if wanted != self._paused:
            partitions = self._consumer.assignment()
            (self._consumer.pause if wanted else self._consumer.resume)(partitions)
            self._paused = wanted

    def _begun(self, partition: int, messages: Sequence[Message]) -> Chunk:
        first, last = messages[0].offset() or 0, messages[-1].offset() or 0
        chunk = Chunk(partition, last + 1, len(messages), again=first < self._again.get(partition, 0))
        with self._lock:
            self._progress.setdefault(partition, Progress()).chunks.append(chunk)
        return chunk

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            self._again |= self._begun_before(consumer, partitions)
        except KafkaException as error:
            LOGGER.warning("what was sent before is not known: %s", error)
        self.assigned, self._paused = True, False

    def _begun_before(self, consumer: Consumer, partitions: list[TopicPartition]) -> dict[int, int]:
        """The offsets before which records may have been sent; a first beginning is committed, to be known by."""
        again, new = {}, []
        for one in consumer.committed(partitions, timeout=_METADATA_SECONDS):
            if one.offset >= 0:
                again[one.partition] = one.offset + self._ahead
            else:
                low, _ = consumer.get_watermark_offsets(one, timeout=_METADATA_SECONDS)
                new.append(TopicPartition(one.topic, one.partition, low))
        if new:
            consumer.commit(offsets=new, asynchronous=False)
        return again

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.commit()
        with self._lock:
            for one in partitions:
                for chunk in self._progress.pop(one.partition, Progress()).chunks:
                    chunk.gone = True
        self._commits.forget(one.partition for one in partitions)

    def _on_statistics(self, text: str) -> None:
        partitions = json.loads(text).get("topics", {}).get(self._topic, {}).get("partitions", {}).values()
        self.lag = sum(max(0, each.get("consumer_lag", 0)) for each in partitions)
