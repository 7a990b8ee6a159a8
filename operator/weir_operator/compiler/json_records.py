"""JSON records: read by Flink's JSON format as texts, and a second time as they are to find what that format drops.

Flink's JSON format drops what it cannot parse, without a word, and its streaming parser (the default) does worse:
after a field it cannot convert it goes on in the middle of the value. So records are parsed as trees, all or nothing,
and every field is taken as text. The second scan reads raw values and keeps those that the first did not take. It
looks once with a cheap test that only surely readable records pass (`_surely_readable`); for the few others it works
out exactly what the first scan saw (`_document`, `_items`).
"""

import json
import re
from dataclasses import dataclass

from weir_api.blocks import Source

from . import json_lines
from .expressions import identifier, once, text
from .kafka_options import source_options
from .readings import Reading, json_field, path_name, reading
from .records import Field, field_conditions, reason, time_reading
from .shapes import Shape
from .statements import create_table
from .times import Instant

_STRING = Shape("STRING")
_ANY_SCALAR = r'"(?:[^"\\]|\\.)*+"|-?[0-9.]+|true|false'
_UTF8 = "ENCODE(weir_line, 'UTF-8') = CAST(weir_line AS BYTES)"


@dataclass(frozen=True)
class JsonRecords:
    """A source's records as JSON objects."""

    source: Source
    fields: tuple[Field, ...]

    def columns(self) -> list[str]:
        """Texts; the last column is never there: a DECIMAL makes the format keep every digit of all numbers."""
        return [f"{identifier(field.name)} STRING" for field in self.fields] + ["weir_exact DECIMAL(1, 0)"]

    def options(self) -> dict[str, str]:
        """All-or-nothing parsing of each record."""
        return {"format": "json", "json.ignore-parse-errors": "true", "json.decode.json-parser.enabled": "false"}

    def time(self) -> Instant:
        """From the column."""
        return time_reading(self.source, self.fields, {field.name: identifier(field.name) for field in self.fields})

    def texts(self, table: str, condition: str) -> str:
        """Every row has texts."""
        return f"(SELECT * FROM {table} WHERE {condition})"

    def suspects(self, name: str, group: str) -> tuple[str, ...]:
        """A raw table, the records that may be unreadable, their documents, and which of those truly are."""
        views = ("raw", "suspects", "items", "texts", "unread")
        raw, suspect, item, found, unread = (identifier(f"{name}_{view}") for view in views)
        options = source_options(self.source, group) | {"format": "raw"}
        columns = (
            "weir_line STRING",
            "weir_topic STRING METADATA FROM 'topic' VIRTUAL",
            "weir_partition INT METADATA FROM 'partition' VIRTUAL",
            "weir_offset BIGINT METADATA FROM 'offset' VIRTUAL",
            "weir_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL",
        )
        place = "weir_topic, weir_partition, weir_offset, weir_at, weir_line"
        return (
            create_table(f"{name}_raw", columns, options),
            f"CREATE TEMPORARY VIEW {suspect} AS\nSELECT {place}, {once(_document())} AS weir_document\n"
            f"FROM {raw}\nWHERE NOT COALESCE({self._surely_readable()}, FALSE)",
            f"CREATE TEMPORARY VIEW {item} AS\nSELECT {place}, weir_document,\n"
            f"  {once(_item())} AS weir_item\nFROM {suspect} CROSS JOIN UNNEST({_items()})"
            " WITH ORDINALITY AS weir_elements (weir_element, weir_number)",
            f"CREATE TEMPORARY VIEW {found} AS\nSELECT {place}, weir_document, weir_item{self._texts()}\nFROM {item}",
            f"CREATE TEMPORARY VIEW {unread} AS\nSELECT * FROM (\n  SELECT {place},\n"
            f"  {once(self._reason())} AS weir_reason\n  FROM {found}\n) WHERE weir_reason IS NOT NULL",
        )

    def _surely_readable(self) -> str:
        """TRUE only for records that are readable; most records pass the first look, and nearly all the second.

        The first is for the line as it stands. The second lets a parser cut out the fields that could be wrong, keys in
        order, and looks at what is left. JSON path filters could do that at once, but Flink lacks classes they need: a
        filter over an object ends the job.
        """
        parsed = " AND ".join([_UTF8, self._fields_fit(), *self._others()])
        line = json_lines.pattern(self._entries())
        return f"REGEXP(weir_line, {text(line)}) OR ({parsed})" if line is not None else parsed

    def _entries(self) -> list[json_lines.Entry]:
        return [json_lines.Entry(field.name, self._plain(field), required=field.required) for field in self.fields]

    def _fields_fit(self) -> str:
        looked_at = sorted((field for field in self.fields if self._asked(field)), key=lambda field: field.name)
        if not looked_at:
            return "weir_line IS JSON OBJECT"
        # A path with one name would give the bare value, so there are always two.
        names = ", ".join(f"'{path_name(each)}'" for each in (*(f.name for f in looked_at), "weir_none"))
        pattern = "^[{]" + "".join(self._entry(field) for field in looked_at) + ",?[}]$"
        return f"REGEXP(JSON_QUERY(weir_line, {text(f'lax $[{names}]')}), {text(pattern)})"

    def _others(self) -> list[str]:
        """Conditions for fields of types without a pattern; each parses the value once more."""
        conditions: list[str] = []
        for field in self.fields:
            if self._plain(field) is None:
                conditions += field_conditions(field, json_field("weir_line", field.name))
        return [each for each in conditions if each != "TRUE"]

    def _entry(self, field: Field) -> str:
        plain = self._plain(field)
        assert plain is not None
        name = re.escape(json.dumps(field.name, ensure_ascii=False))
        value = _ANY_SCALAR if plain.anything else f'{plain.pattern}|"(?:{plain.pattern})"'
        if field.required:
            return f",?{name}:(?:{value})"
        return f"(?:,?{name}:(?:null|{value}))?"

    def _asked(self, field: Field) -> bool:
        """Whether anything about the field could be wrong that its pattern tells."""
        plain = self._plain(field)
        return plain is not None and (field.required or not plain.anything)

    def _plain(self, field: Field) -> json_lines.Plain | None:
        """The texts that surely fit; None when no pattern is known."""
        own: Reading | Instant = reading(field.shape, "x")
        if field.name == self.source.timestamp.field and field.shape.name in {"STRING", "BIGINT"}:
            own = time_reading(self.source, self.fields, {field.name: "x"})
        elif field.shape == _STRING:
            return json_lines.ANYTHING
        return None if own.plain is None else json_lines.Plain(own.plain, own.bare)

    def _texts(self) -> str:
        texts = (once(json_field("weir_item", field.name)) for field in self.fields)
        return "".join(f",\n  {sql} AS weir_text_{number}" for number, sql in enumerate(texts))

    def _reason(self) -> str:
        texts = {field.name: f"weir_text_{number}" for number, field in enumerate(self.fields)}
        before = [
            ("weir_line IS NULL", "the record has no value"),
            ("weir_line = ''", "the value is empty"),
            (f"weir_document IS NOT JSON AND NOT ({_UTF8})", "the value is not UTF-8"),
            ("weir_document IS NOT JSON", "the value is not JSON"),
            ("weir_item IS NULL OR weir_item IS NOT JSON OBJECT", "the value is not a JSON object"),
        ]
        return reason(self.source, self.fields, texts, before)


