"""CSV records (RFC 4180, no header, comma, double quotes): one scan of lines, split and read in SQL."""

from dataclasses import dataclass

from weir_api.blocks import Source

from .expressions import identifier, once, text
from .records import Field, reason
from .row_values import PLACE, RowValues

_UTF8 = "ENCODE(weir_line, 'UTF-8') = CAST(weir_line AS BYTES)"
_LINE = r"REGEXP_REPLACE(weir_line, '\r?\n\z', '')"
_CELL = r'"(?:[^"]|"")*+"|[^",]*+'
_ANY_CELL = f"(?:{_CELL})"
_WELL_QUOTED = rf"^{_ANY_CELL}(?:,{_ANY_CELL})*+\z"


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

    def time_text(self, field: Field) -> str:
        """The cell in a line that is whole, NULL in any other; one with a quote, comma or line end in it is no time.

        One expression that goes over the line at once: the planner takes a copy wherever event time is named.
        """
        index = self.fields.index(field)
        before, behind = f"(?:{_ANY_CELL},){{{index}}}", f"(?:,{_ANY_CELL}){{{len(self.fields) - index - 1}}}"
        line = f'^{before}("?)([^",\\r\\n]*+)\\1{behind}(?:\\r?\\n)?\\z'
        return f"REGEXP_EXTRACT(weir_line, {text(line)}, 2)"

    def texts(self, table: str, condition: str) -> str:
        """Lines that are UTF-8 with a cell for every field."""
        return self._cells(table, f"{condition} AND {self._shaped()}")

    def _cells(self, table: str, condition: str) -> str:
        cells = [f"{once(self._cell(field))} AS {identifier(field.name)}" for field in self.fields]
        columns = ",\n    ".join([*cells, "weir_line", "weir_time", PLACE])
        return f"(\n    SELECT {columns}\n    FROM {table}\n    WHERE {condition}\n  )"

    def _cell(self, field: Field) -> str:
        """The text of a cell; an empty one is NULL, or for a STRING the empty text."""
        index = self.fields.index(field)
        raw = f"{_taken_apart()}[{index + 1}]"
        inner = f"REPLACE(SUBSTRING({raw} FROM 2 FOR CHAR_LENGTH({raw}) - 2), '\"\"', '\"')"
        quoted = f"CASE WHEN {raw} LIKE '\"%' THEN {inner} ELSE {raw} END"
        cell = f"CASE WHEN {_has_quotes()} THEN {quoted} ELSE SPLIT_INDEX({_line()}, ',', {index}) END"
        return f"({cell})" if field.shape.name in {"STRING", "VARCHAR", "CHAR"} else f"NULLIF({cell}, '')"

    def _shaped(self) -> str:
        return f"COALESCE({_UTF8} AND {self._well_quoted()} AND {self._complete()}, FALSE)"

    def suspects(self, name: str, group: str) -> tuple[str, ...]:
        """The same rows that the events come from, those that are not readable."""
        del group
        before = [
            ("weir_line IS NULL", "the record has no value"),
            ("weir_line = ''", "the value is empty"),
            (f"NOT ({_UTF8})", "the value is not UTF-8"),
            (f"NOT {self._well_quoted()}", "a quoted column is not closed, or has text after its closing quote"),
            (f"NOT {self._complete()}", f"the line does not have {len(self.fields)} columns"),
        ]
        values = RowValues(self.fields, timed=self.source.timestamp.field is not None)
        rows = values.query(self._cells(identifier(f"{name}_records"), "TRUE"), "weir_line")
        return (
            f"CREATE TEMPORARY VIEW {identifier(f'{name}_unread')} AS\n"
            f"SELECT {PLACE}, weir_line,\n  {reason(self.source, self.fields, values.texts(), before)} AS weir_reason\n"
            f"FROM (\n  {rows}\n)\nWHERE NOT ({self._shaped()} AND {values.readable()})",
        )

    def _well_quoted(self) -> str:
        return f"(NOT {_has_quotes()} OR REGEXP({_line()}, {text(_WELL_QUOTED)}))"

    def _complete(self) -> str:
        quoted = f"CARDINALITY({_taken_apart()}) = {len(self.fields)}"
        commas = f"CHAR_LENGTH(weir_line) - CHAR_LENGTH(REPLACE(weir_line, ',', '')) = {len(self.fields) - 1}"
        return f"(CASE WHEN {_has_quotes()} THEN {quoted} ELSE {commas} END)"


def _has_quotes() -> str:
    return "POSITION('\"' IN weir_line) > 0"


def _line() -> str:
    """Without the line end that some producers leave."""
    return f"CASE WHEN weir_line LIKE '%{chr(10)}' THEN {_LINE} ELSE weir_line END"


def _taken_apart() -> str:
    """The cells of a line with quotes, each as it stands there (REGEXP_REPLACE knows no groups in its replacement)."""
    return f"REGEXP_EXTRACT_ALL({_line()}, {text(f'(?:^|,)({_CELL})')}, 1)"
