"""Rows as JSON text."""

from collections.abc import Iterable, Mapping

from .expressions import identifier, text
from .shapes import shape


def json_object(values: Iterable[tuple[str, str]]) -> str:
    """SQL for an object of these names and SQL values, nulls among them."""
    joined = ", ".join(f"KEY {text(name)} VALUE {value}" for name, value in values)
    return f"JSON_OBJECT({joined} NULL ON NULL)"


def writable(kind: str, sql: str) -> str:
    """JSON_OBJECT has no form for days and clock times."""
    return f"CAST({sql} AS STRING)" if shape(kind).name in {"DATE", "TIME"} else sql


def event_object(fields: Mapping[str, str]) -> str:
    """SQL for an event as JSON by its declared fields, name: type."""
    return json_object((name, writable(kind, identifier(name))) for name, kind in fields.items())
