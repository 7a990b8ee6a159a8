"""Tables that results are written to: JSON values in a Kafka topic."""

from collections.abc import Mapping

from weir_api.blocks import Authentication, Delivery, Sink
from weir_api.streamjobs import Topic

from .expressions import identifier
from .kafka_options import sink_options, with_clause


def sink_table(
    table: str,
    columns: Mapping[str, str],
    sink: Sink,
    *,
    key: tuple[str, ...] = (),
    delivery: Delivery = "exactlyOnce",
    default_servers: str | None = None,
    authentication: Authentication | None = None,
    time_column: str | None = None,
) -> str:
    """CREATE TABLE for a topic of JSON objects with these columns (name -> type), in this order.

    The record's key is a JSON object of the `key` columns, in that order (null without any); `time_column`, a
    TIMESTAMP_LTZ(3) that is not in `columns`, becomes the record's timestamp. `table` is unquoted and unique in a job.
    """
    lines = [f"{identifier(name)} {kind}" for name, kind in columns.items()]
    if time_column is not None:
        lines.append(f"{identifier(time_column)} TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'")
    options = sink_options(sink.topic, sink.bootstrap_servers or default_servers, authentication, delivery, table)
    options |= _json("value.")
    if key:
        options |= {"key.fields": ";".join(key), **_json("key.")}
    joined = ",\n  ".join(lines)
    return f"CREATE TEMPORARY TABLE {identifier(table)} (\n  {joined}\n) {with_clause(options)}"


def sink_topic(sink: Sink, default_servers: str | None = None) -> Topic:
    """The topic behind a sink; it is made when it is missing."""
    servers = sink.bootstrap_servers or default_servers
    return Topic(name=sink.topic, partitions=sink.partitions, bootstrap_servers=servers, role="sink")


def _json(prefix: str) -> dict[str, str]:
    return {
        f"{prefix}format": "json",
        f"{prefix}json.timestamp-format.standard": "ISO-8601",
        f"{prefix}json.encode.decimal-as-plain-number": "true",
    }
