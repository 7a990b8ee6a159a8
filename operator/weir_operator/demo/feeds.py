"""The demo's stream sent to Kafka at the pace it happens, with a record of what was sent and where it came to lie."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from . import generator
from .generator import Event, Record, Topic

END_AFTER: Final = 1_800_000
"""The last record of each topic is half an hour later: event time passes every deadline."""
_PAUSE: Final = 0.02


@dataclass(frozen=True)
class Sent:
    """A record and its offset in its topic (each has one partition)."""

    record: Record
    offset: int


class Feed:
    """Sends from a thread of its own until told to end.

    Late records are held back unless `late` is set: after a start there is no event time yet that they could be
    behind of, so only then is it certain what they are.
    """

    def __init__(self, servers: str, seed: int, rate: float, clock: Callable[[], float] = time.time) -> None:
        self.late = False
        self.sent: list[Sent] = []
        self.begin = int(clock() * 1000)
        self._records = generator.records(seed, rate)
        self._clock = clock
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "log_level": 0,
                # Deliveries are reported in the order of offsets per partition, so `sent` keeps that order too.
            }
        )
        self._ending = threading.Event()
        self._failure: KafkaError | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def end(self) -> None:
        """Stop, close each topic with a record far in the future, and wait until Kafka has everything.

        Raises KafkaException when it has not.
        """
        self._ending.set()
        self._thread.join()
        now = self._now()
        for topic in generator.TOPICS:
            details = {"payment": "none", "amount": "0.00"} if topic == "payment-events" else {}
            self._send(Record(now, "good", topic, Event("end", "APP_CLOSED", now + END_AFTER, details)))
        self._producer.flush(30)
        if self._failure is not None or len(self._producer):
            raise KafkaException(self._failure or KafkaError(KafkaError._TIMED_OUT))

    def events(self, topic: Topic) -> Iterator[Event]:
        """The events in time, in the order of their offsets."""
        for sent in self._in(topic):
            if sent.record.sort == "good" and sent.record.event is not None:
                yield sent.record.event

    def of_sort(self, topic: Topic, sort: generator.Sort) -> Iterator[Sent]:
        """The records of a topic that are bad, or late."""
        return (sent for sent in self._in(topic) if sent.record.sort == sort)

    def _in(self, topic: Topic) -> Iterator[Sent]:
        return (sent for sent in list(self.sent) if sent.record.topic == topic)

    def _now(self) -> int:
        return int(self._clock() * 1000) - self.begin

    def _run(self) -> None:
        for record in self._records:
            while record.arrival > self._now():
                self._producer.poll(0)
                if self._ending.wait(_PAUSE):
                    return
            if self._ending.is_set() or self._failure is not None:
                return
            if record.sort != "late" or self.late:
                self._send(record)

    def _send(self, record: Record) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failure = error
            else:
                self.sent.append(Sent(record, message.offset() or 0))

        value = record.value(self.begin)
        self._producer.produce(record.topic, value=value, key=record.key, on_delivery=delivered)
        self._producer.poll(0)
