"""Lines into a topic and records out of it, for the command line and for tests."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from . import topics
from .topics import Authentication, KafkaAway, NotAuthorized, TopicError, TopicMissing

Start = Literal["earliest", "latest"]
Text = bytes | str | None
Line = bytes | str | tuple[Text, Text]
"""A line as it is, or a pair of key and value."""


@dataclass(frozen=True)
class Record:
    """A record as it is in the topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def produce(
    bootstrap_servers: str,
    topic: str,
    lines: Iterable[Line],
    *,
    key_separator: str | None = None,
    authentication: Authentication | None = None,
    deadline: float = 60,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write each line (or pair of key and value) as a record; gives their number once the broker has all of them.

    With `key_separator` a line's key is what stands before its first occurrence, and a line without one is a
    ValueError that names it. Records of one key keep their order, none is written twice. `deadline` is how many seconds
    a record may wait for the broker. Raises TopicMissing, KafkaAway, NotAuthorized, TopicError.
    """
    topics.end_offsets(bootstrap_servers, [topic], authentication)  # a clear word before the first record is queued
    failures: list[KafkaError] = []
    producer = _producer(bootstrap_servers, authentication, deadline)

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)
        elif progress is not None:
            progress(1)

    count = 0
    for number, line in enumerate(lines, start=1):
        key, value = _key_and_value(line, key_separator, number)
        _queue(producer, topic, key, value, delivered)
        count = number
        if failures:
            break
    producer.flush(deadline)
    if failures:
        raise _said(failures[0], bootstrap_servers, topic)
    if len(producer):
        raise KafkaAway(f"Kafka at {bootstrap_servers} has not taken {len(producer)} records in {deadline:g} s.")
    return count


def tail(
    bootstrap_servers: str,
    topic: str,
    *,
    start: Start | int = "earliest",
    count: int | None = None,
    idle: float | None = None,
    committed_only: bool = True,
    authentication: Authentication | None = None,
) -> Iterator[Record]:
    """The topic's records as they come, each partition in its order.

    `start` is the beginning, the end, or how many of each partition's last offsets (markers of transactions take some).
    Ends after `count` records, or when none has come for `idle` seconds; without both never. A broker away for
    less than ten seconds is waited for. Raises TopicMissing, KafkaAway, NotAuthorized, TopicError.
    """
    positions = _positions(bootstrap_servers, topic, start, authentication)
    doubts = _Doubts()
    settings = _consumer_settings(bootstrap_servers, committed_only, authentication)
    consumer = Consumer({**settings, "error_cb": doubts.note})
    with contextlib.closing(consumer):
        consumer.assign(positions)
        seen, last = 0, time.monotonic()
        while count is None or seen < count:
            for message in consumer.consume(500 if count is None else min(500, count - seen), 0.2):
                if (error := message.error()) is None:
                    seen, last = seen + 1, time.monotonic()
                    yield _record(message)
                elif not error.retriable() and error.code() not in topics.AWAY:
                    raise _said(error, bootstrap_servers, topic)
            if doubts.last_too_long():
                doubts.settle(consumer, bootstrap_servers, topic)
            if idle is not None and time.monotonic() - last > idle:
                return


def read_all(
    bootstrap_servers: str,
    topic: str,
    *,
    committed_only: bool = True,
    authentication: Authentication | None = None,
    deadline: float = 60,
) -> list[Record]:
    """Every record that is in the topic now, each partition in its order, without waiting for more.

    With `committed_only`, up to the first transaction that is still open: what a read_committed reader can see.
    Raises KafkaAway when that takes longer than `deadline` seconds, TopicMissing, NotAuthorized, TopicError.
    """
    consumer = Consumer(
        {**_consumer_settings(bootstrap_servers, committed_only, authentication), "enable.partition.eof": True}
    )
    records: list[Record] = []
    ends = time.monotonic() + deadline
    with contextlib.closing(consumer):
        positions = _positions(bootstrap_servers, topic, "earliest", authentication)
        consumer.assign(positions)
        open_partitions = {position.partition for position in positions}
        while open_partitions:
            if time.monotonic() > ends:
                raise KafkaAway(f"Topic {topic!r} at {bootstrap_servers} was not read to its end in {deadline:g} s.")
            for message in consumer.consume(1000, 0.2):
                error = message.error()
                if error is None:
                    records.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                elif not error.retriable() and error.code() not in topics.AWAY:
                    raise _said(error, bootstrap_servers, topic)
    return records


def _key_and_value(line: Line, separator: str | None, number: int) -> tuple[Text, Text]:
    if isinstance(line, tuple):
        return line
    raw = line.encode() if isinstance(line, str) else line
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    if separator is None:
        return None, raw
    key, found, value = raw.partition(separator.encode())
    if not found:
        raise ValueError(f"line {number} has no key: {separator!r} does not occur in it")
    return key, value


def _producer(bootstrap_servers: str, authentication: Authentication | None, deadline: float) -> Producer:
    return Producer(
        {
            **(authentication or {}),
            "bootstrap.servers": bootstrap_servers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": "lz4",
            "delivery.timeout.ms": int(deadline * 1000),
            "log_level": 0,
        }
    )


def _queue(
    producer: Producer,
    topic: str,
    key: Text,
    value: Text,
    delivered: Callable[[KafkaError | None, Message], None],
) -> None:
    while True:
        try:
            producer.produce(topic, value=value, key=key, on_delivery=delivered)
        except BufferError:  # librdkafka's queue is full: let it send, and hear what became of the earlier ones
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def _consumer_settings(
    bootstrap_servers: str, committed_only: bool, authentication: Authentication | None
) -> dict[str, str | int | float | bool]:
    return {
        **(authentication or {}),
        "bootstrap.servers": bootstrap_servers,
        "group.id": f"weir-tail-{uuid.uuid4()}",  # librdkafka wants one; nothing is ever committed under it
        "enable.auto.commit": False,
        "isolation.level": "read_committed" if committed_only else "read_uncommitted",
        "fetch.wait.max.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 0,
    }


def _positions(
    bootstrap_servers: str, topic: str, start: Start | int, authentication: Authentication | None
) -> list[TopicPartition]:
    """Where to begin in each partition."""
    ends = topics.end_offsets(bootstrap_servers, [topic], authentication)
    if start == "earliest":
        return [TopicPartition(topic, partition, OFFSET_BEGINNING) for _, partition in ends]
    if start == "latest":
        return [TopicPartition(topic, partition, end) for (_, partition), end in ends.items()]
    starts = topics.end_offsets(bootstrap_servers, [topic], authentication, spec=OffsetSpec.earliest())
    return [TopicPartition(topic, at[1], max(starts[at], end - start)) for at, end in ends.items()]


class _Doubts:
    """Whether a broker is still there: librdkafka says when the last went away, and never when one is back."""

    def __init__(self) -> None:
        self._since: float | None = None

    def note(self, error: KafkaError) -> None:
        if self._since is None and error.code() in topics.AWAY | topics.FORBIDDEN:
            self._since = time.monotonic()

    def last_too_long(self) -> bool:
        return self._since is not None and time.monotonic() - self._since > 10

    def settle(self, consumer: Consumer, bootstrap_servers: str, topic: str) -> None:
        """Ask the broker; raises what it is when there is no answer."""
        try:
            consumer.list_topics(topic, timeout=5)
        except KafkaException as error:
            raise _said(error.args[0], bootstrap_servers, topic) from error
        self._since = None


def _record(message: Message) -> Record:
    key, value = message.key(), message.value()
    headers = message.headers() or []
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=message.timestamp()[1],
        key=key.encode() if isinstance(key, str) else key,
        value=value.encode() if isinstance(value, str) else value,
        headers=tuple((name, text.encode() if isinstance(text, str) else text) for name, text in headers),
    )


def _said(error: KafkaError, bootstrap_servers: str, topic: str) -> TopicError:
    code = error.code()
    if code in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}:
        return TopicMissing(f"Topic {topic!r} does not exist on Kafka at {bootstrap_servers}.")
    if code in topics.AWAY or code == KafkaError._MSG_TIMED_OUT:
        return KafkaAway(f"Kafka at {bootstrap_servers} does not answer ({error.str()}).")
    if code in topics.FORBIDDEN:
        return NotAuthorized(f"Kafka at {bootstrap_servers} does not let us use {topic!r} ({error.str()}).")
    return TopicError(f"Topic {topic!r} at {bootstrap_servers}: {error.str()}")
