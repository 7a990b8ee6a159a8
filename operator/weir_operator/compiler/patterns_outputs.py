"""The topic a pattern's matches go to: one JSON object each, as docs/pattern.md describes the wire format."""

from collections.abc import Mapping

from weir_api.patterns import PatternSpec

from .expressions import identifier, text
from .kafka_options import sink_options, with_clause
from .shapes import shape

_KEY = "weir_key_"
ID_HEADER = "weir-id"


def output_table(table: str, spec: PatternSpec) -> str:
    """CREATE TABLE for the topic: the key's fields, the value as JSON text, the record's time and its headers.

    The value is made by JSON_OBJECT and not by a format, because a table would have to declare the type of each emit
    expression, and only the planner knows them.
    """
    keys = [f"{identifier(_KEY + key)} {shape(spec.source.fields[key]).sql}" for key in spec.key_by]
    columns = [
        *keys,
        "weir_value STRING",
        "weir_match_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'",
        "weir_headers MAP<STRING, BYTES> METADATA FROM 'headers'",
    ]
    servers = spec.sink.bootstrap_servers or spec.source.bootstrap_servers
    options = sink_options(spec.sink.topic, servers, spec.source.authentication, spec.delivery, table) | {
        "key.format": "json",
        "key.json.timestamp-format.standard": "ISO-8601",
        "key.json.encode.decimal-as-plain-number": "true",
        "key.fields": ";".join(_KEY + key for key in spec.key_by),
        "key.fields-prefix": _KEY,
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
    }
    lines = ",\n  ".join(columns)
    return f"CREATE TEMPORARY TABLE {identifier(table)} (\n  {lines}\n) {with_clause(options)}"


def output_insert(table: str, matches: str, name: str, keys: tuple[str, ...], emitted: Mapping[str, str]) -> str:
    """INSERT of every match; `emitted`: output field -> expression over the columns of the view `matches`."""
    pairs = ",\n    ".join(f"KEY {text(field)} VALUE {expression}" for field, expression in emitted.items())
    identity = f"CONCAT({text(name + '/')}, weir_id)"
    return (
        f"INSERT INTO {identifier(table)}\nSELECT {', '.join(identifier(key) for key in keys)},\n"
        f"  JSON_OBJECT(\n    {pairs}\n    NULL ON NULL),\n"
        f"  weir_match_time,\n  MAP[{text(ID_HEADER)}, ENCODE({identity}, 'UTF-8')]\nFROM {identifier(matches)}"
    )
