"""Records into Kafka: whoever gives some is told when the broker has all of them."""

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from .remote_write.decodings import Record

LOGGER: Final = logging.getLogger(__name__)
_MESSAGE_TIMEOUT_MS: Final = 20_000
"""Less than the half minute that Prometheus waits for an answer."""
_MOST_TOGETHER: Final = 64
_METADATA_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Order:
    """Records to be written, and who is told of the end: '' or why they are not there."""

    records: Sequence[Record]
    done: Callable[[str], None]


class Writer:
    """One producer in a thread of its own; what comes in while it waits for the broker is written together.

    Idempotent and in order: what was given first stands first in its partition, so that a request which is sent again
    never puts an older sample behind a newer one.
    """

    def __init__(self, client: Mapping[str, str], topic: str) -> None:
        self._topic = topic
        self._properties = {
            **client, "enable.idempotence": True, "acks": "all",
            # As Java's clients place records, so that a series stays in its partition whoever writes it.
            "partitioner": "murmur2_random", "linger.ms": 5, "compression.type": "lz4",
            "message.timeout.ms": _MESSAGE_TIMEOUT_MS, "batch.size": 900_000,
            "queue.buffering.max.messages": 200_000, "queue.buffering.max.kbytes": 131_072,
            "delivery.report.only.error": True, "allow.auto.create.topics": False, "log_level": 3,
        }  # fmt: skip
        self._producer = Producer(self._properties)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._problem = ""
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="writer")

    def start(self) -> None:
        """Begins to take orders."""
        self._thread.start()

    def put(self, order: Order) -> None:
        """Has these written; its end is told from the writer's thread."""
        self._orders.put(order)

    def close(self) -> None:
        """Ends when all orders are done."""
        self._orders.put(None)
        self._thread.join()

    def trouble(self) -> str | None:
        """Why nothing could be written now; None when the topic is there. Blocks for some seconds at most."""
        try:
            found = self._producer.list_topics(self._topic, timeout=_METADATA_SECONDS).topics[self._topic]
        except KafkaException as error:
            return f"Kafka cannot be reached: {error.args[0].str()}"
        return None if found.error is None else f"topic '{self._topic}' cannot be written: {found.error.str()}"

    def _run(self) -> None:
        while (first := self._orders.get()) is not None:
            orders, ends = [first], False
            while not ends and len(orders) < _MOST_TOGETHER and not self._orders.empty():
                more = self._orders.get()
                if more is None:
                    ends = True
                else:
                    orders.append(more)
            problem = self._written(orders)
            for order in orders:
                order.done(problem)
            if ends:
                return

    def _written(self, orders: Sequence[Order]) -> str:
        """All of them or none counts as there: it is not told apart which record failed, and all come again."""
        self._problem = ""
        try:
            for order in orders:
                self._produce(order.records)
        except KafkaException as error:
            self._failed(error.args[0])
        while self._producer.flush(1):
            pass
        if self._broken:
            self._producer, self._broken = Producer(self._properties), False
        return self._problem

    def _produce(self, records: Sequence[Record]) -> None:
        produce, topic, failed = self._producer.produce, self._topic, self._told
        for series, value, rest in records:
            while True:
                try:
                    produce(topic, series.head + value + rest, series.key, -1, failed)
                    break
                except BufferError:
                    self._producer.poll(0.05)

    def _told(self, error: KafkaError | None, _: KafkaMessage) -> None:
        if error is not None:
            self._failed(error)

    def _failed(self, error: KafkaError) -> None:
        if not self._problem:
            LOGGER.warning("records are not written: %s", error.str())
        self._problem = error.str()
        self._broken = self._broken or error.fatal()
