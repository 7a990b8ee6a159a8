"""Records of a compacted topic: the key tells which row, the value its other fields; no value deletes the row.

One scan of keys and values as texts, read in SQL: Flink's JSON format drops records without a value, and its
upsert-kafka would tell of a deletion with the time of what was deleted.
"""

from dataclasses import dataclass

from weir_api.tables import DELETED, Table

from .expressions import identifier, once
from .readings import json_field
from .records import Field, reason, time_reading
from .row_values import PLACE, RowValues
from .times import Instant

_UTF8 = "ENCODE({0}, 'UTF-8') = CAST({0} AS BYTES)"
_KEY, _LINE = "weir_record_key", "weir_line"


@dataclass(frozen=True)
class TableRecords:
    """A table's records; `keys`: the fields of its key."""

    source: Table
    fields: tuple[Field, ...]
    keys: tuple[str, ...]

    def columns(self) -> list[str]:
        """Key and value."""
        return [f"{_KEY} STRING", f"{_LINE} STRING"]

    def options(self) -> dict[str, str]:
        """Bytes as they are."""
        return {
            "key.format": "raw",
            "key.fields": _KEY,
            "value.format": "raw",
            "value.fields-include": "EXCEPT_KEY",
        }

    def time(self) -> Instant:
        """From any field; but a table's records have their own times."""
        return time_reading(self.source, self.fields, {field.name: self._text(field) for field in self.fields})

    def _text(self, field: Field) -> str:
        """The text of a field, from where it stands; a record without a value has no fields but its key's."""
        if field.name == DELETED:
            return f"CASE WHEN {_LINE} IS NULL THEN 'true' ELSE 'false' END"
        if field.name not in self.keys:
            return json_field(_LINE, field.name)
        return _KEY if self.source.key == "text" else json_field(_KEY, field.name)

    def texts(self, table: str, condition: str) -> str:
        """Records with a key and either no value or a JSON object."""
        return self._cells(table, f"{condition} AND {self._shaped()}")

    def suspects(self, name: str, group: str) -> tuple[str, ...]:
        """The same records, those that cannot be read."""
        del group
        before = [
            (f"{_KEY} IS NULL", "the record has no key"),
            (f"NOT {self._key_fits()}", "the key is not a JSON object" if self.source.key == "json" else "the key is"
             " not UTF-8"),
            (f"NOT {self._line_fits()}", "the value is not a JSON object"),
        ]  # fmt: skip
        values = RowValues(self.fields, timed=False)
        rows = values.query(self._cells(identifier(f"{name}_records"), "TRUE"), _KEY, _LINE)
        return (
            f"CREATE TEMPORARY VIEW {identifier(f'{name}_unread')} AS\n"
            f"SELECT {PLACE}, {_LINE},\n  {reason(self.source, self.fields, values.texts(), before)} AS weir_reason\n"
            f"FROM (\n  {rows}\n)\nWHERE NOT ({self._shaped()} AND {values.readable()})",
        )

    def _cells(self, table: str, condition: str) -> str:
        cells = [f"{once(self._text(field))} AS {identifier(field.name)}" for field in self.fields]
        columns = ",\n    ".join([*cells, _KEY, _LINE, "weir_time", PLACE])
        return f"(\n    SELECT {columns}\n    FROM {table}\n    WHERE {condition}\n  )"

    def _shaped(self) -> str:
        return f"({_KEY} IS NOT NULL AND {self._key_fits()} AND {self._line_fits()})"

    def _key_fits(self) -> str:
        is_object = f" AND {_KEY} IS JSON OBJECT" if self.source.key == "json" else ""
        return f"COALESCE({_UTF8.format(_KEY)}{is_object}, FALSE)"

    def _line_fits(self) -> str:
        return f"({_LINE} IS NULL OR COALESCE({_UTF8.format(_LINE)} AND {_LINE} IS JSON OBJECT, FALSE))"
