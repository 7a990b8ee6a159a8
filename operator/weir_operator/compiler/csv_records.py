"""CSV records (RFC 4180, no header, comma, double quotes): one scan of lines, split and read in SQL."""

from dataclasses import dataclass

from weir_api.blocks import Source

from .expressions import identifier, once, text
from .records import Field, plain_time, reason, time_reading
from .row_values import PLACE, RowValues
from .times import Instant

_UTF8 = "ENCODE(weir_line, 'UTF-8') = CAST(weir_line AS BYTES)"
_END = r"(?:\r?\n)?\z"  # some producers leave one
_LINE = r"CASE WHEN weir_line LIKE '%" + "\n" + r"' THEN REGEXP_REPLACE(weir_line, '\r?\n\z', '') ELSE weir_line END"
_CELLS = "weir_cells"
_TAKEN = "weir_taken"
_TAKEN_TYPES = {
    _CELLS: "ARRAY<STRING>",
    "weir_line": "STRING",
    "weir_topic": "STRING",
    "weir_partition": "INT",
    "weir_offset": "BIGINT",
    "weir_at": "TIMESTAMP_LTZ(3)",
}
_CELL = r'"(?:[^"]|"")*+"|[^",]*+'
_ANY_CELL = f"(?:{_CELL})"


@dataclass(frozen=True)
class CsvRecords:
    """A source's records as lines of CSV with a column per declared field, in declared order."""

    source: Source
    fields: tuple[Field, ...]

    def columns(self) -> list[str]:
        """The line itself."""
        return ["weir_line STRING"]

    def options(self) -> dict[str, str]:
        """Bytes as they are."""
        return {"format": "raw"}

    def time(self) -> Instant:
        """From the cell of a line that is whole, NULL in any other; with a quote, comma or line end in it, it is none.

        By expressions that go over the line at once: the planner takes a copy wherever event time is named.
        """
        (field,) = (each for each in self.fields if each.name == self.source.timestamp.field)
        anything = time_reading(self.source, self.fields, {field.name: self._cell_like(field, '[^",\\r\\n]*+')})
        return plain_time(self.source, lambda pattern: self._cell_like(field, pattern), anything)

    def _cell_like(self, field: Field, pattern: str) -> str:
        """Not by REGEXP_EXTRACT, which translates its pattern anew for each line."""
        index = self.fields.index(field)
        before, behind = f"(?:{_ANY_CELL},){{{index}}}", f"(?:,{_ANY_CELL}){{{len(self.fields) - index - 1}}}"
        line = f'^{before}("?)({pattern})\\1{behind}{_END}'
        return f"REGEXP_EXTRACT_ALL(weir_line, {text(line)}, 2)[1]"

    def texts(self, table: str, condition: str) -> str:
        """Lines that are UTF-8 with a cell for every field."""
        return self._texts(table, f"{condition} AND {_CELLS} IS NOT NULL")

    def _texts(self, table: str, condition: str) -> str:
        texts = [f"{once(self._text(field))} AS {identifier(field.name)}" for field in self.fields]
        columns = ",\n    ".join([*texts, _CELLS, "weir_line", "weir_time", PLACE])
        taken = ", ".join(f"{_TAKEN}.{column} AS {column}" for column in _TAKEN_TYPES)
        return (
            f"(\n    SELECT {columns}\n    FROM (SELECT {taken}, weir_time FROM ({self._taken(table)}))\n"
            f"    WHERE {condition}\n  )"
        )

    def _taken(self, table: str) -> str:
        """Each line taken apart once, whoever reads it: what is packed by a wall is shared by all that read the same.

        The cells are as they stand there (REGEXP_REPLACE knows no groups in its replacement); NULL where the line is
        not whole.
        """
        cells = f"REGEXP_EXTRACT_ALL({_LINE}, {text(f'(?:^|,)({_CELL})')}, 1)"
        whole = _has_columns(f"{{{len(self.fields) - 1}}}")
        values = {column: column for column in _TAKEN_TYPES} | {
            _CELLS: f"CASE WHEN {_UTF8} AND {whole} THEN {cells} END"
        }
        row = ", ".join(f"{column} {kind}" for column, kind in _TAKEN_TYPES.items())
        packed = once(f"CAST(ROW({', '.join(values.values())}) AS ROW<{row}>)")
        return f"SELECT {packed} AS {_TAKEN}, weir_time FROM {table}"

    def _text(self, field: Field) -> str:
        """The text of a cell; an empty one is NULL, or for a STRING the empty text."""
        raw = f"{_CELLS}[{self.fields.index(field) + 1}]"
        inner = f"REPLACE(SUBSTRING({raw} FROM 2 FOR CHAR_LENGTH({raw}) - 2), '\"\"', '\"')"
        cell = f"CASE WHEN {raw} LIKE '\"%' THEN {inner} ELSE {raw} END"
        return f"({cell})" if field.shape.name in {"STRING", "VARCHAR", "CHAR"} else f"NULLIF({cell}, '')"

    def suspects(self, name: str, group: str) -> tuple[str, ...]:
        """The same rows that the events come from, those that are not readable."""
        del group
        before = [
            ("weir_line IS NULL", "the record has no value"),
            ("weir_line = ''", "the value is empty"),
            (f"NOT ({_UTF8})", "the value is not UTF-8"),
            (f"NOT {_has_columns('*+')}", "a quoted column is not closed, or has text after its closing quote"),
            (f"{_CELLS} IS NULL", f"the line does not have {len(self.fields)} columns"),
        ]
        values = RowValues(self.fields, timed=self.source.timestamp.field is not None)
        rows = values.query(self._texts(identifier(f"{name}_records"), "TRUE"), _CELLS, "weir_line")
        return (
            f"CREATE TEMPORARY VIEW {identifier(f'{name}_unread')} AS\n"
            f"SELECT {PLACE}, weir_line,\n  {reason(self.source, self.fields, values.texts(), before)} AS weir_reason\n"
            f"FROM (\n  {rows}\n)\nWHERE NOT ({_CELLS} IS NOT NULL AND {values.readable()})",
        )


def _has_columns(more: str) -> str:
    """SQL: whether the line is a cell and `more` of them, a quantifier."""
    return f"REGEXP(weir_line, {text(f'^{_ANY_CELL}(?:,{_ANY_CELL}){more}{_END}')})"
