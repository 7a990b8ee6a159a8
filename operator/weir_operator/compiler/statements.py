"""Statements as every kind writes them."""

from collections.abc import Iterable, Mapping

from .expressions import identifier
from .kafka_options import with_clause


def create_table(name: str, columns: Iterable[str], options: Mapping[str, str]) -> str:
    """CREATE TABLE of these definitions of columns, for a connector with these options."""
    joined = ",\n  ".join(columns)
    return f"CREATE TEMPORARY TABLE {identifier(name)} (\n  {joined}\n) {with_clause(options)}"
