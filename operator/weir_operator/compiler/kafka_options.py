"""Options of Flink's Kafka connector. No secret stands here: secrets are named, and read where the job starts."""

from collections.abc import Mapping
from datetime import datetime

from weir_api.blocks import Authentication, Delivery, Source

from .expressions import text

_SERVERS = "${weir:bootstrapServers}"
# Longer than a job may stand still between two checkpoints, and what a broker allows unless told otherwise.
_TRANSACTION_TIMEOUT_MILLISECONDS = 900_000


def with_clause(options: Mapping[str, str]) -> str:
    """The options as they end a CREATE TABLE."""
    return "WITH (\n  " + ",\n  ".join(f"{text(key)} = {text(value)}" for key, value in options.items()) + "\n)"


def source_options(source: Source, group: str) -> dict[str, str]:
    """How a source is reached and where it starts, for a consumer group."""
    topic = {"topic": source.topic} if source.topic is not None else {"topic-pattern": source.topic_pattern or ""}
    return {
        "connector": "kafka",
        **topic,
        **connection(source.bootstrap_servers, source.authentication),
        "properties.group.id": group,
        # What another job has not committed is not there yet: an aborted record must never be counted.
        "properties.isolation.level": "read_committed",
        **_start(source.start_from),
    }


def sink_options(
    topic: str, servers: str | None, authentication: Authentication | None, delivery: Delivery, suffix: str
) -> dict[str, str]:
    """How a topic is written; `suffix` keeps the transactions of a job's sinks apart."""
    options = {"connector": "kafka", "topic": topic, **connection(servers, authentication)}
    if delivery == "atLeastOnce":
        return options | {"sink.delivery-guarantee": "at-least-once"}
    return options | {
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": f"${{weir:transactionalIdPrefix}}-{suffix}",
        "properties.transaction.timeout.ms": str(_TRANSACTION_TIMEOUT_MILLISECONDS),
    }


def connection(servers: str | None, authentication: Authentication | None) -> dict[str, str]:
    """Kafka's address and, with a secret, one client property per key of it."""
    options = {"properties.bootstrap.servers": servers or _SERVERS}
    if authentication is not None:
        options["properties.*"] = _all_keys(authentication)
    return options


def service_settings(servers: str | None, authentication: Authentication | None) -> dict[str, object]:
    """The same for a service beside the job, of whose settings these are some."""
    settings: dict[str, object] = {} if servers is None else {"bootstrapServers": servers}
    if authentication is not None:
        settings["authentication"] = _all_keys(authentication)
    return settings


def secret(authentication: Authentication | None) -> str | None:
    """The name of the secret that a topic is reached with."""
    return authentication.secret_ref.name if authentication is not None else None


def _all_keys(authentication: Authentication) -> str:
    return f"${{secret:{authentication.secret_ref.name}:*}}"


def _start(start_from: str) -> dict[str, str]:
    match start_from:
        case "earliest":
            return {"scan.startup.mode": "earliest-offset"}
        case "latest":
            return {"scan.startup.mode": "latest-offset"}
    milliseconds = round(datetime.fromisoformat(start_from).timestamp() * 1000)
    return {"scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": str(milliseconds)}
