"""A compacted topic as a table: brought to what it should hold by writing only what differs.

Writing it again is harmless, so whoever comes after a crash looks at the topic and goes on; nothing else is remembered.
"""

from collections.abc import Mapping

from . import streams, topics
from .topics import Authentication


def held(bootstrap_servers: str, topic: str, authentication: Authentication | None = None) -> dict[str, str]:
    """Key -> value of each key that has one. Raises TopicMissing, KafkaAway, NotAuthorized, TopicError."""
    table: dict[str, str] = {}
    for record in streams.read_all(bootstrap_servers, topic, authentication=authentication):
        key = (record.key or b"").decode()
        if record.value is None:
            table.pop(key, None)
        else:
            table[key] = record.value.decode()
    return table


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """What has to be written so that `before` becomes `after`; None takes a key away."""
    written: dict[str, str | None] = {key: text for key, text in after.items() if before.get(key) != text}
    return written | dict.fromkeys(before.keys() - after.keys())


def publish(
    bootstrap_servers: str, topic: str, table: Mapping[str, str], authentication: Authentication | None = None
) -> int:
    """Writes what differs and gives the number of keys; the broker has all of them then.

    The topic has one partition and one writer at a time. Raises what `held` raises.
    """
    written = changes(held(bootstrap_servers, topic, authentication), table)
    return streams.produce(bootstrap_servers, topic, written.items(), authentication=authentication) if written else 0


def followed(bootstrap_servers: str, topic: str, group: str, authentication: Authentication | None = None) -> bool:
    """Whether the group has committed all that is in the topic now. Raises what `held` raises."""
    ends = topics.end_offsets(bootstrap_servers, [topic], authentication)
    committed = topics.committed_offsets(bootstrap_servers, group, authentication)
    return all(committed.get(at, 0) >= end for at, end in ends.items())
