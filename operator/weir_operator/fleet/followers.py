"""Tables that jobs follow, on a real Kafka: what a reconciler of shared jobs needs of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weir_api.streamjobs import Topic

from . import tables, topics


class Tables(Protocol):
    """Compacted topics as tables. Every call is bounded in time and may be repeated; all raise TopicError."""

    def publish(self, topic: Topic, table: Mapping[str, str], needed: Sequence[Topic]) -> None:
        """Makes the topics that are missing, then writes what the table's topic does not hold yet."""
        ...

    def followed(self, topic: Topic, group: str) -> bool:
        """Whether the group has all that is in the topic now in a completed checkpoint."""
        ...

    def forget(self, topic: Topic, group: str) -> None:
        """Has the group follow nothing: its next member begins at the start. Only while it has no member."""
        ...


@dataclass(frozen=True)
class KafkaTables:
    """On the operator's Kafka, or the one a topic names."""

    bootstrap_servers: str

    def publish(self, topic: Topic, table: Mapping[str, str], needed: Sequence[Topic]) -> None:
        """As Tables has it."""
        topics.ensure_topics(self.bootstrap_servers, [topic, *needed])
        tables.publish(topic.bootstrap_servers or self.bootstrap_servers, topic.name, table)

    def followed(self, topic: Topic, group: str) -> bool:
        """As Tables has it."""
        return tables.followed(topic.bootstrap_servers or self.bootstrap_servers, topic.name, group)

    def forget(self, topic: Topic, group: str) -> None:
        """As Tables has it."""
        topics.delete_group(topic.bootstrap_servers or self.bootstrap_servers, group)
