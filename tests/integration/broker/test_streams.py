"""Lines in, records out."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from support.waiting import wait_until
from weir_operator.fleet import ports, streams, topics

TopicFactory = Callable[..., str]


@contextlib.contextmanager
def open_transaction(kafka: str, topic: str, value: bytes) -> Iterator[Producer]:
    """A producer that has written `value` to the topic and not yet committed."""
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic}-writer"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, value=value)
    producer.flush(30)
    yield producer


def test_lines_come_out_as_they_went_in(kafka: str, topic: TopicFactory) -> None:
    name = topic()

    assert streams.produce(kafka, name, ["one\n", b"two\r\n", "", "grün"]) == 4

    assert [record.value for record in streams.read_all(kafka, name)] == [b"one", b"two", b"", "grün".encode()]
    assert {record.key for record in streams.read_all(kafka, name)} == {None}


def test_keys_keep_their_order_in_one_partition(kafka: str, topic: TopicFactory) -> None:
    name = topic(partitions=3)
    lines = [f"k{number % 7}|{number}|{number}" for number in range(2000)]

    streams.produce(kafka, name, lines, key_separator="|")

    records = streams.read_all(kafka, name)
    assert len(records) == 2000
    for key, of_key in itertools.groupby(sorted(records, key=lambda r: (r.key or b"", r.offset)), lambda r: r.key):
        assert [record.value for record in of_key] == [
            f"{number}|{number}".encode() for number in range(2000) if f"k{number % 7}".encode() == key
        ]


def test_a_line_without_its_key_is_named(kafka: str, topic: TopicFactory) -> None:
    with pytest.raises(ValueError, match="line 2 has no key: '='"):
        streams.produce(kafka, topic(), ["a=1", "b"], key_separator="=")


def test_a_tombstone_and_a_pair(kafka: str, topic: TopicFactory) -> None:
    name = topic()

    streams.produce(kafka, name, [("k", "v"), ("k", None)])

    assert [(record.key, record.value) for record in streams.read_all(kafka, name)] == [(b"k", b"v"), (b"k", None)]


def test_producing_into_nothing_says_so_at_once(kafka: str) -> None:
    with pytest.raises(topics.TopicMissing, match="'never-made'"):
        streams.produce(kafka, "never-made", ["x"])
    with pytest.raises(topics.KafkaAway):
        streams.produce(f"127.0.0.1:{ports.free_port()}", "never-made", ["x"])


def test_tail_ends_after_count_and_starts_where_told(kafka: str, topic: TopicFactory) -> None:
    name = topic()
    streams.produce(kafka, name, (str(number) for number in range(100)))

    def values(**options: object) -> list[int]:
        return [int(record.value or b"") for record in streams.tail(kafka, name, **options)]  # type: ignore[arg-type]

    assert values(count=3) == [0, 1, 2]
    assert values(start=5, count=5) == [95, 96, 97, 98, 99]
    assert values(start=500, idle=1) == list(range(100))
    assert values(start="latest", idle=1) == []
    assert values(count=0) == []


def test_tail_from_the_end_sees_what_comes_later(kafka: str, topic: TopicFactory) -> None:
    name = topic()
    streams.produce(kafka, name, ["before"])
    seen: list[bytes | None] = []

    def follow() -> None:
        seen.extend(record.value for record in streams.tail(kafka, name, start="latest", count=1))

    follower = threading.Thread(target=follow)
    follower.start()

    def told() -> bool:
        streams.produce(kafka, name, ["after"])
        return bool(seen)

    wait_until(told, 30, "the follower has seen a record written after it began")
    follower.join(30)
    assert seen == [b"after"]


def test_an_open_transaction_is_seen_only_uncommitted(kafka: str, topic: TopicFactory) -> None:
    name = topic()
    with open_transaction(kafka, name, b"kept") as producer:
        assert streams.read_all(kafka, name) == []
        assert [record.value for record in streams.read_all(kafka, name, committed_only=False)] == [b"kept"]
        producer.commit_transaction(30)
    with open_transaction(kafka, name, b"given up") as producer:
        producer.abort_transaction(30)

    wait_until(lambda: streams.read_all(kafka, name), 10, "the committed record is visible")
    assert [record.value for record in streams.tail(kafka, name, idle=2)] == [b"kept"]


def test_lag_counts_what_a_group_has_not_read(kafka: str, topic: TopicFactory) -> None:
    name = topic(partitions=2)
    streams.produce(kafka, name, [(str(number), "x") for number in range(50)])
    assert topics.lag(kafka, f"{name}-group", [name]) == 50

    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"{name}-group"})
    with contextlib.closing(consumer):
        ends = topics.end_offsets(kafka, [name])
        consumer.commit(offsets=[TopicPartition(name, 0, ends[name, 0] - 3)], asynchronous=False)

    assert topics.committed_offsets(kafka, f"{name}-group") == {(name, 0): ends[name, 0] - 3}
    assert topics.lag(kafka, f"{name}-group", [name]) == 3 + ends[name, 1]
