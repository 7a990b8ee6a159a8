"""Tables that jobs follow, on a real Kafka: what a reconciler of shared jobs needs of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weir_api.streamjobs import Topic

from . import tables, topics
from .secrets import Read, authentication


class Tables(Protocol):
    """Compacted topics as tables. Every call is bounded in time and may be repeated; all raise TopicError.

    `namespace` is where secrets of topics are.
    """

    def publish(self, namespace: str, topic: Topic, table: Mapping[str, str], needed: Sequence[Topic]) -> int:
        """Makes missing topics, writes what the table's topic does not hold yet; gives the offset that has it all."""
        ...

    def followed(self, namespace: str, topic: Topic, group: str, upto: int) -> bool:
        """Whether the group has all up to this offset in a completed checkpoint."""
        ...

    def forget(self, namespace: str, topic: Topic, group: str) -> None:
        """Has the group follow nothing: its next member begins at the start. Only while it has no member."""
        ...


@dataclass(frozen=True)
class KafkaTables:
    """On the operator's Kafka, or the one a topic names."""

    bootstrap_servers: str
    secrets: Read

    def publish(self, namespace: str, topic: Topic, table: Mapping[str, str], needed: Sequence[Topic]) -> int:
        """As Tables has it."""
        topics.ensure_topics(
            self.bootstrap_servers, [topic, *needed], lambda name: authentication(self.secrets, namespace, name) or {}
        )
        return tables.publish(*self._place(topic), table, self._known(namespace, topic))

    def followed(self, namespace: str, topic: Topic, group: str, upto: int) -> bool:
        """As Tables has it."""
        return tables.followed(*self._place(topic), group, upto, self._known(namespace, topic))

    def forget(self, namespace: str, topic: Topic, group: str) -> None:
        """As Tables has it."""
        servers, _ = self._place(topic)
        topics.delete_group(servers, group, self._known(namespace, topic))

    def _place(self, topic: Topic) -> tuple[str, str]:
        return topic.bootstrap_servers or self.bootstrap_servers, topic.name

    def _known(self, namespace: str, topic: Topic) -> topics.Authentication | None:
        return authentication(self.secrets, namespace, topic.secret)