def _document() -> str:
    """The text that Flink's JSON format saw, made strict JSON: what it lets pass inside strings becomes `~`.

    The format guesses UTF-16 and UTF-32, skips a byte order mark, takes bytes for UTF-8 that merely look like it,
    and allows control characters in strings. It gives up on UTF-32 with a number that is no character, where DECODE
    would put U+FFFD in its place, and never sees a last one that is cut short.
    """
    data = "CAST(weir_line AS BYTES)"
    latin = f"DECODE({data}, 'ISO-8859-1')"
    tail = r"[\x80-\xbf]"
    lenient = f"[\\xc0-\\xdf]{tail}|[\\xe0-\\xef]{tail}{tail}|[\\xf0-\\xf7]{tail}{tail}{tail}"
    guessed = {
        "UTF-32BE": r"^(\x00\x00\xfe\xff|\x00\x00\x00[^\x00])",
        "UTF-32LE": r"^(\xff\xfe\x00\x00|[^\x00]\x00\x00\x00)",
        "UTF-16BE": r"^(\xfe\xff|\x00[^\x00])",
        "UTF-16LE": r"^(\xff\xfe|[^\x00]\x00)",
    }
    characters = {
        "UTF-32BE": r"^(?:\x00[\x00-\x10][\x00-\xff]{2})++[\x00-\xff]{0,3}$",
        "UTF-32LE": r"^(?:[\x00-\xff]{2}[\x00-\x10]\x00)++[\x00-\xff]{0,3}$",
    }
    wrong = " ".join(
        f"WHEN REGEXP({latin}, {text(guessed[name])}) AND NOT REGEXP({latin}, {text(whole)}) THEN CHR(1)"
        for name, whole in characters.items()
    )
    cases = " ".join(
        f"WHEN REGEXP({latin}, {text(start)}) THEN {_strict(_without_mark(f'DECODE({data}, {text(name)})'))}"
        for name, start in guessed.items()
    )
    mapped = f"REGEXP_REPLACE(REGEXP_REPLACE({latin}, '^\\xef\\xbb\\xbf', ''), {text(lenient)}, '~')"
    # What is left is no UTF-8 in any reading: a control character makes every parser stop there.
    broken = f"REGEXP_REPLACE({_strict(mapped)}, '[\\x80-\\xff]', CHR(1))"
    return f"CASE {wrong} {cases} WHEN {_UTF8} THEN {_strict(_without_mark('weir_line'))} ELSE {broken} END"


def _without_mark(document: str) -> str:
    return f"REGEXP_REPLACE({document}, '^\\ufeff', '')"


def _strict(document: str) -> str:
    control = f"REGEXP_REPLACE({document}, '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]', '~')"
    return f"REGEXP_REPLACE({control}, '[\\t\\n\\r]', ' ')"


def _items() -> str:
    """The format reads the objects of an array as records of their own; anything else is one item."""
    elements = "JSON_QUERY(weir_document, 'lax $[*]' RETURNING ARRAY<STRING>)"
    with_object = f"CHR(31) || ARRAY_JOIN({elements}, CHR(31)) LIKE '%' || CHR(31) || '{{%'"
    return f"CASE WHEN weir_document IS JSON ARRAY AND {with_object} THEN {elements} ELSE ARRAY[weir_document] END"


def _item() -> str:
    element = "JSON_QUERY(weir_document, 'lax $[' || CAST(weir_number - 1 AS STRING) || ']')"
    is_element = "weir_document IS JSON ARRAY AND weir_element <> weir_document"
    return f"CASE WHEN {is_element} THEN {element} ELSE weir_document END"
