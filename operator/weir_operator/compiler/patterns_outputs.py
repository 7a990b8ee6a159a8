"""The topic a pattern's matches go to: one JSON object each, as docs/pattern.md describes the wire format."""

from collections.abc import Mapping

from weir_api.patterns import PatternSpec

from .expressions import identifier, text
from .shapes import shape
from .sinks import id_header, record_time, text_table


def output_table(table: str, spec: PatternSpec) -> str:
    """CREATE TABLE for the topic: the key's fields, the value as JSON text, the record's time and its headers."""
    return text_table(
        table,
        spec.sink.topic,
        {key: shape(spec.source.fields[key]).sql for key in spec.key_by},
        time_column="weir_match_time",
        delivery=spec.delivery,
        servers=spec.sink.bootstrap_servers or spec.source.bootstrap_servers,
        authentication=spec.source.authentication,
    )


def output_insert(table: str, matches: str, name: str, keys: tuple[str, ...], emitted: Mapping[str, str]) -> str:
    """INSERT of every match; `emitted`: output field -> expression over the columns of the view `matches`."""
    pairs = ",\n    ".join(f"KEY {text(field)} VALUE {expression}" for field, expression in emitted.items())
    identity = f"CONCAT({text(name + '/')}, weir_id)"
    return (
        f"INSERT INTO {identifier(table)}\nSELECT {', '.join(identifier(key) for key in keys)},\n"
        f"  JSON_OBJECT(\n    {pairs}\n    NULL ON NULL),\n"
        f"  {record_time('weir_match_time')},\n  {id_header(identity)}\nFROM {identifier(matches)}"
    )
