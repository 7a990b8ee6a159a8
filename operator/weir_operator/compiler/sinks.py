"""Tables that results are written to: JSON values in a Kafka topic."""

from collections.abc import Mapping, Sequence

from weir_api.blocks import Authentication, Delivery, Sink
from weir_api.streamjobs import Topic

from .expressions import identifier, interval, text
from .kafka_options import secret, sink_options
from .statements import create_table
from .times import EPOCH

_KEY = "weir_key_"
_ID_HEADER = "weir-id"
_AHEAD = 600_000  # ms; a broker takes an hour unless it is told otherwise


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
    return create_table(table, lines, options)


def text_table(
    table: str,
    topic: str,
    key: Mapping[str, str],
    *,
    time_column: str,
    delivery: Delivery,
    servers: str | None,
    authentication: Authentication | None,
    further: Sequence[str] = (),
) -> str:
    """CREATE TABLE for values that are JSON text already, made by JSON_OBJECT.

    A format would need the type of each expression declared, and only the planner knows them. The columns: the key's
    fields (name -> type), the value, the record's time (TIMESTAMP_LTZ(3)), its headers, and the definitions `further`.
    """
    lines = [
        *(f"{identifier(_KEY + name)} {kind}" for name, kind in key.items()),
        "weir_value STRING",
        f"{time_column} TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'",
        "weir_headers MAP<STRING, BYTES> METADATA FROM 'headers'",
        *further,
    ]
    options = sink_options(topic, servers, authentication, delivery, table)
    if key:
        options |= {
            **_json("key."),
            "key.fields": ";".join(_KEY + name for name in key),
            "key.fields-prefix": _KEY,
        }
    options["value.format"] = "raw"
    if key:
        options["value.fields-include"] = "EXCEPT_KEY"
    return create_table(table, lines, options)


def record_time(instant: str) -> str:
    """SQL for the time of a record about this instant: that itself, or when it is written where Kafka refuses it.

    Kafka refuses times before 1970 and, unless told otherwise, an hour ahead of the broker's clock. A job that writes
    one fails, starts again and meets the same event again: nothing behind it would ever be processed.
    """
    limit = f"CURRENT_TIMESTAMP + {interval(_AHEAD)}"
    return f"CASE WHEN {instant} BETWEEN {EPOCH} AND {limit} THEN {instant} ELSE CURRENT_TIMESTAMP END"


def id_header(identity: str) -> str:
    """SQL for the headers of a record with this identity, a STRING."""
    return f"MAP[{text(_ID_HEADER)}, ENCODE({identity}, 'UTF-8')]"


def sink_topic(sink: Sink, default_servers: str | None = None, authentication: Authentication | None = None) -> Topic:
    """The topic behind a sink; it is made when it is missing."""
    servers = sink.bootstrap_servers or default_servers
    return Topic(
        name=sink.topic, partitions=sink.partitions, bootstrap_servers=servers, secret=secret(authentication),
        role="sink",
    )  # fmt: skip


def _json(prefix: str) -> dict[str, str]:
    return {
        f"{prefix}format": "json",
        f"{prefix}json.timestamp-format.standard": "ISO-8601",
        f"{prefix}json.encode.decimal-as-plain-number": "true",
    }
