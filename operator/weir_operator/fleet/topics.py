"""Topics a job needs: made when missing, checked when they must be there; and how far readers have come."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from weir_api.streamjobs import Topic

Authentication = Mapping[str, str]
"""Properties as librdkafka names them: `security.protocol`, `sasl.mechanism`, `sasl.username`, `sasl.password`, ..."""

Offsets = dict[tuple[str, int], int]
"""An offset for each topic and partition."""

AWAY = {
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_CONTROLLER,
    KafkaError.BROKER_NOT_AVAILABLE,
}
ELECTING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
}
FORBIDDEN = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}


class TopicError(RuntimeError):
    """What Kafka said no to; the message names the topic and the broker."""


class KafkaAway(TopicError):
    """No broker answers: worth another try later."""


class _Electing(KafkaAway):
    """The partition is being given to a broker: true for a moment after it was made and after a restart."""


class TopicMissing(TopicError):
    """The topic is not there and may not be created."""


class NotAuthorized(TopicError):
    """Kafka knows us not, or does not let us."""


def connect(bootstrap_servers: str, authentication: Authentication | None = None) -> AdminClient:
    """An admin client that keeps quiet: what goes wrong is raised, not printed."""
    return AdminClient({**(authentication or {}), "bootstrap.servers": bootstrap_servers, "log_level": 0})


def ensure_topics(
    bootstrap_servers: str,
    topics: Sequence[Topic],
    authentication: Callable[[str], Authentication] | None = None,
    deadline: float = 15,
) -> tuple[str, ...]:
    """Create what is missing and may be created; gives the names of the topics made here.

    A topic that is there stays as it is, whatever its partitions. Repeating it and doing it from several processes at
    once is fine. `deadline` is seconds for each cluster; `authentication` gives what a topic's secret holds.
    Raises KafkaAway, TopicMissing, NotAuthorized, TopicError.
    """
    by_cluster: dict[tuple[str, str | None], dict[str, Topic]] = defaultdict(dict)
    for topic in topics:
        by_cluster[topic.bootstrap_servers or bootstrap_servers, topic.secret][topic.name] = topic
    made: list[str] = []
    for (servers, secret), wanted in by_cluster.items():
        known = authentication(secret) if secret is not None and authentication is not None else None
        made += _ensure(connect(servers, known), servers, wanted, time.monotonic() + deadline)
    return tuple(made)


def _ensure(admin: AdminClient, servers: str, wanted: Mapping[str, Topic], ends: float) -> list[str]:
    missing = [wanted[name] for name in _missing(admin, servers, list(wanted), ends)]
    if refused := [topic.name for topic in missing if not topic.create]:
        raise TopicMissing(f"Topic {', '.join(map(repr, refused))} does not exist on Kafka at {servers}.")
    new = [NewTopic(t.name, num_partitions=t.partitions, replication_factor=-1, config=dict(t.config)) for t in missing]
    made = admin.create_topics(new, operation_timeout=_left(ends), request_timeout=_left(ends)) if new else {}
    for name, future in made.items():
        try:
            _answer(future, servers, f"create topic {name!r}", ends)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(f"Topic {name!r} cannot be created at {servers}: {error.args[0].str()}") from error
    # Created is not yet known and led: a job started now could still be told that there is no such topic.
    while missing and (late := _missing(admin, servers, [topic.name for topic in missing], ends)):
        if time.monotonic() > ends:
            raise KafkaAway(f"Kafka at {servers} has not made topic {', '.join(late)} in time.")
        time.sleep(0.05)
    _offsets(admin, servers, list(wanted), OffsetSpec.latest(), ends)
    return [topic.name for topic in missing]


def _missing(admin: AdminClient, servers: str, names: Sequence[str], ends: float) -> list[str]:
    missing = []
    described = admin.describe_topics(TopicCollection(list(names)), request_timeout=_left(ends))
    for name, future in described.items():
        try:
            _answer(future, servers, f"look at topic {name!r}", ends)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicError(f"Topic {name!r} at {servers}: {error.args[0].str()}") from error
            missing.append(name)
    return missing


def end_offsets(
    bootstrap_servers: str,
    topics: Sequence[str],
    authentication: Authentication | None = None,
    deadline: float = 10,
    spec: OffsetSpec | None = None,
) -> Offsets:
    """The offset after the last record of each partition (with `spec`, another); markers of transactions count too."""
    admin, ends = connect(bootstrap_servers, authentication), time.monotonic() + deadline
    return _offsets(admin, bootstrap_servers, topics, spec or OffsetSpec.latest(), ends)


def _offsets(admin: AdminClient, servers: str, topics: Sequence[str], spec: OffsetSpec, ends: float) -> Offsets:
    while True:
        try:
            return _offsets_now(admin, servers, topics, spec, ends)
        except _Electing:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


def _offsets_now(admin: AdminClient, servers: str, topics: Sequence[str], spec: OffsetSpec, ends: float) -> Offsets:
    asked: dict[TopicPartition, OffsetSpec] = {}
    described = admin.describe_topics(TopicCollection(list(topics)), request_timeout=_left(ends))
    for name, future in described.items():
        for partition in _result(future, servers, name, ends).partitions:
            asked[TopicPartition(name, partition.id)] = spec
    answers = admin.list_offsets(asked, request_timeout=_left(ends)) if asked else {}
    try:
        return {
            (at.topic, at.partition): _result(future, servers, at.topic, ends).offset for at, future in answers.items()
        }
    except TopicMissing as error:  # described a moment ago: its leader has not heard of it yet
        raise _Electing(f"{error} Or not yet.") from error


def committed_offsets(
    bootstrap_servers: str, group: str, authentication: Authentication | None = None, deadline: float = 10
) -> Offsets:
    """Where the consumer group will go on, for each partition it has committed; empty for an unknown group."""
    admin, ends = connect(bootstrap_servers, authentication), time.monotonic() + deadline
    request = [ConsumerGroupTopicPartitions(group)]
    future = admin.list_consumer_group_offsets(request, request_timeout=_left(ends))[group]
    positions = _result(future, bootstrap_servers, group, ends).topic_partitions
    return {(at.topic, at.partition): at.offset for at in positions if at.offset >= 0}


def delete_group(
    bootstrap_servers: str, group: str, authentication: Authentication | None = None, deadline: float = 10
) -> None:
    """Forgets what the consumer group has committed; fine for one that is not there. Raises as the others do."""
    admin, ends = connect(bootstrap_servers, authentication), time.monotonic() + deadline
    future = admin.delete_consumer_groups([group], request_timeout=_left(ends))[group]
    try:
        _answer(future, bootstrap_servers, f"delete group {group!r}", ends)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise TopicError(f"Group {group!r} at {bootstrap_servers}: {error.args[0].str()}") from error


def lag(
    bootstrap_servers: str,
    group: str,
    topics: Sequence[str],
    authentication: Authentication | None = None,
    deadline: float = 10,
) -> int:
    """Records of these topics the group has not read yet; where it has committed nothing, all that are there."""
    committed = committed_offsets(bootstrap_servers, group, authentication, deadline)
    ends = end_offsets(bootstrap_servers, topics, authentication, deadline)
    if ends.keys() <= committed.keys():
        starts: Offsets = {}
    else:
        starts = end_offsets(bootstrap_servers, topics, authentication, deadline, OffsetSpec.earliest())
    return sum(max(0, end - committed.get(at, starts.get(at, end))) for at, end in ends.items())


def _left(ends: float) -> float:
    return max(0.1, ends - time.monotonic())


def _answer(future: "Future[Any]", servers: str, what: str, ends: float) -> Any:
    """The future's result; what means away or forbidden in our words, anything else as Kafka's own exception."""
    try:
        return future.result(_left(ends) + 1)
    except TimeoutError as error:
        raise KafkaAway(f"Kafka at {servers} does not answer.") from error
    except KafkaException as error:
        code = error.args[0].code()
        if code in AWAY:
            raise KafkaAway(f"Kafka at {servers} does not answer ({error.args[0].str()}).") from error
        if code in ELECTING:
            raise _Electing(f"Kafka at {servers} is still electing: {what} ({error.args[0].str()}).") from error
        if code in FORBIDDEN:
            raise NotAuthorized(f"Kafka at {servers} does not let us {what} ({error.args[0].str()}).") from error
        raise


def _result(future: "Future[Any]", servers: str, name: str, ends: float) -> Any:
    try:
        return _answer(future, servers, f"read {name!r}", ends)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TopicMissing(f"Topic {name!r} does not exist on Kafka at {servers}.") from error
        raise TopicError(f"{name!r} at {servers}: {error.args[0].str()}") from error
