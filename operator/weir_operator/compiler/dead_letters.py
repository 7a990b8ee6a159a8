"""Where records go that cannot be read, or that came too late. The wire format is in docs/dead-letters.md."""

from collections.abc import Mapping, Sequence

from weir_api.blocks import Delivery, Sink, Source
from weir_api.streamjobs import Insert, Topic

from .expressions import identifier, text
from .json_texts import event_object
from .kafka_options import secret
from .records import Field
from .sinks import sink_table

_PLACE = {"topic": "STRING", "partition": "INT", "offset": "BIGINT", "timestamp": "TIMESTAMP_LTZ(3)"}


def dead_letter_topic(name: str) -> str:
    """The topic for records of this resource that cannot be read."""
    return f"{name}.dead-letters"


def late_topic(name: str) -> str:
    """The topic for records of this resource that came behind the watermark."""
    return f"{name}.late"


def topics(name: str, source: Source) -> tuple[Topic, ...]:
    """Both topics."""
    servers, known = source.bootstrap_servers, secret(source.authentication)
    return (
        Topic(name=dead_letter_topic(name), role="deadLetters", bootstrap_servers=servers, secret=known),
        Topic(name=late_topic(name), role="late", bootstrap_servers=servers, secret=known),
    )


def dead_letter_table(name: str, source: Source, delivery: Delivery) -> str:
    """The table of dead letters; exactly once needs transactions of its own."""
    columns = _PLACE | {"reason": "STRING", "raw": "BYTES", "text": "STRING"}
    return _table(f"{name}_dead_letters", dead_letter_topic(name), columns, source, delivery)


def dead_letter_query(prefix: str) -> str:
    """What the view `<prefix>_unread` holds, as dead letters."""
    utf8 = "ENCODE(weir_line, 'UTF-8') = CAST(weir_line AS BYTES)"
    return (
        "SELECT weir_topic, weir_partition, weir_offset, weir_at, weir_reason, CAST(weir_line AS BYTES),\n"
        f"  CASE WHEN {utf8} THEN weir_line END\nFROM {identifier(f'{prefix}_unread')}"
    )


def event_query(prefix: str, fields: Mapping[str, str], condition: str, reason: str) -> str:
    """The readable events for which the condition (SQL) holds, as dead letters: by their fields, for want of bytes."""
    event = event_object(fields)
    return (
        f"SELECT weir_topic, weir_partition, weir_offset, weir_at, {text(reason)}, ENCODE({event}, 'UTF-8'),\n"
        f"  CONCAT({event}, '')\nFROM {identifier(f'{prefix}_readable')} WHERE {condition}"
    )


def dead_letter_insert(name: str, queries: Sequence[str]) -> Insert:
    """Writes all of them to the dead letters of the resource `name`.

    One insert for all sources: each is a sink of its own, and two of one table would take each other's transactions.
    """
    return Insert(
        name="dead-letters",
        sql=f"INSERT INTO {identifier(f'{name}_dead_letters')}\n{f'{chr(10)}UNION ALL '.join(queries)}",
    )


def late_table(name: str, source: Source, fields: tuple[Field, ...], delivery: Delivery) -> str:
    """The table of late records."""
    record = ", ".join(f"{identifier(field.name)} {field.shape.sql}" for field in fields)
    columns = _PLACE | {"time": "TIMESTAMP_LTZ(3)", "record": f"ROW<{record}>"}
    return _table(f"{name}_late", late_topic(name), columns, source, delivery)


def late_insert(name: str, late_rows: str, fields: tuple[Field, ...]) -> Insert:
    """Writes the rows of the SQL `late_rows`, `FROM ... WHERE ...`."""
    record = ", ".join(identifier(field.name) for field in fields)
    sql = (
        f"INSERT INTO {identifier(f'{name}_late')}\n"
        f"SELECT weir_topic, weir_partition, weir_offset, weir_at, weir_time, ROW({record})\n{late_rows}"
    )
    return Insert(name="late", sql=sql)


def _table(table: str, topic: str, columns: dict[str, str], source: Source, delivery: Delivery) -> str:
    return sink_table(
        table,
        columns,
        Sink(topic=topic),
        delivery=delivery,
        default_servers=source.bootstrap_servers,
        authentication=source.authentication,
    )
