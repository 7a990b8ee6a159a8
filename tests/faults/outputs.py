"""What the pipeline has written, as a reader of committed records sees it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError

from weir_operator.fleet import topics


@dataclass(frozen=True, slots=True)
class Written:
    """A committed record."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: dict[str, object]


def committed(bootstrap_servers: str, topic: str) -> list[Written]:
    """All committed records of the topic, by partition and offset."""
    return sorted(_read(bootstrap_servers, topic), key=lambda record: (record.partition, record.offset))


def _read(bootstrap_servers: str, topic: str) -> Iterator[Written]:
    left = {partition for _, partition in topics.end_offsets(bootstrap_servers, [topic])}
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"audit-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    try:
        while left:
            messages = consumer.consume(10_000, 30)
            assert messages, f"Kafka does not give the rest of {topic}, partitions {left}"
            for message in messages:
                error, partition = message.error(), message.partition()
                assert partition is not None
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.discard(partition)
                    continue
                value, offset = message.value(), message.offset()
                assert value is not None and offset is not None
                yield Written(partition, offset, message.timestamp()[1], message.key(), json.loads(value))
    finally:
        consumer.close()
