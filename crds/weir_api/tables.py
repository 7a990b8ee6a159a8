"""Compacted topics: the newest record of each key is what is true, and one without a value deletes it."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from .base import Duration
from .blocks import Source, Timestamp
from .columns import type_problem
from .errors import FieldError, join

DELETED = "weir_deleted"
"""The field that tells a deletion."""


class TableTimestamp(Timestamp):
    """Times of a table's records."""

    out_of_orderness: Duration = Field(
        default="0s", description="How late a record may be and still be in time; those of a table come in order"
    )


class Table(Source):
    """A compacted Kafka topic; its records' own times are what they are ordered by."""

    timestamp: TableTimestamp = TableTimestamp()
    key: Literal["json", "text"] = Field(
        default="json",
        description="How a record's key is read: json: an object with the fields that `on` names; text: the one field",
    )

    def table_problems(self, path: str, keys: tuple[str, ...]) -> Iterator[FieldError]:
        """What is wrong with it as a table whose keys are these fields."""
        for name, given in {"where": self.where, "timestamp.field": self.timestamp.field}.items():
            if given is not None:
                message = "is not for a table: a record that deletes has a key and a time, but no fields"
                yield FieldError(path=f"{path}.{name}", message=message)
        if self.format != "json":
            yield FieldError(path=f"{path}.format", message="must be json for a table")
        if self.key == "text" and len(keys) != 1:
            message = f"text is one field, but on names {len(keys)}: the keys must be json"
            yield FieldError(path=f"{path}.key", message=message)
        for name, declared in self.fields.items():
            if name not in keys and type_problem(declared) is None and declared.upper().endswith("NOT NULL"):
                message = "may be null: a record that deletes has no fields but its key's"
                yield FieldError(path=join(path, "fields", name), message=message)
