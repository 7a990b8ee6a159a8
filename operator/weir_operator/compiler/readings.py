"""From a field's text to a value of its declared type, or the knowledge that it is none.

Flink's formats read what does not fit as NULL, without a word. So fields are taken as text and read here: `fits` is
TRUE or FALSE for every text, never NULL, and `value` is NULL only where the text is. Both depend on the *number* that
a text writes and not on how it writes it (12.0, 12, 1.2E1), since JSON's readers in Flink write numbers each its way.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .expressions import text
from .shapes import Shape
from .times import instant

_GREATEST = {"DOUBLE": "1.7976931348623157E308", "FLOAT": "3.4028234663852886E38"}
# As JSON writes numbers. Flink's casts take more: blanks around, 1d, NaN, digits of other scripts. Java's `$` would
# take a line break at the end, `\z` does not.
_NUMBER = r"^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?\z"
_CLOCK = r"^[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]+)?)?\z"
_DAY = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_INTEGERS = frozenset({"BIGINT", "INT", "SMALLINT", "TINYINT"})


class UnreadableTypeError(ValueError):
    """A declared type that Weir cannot read from text yet; the message says which."""


@dataclass(frozen=True)
class Reading:
    """SQL over a field's text. `value`: of a text that fits, NULL for NULL; `fits`: TRUE for a text that is NULL.

    `usual` is a cheap way to read what is usually there: a condition and, where it is TRUE, the strict value.
    `plain` is a regular expression (Java's) for texts that surely fit, None when the type has none; `bare`: whether
    JSON may write such a text without quotes.
    """

    value: str
    fits: str
    plain: str | None = None
    bare: bool = False
    usual: tuple[str, str] | None = None

    @property
    def strict(self) -> str:
        """SQL for the value, NULL for every text that does not fit."""
        if self.fits == "TRUE":
            return self.value
        usual = "" if self.usual is None else f"WHEN {self.usual[0]} THEN {self.usual[1]} "
        return f"(CASE {usual}WHEN {self.fits} THEN {self.value} END)"


def reading(shape: Shape, field: str) -> Reading:
    """How to read a value of this type from the SQL expression `field`, a STRING. Raises UnreadableTypeError."""
    reader = _READERS.get(shape.name)
    if reader is None:
        raise UnreadableTypeError(f"fields of type {shape.sql} cannot be read yet")
    return reader(shape, field)


def _or_null(field: str, condition: str) -> str:
    return f"({field} IS NULL OR COALESCE({condition}, FALSE))"


def _number(field: str, condition: str) -> str:
    return _or_null(field, f"REGEXP({field}, '{_NUMBER}') AND {condition}")


def _text(shape: Shape, field: str) -> Reading:
    if not shape.numbers and shape.name != "CHAR":
        return Reading(field, "TRUE", r"[ !#-\[\]-~]*")
    length = shape.numbers[0] if shape.numbers else 1
    value = f"CAST({field} AS VARCHAR({length}))"
    return Reading(value, _or_null(field, f"CHAR_LENGTH({field}) <= {length}"), f"[ !#-\\[\\]-~]{{0,{length}}}")


def _integer(shape: Shape, field: str) -> Reading:
    direct = f"TRY_CAST({field} AS {shape.name})"
    wide = f"CAST(TRY_CAST({field} AS DECIMAL(38, 10)) AS STRING)"
    from_wide = f"CASE WHEN {wide} LIKE '%.0000000000' THEN TRY_CAST(SPLIT_INDEX({wide}, '.', 0) AS {shape.name}) END"
    # The cast cuts 1.5 to 1 and does not know 1E3.
    written_out = f"{field} NOT LIKE '%.%' AND {field} NOT LIKE '%E%' AND {field} NOT LIKE '%e%'"
    value = f"CASE WHEN {written_out} THEN {direct} ELSE {from_wide} END"
    digits = {"BIGINT": 18, "INT": 9, "SMALLINT": 4, "TINYINT": 2}[shape.name]
    # What the cast takes and JSON's numbers do not have is out: then it knows a number, and NULL is none. Blanks inside
    # are none either: a look at both ends is cheaper than one at every character.
    signs = "".join(f" AND {field} NOT LIKE '{pattern}'" for pattern in ("+%", " %", "% "))
    usual = (f"{written_out}{signs}", direct)
    return Reading(value, _number(field, f"({value}) IS NOT NULL"), f"-?[0-9]{{1,{digits}}}", bare=True, usual=usual)


def _decimal(shape: Shape, field: str) -> Reading:
    precision, scale = (*shape.numbers, 0)[:2] if shape.numbers else (10, 0)
    value = f"TRY_CAST({field} AS DECIMAL({precision}, {scale}))"
    # More digits than declared would be rounded away: money is never changed on the way in.
    exact = f"TRY_CAST({field} AS DECIMAL(38, {38 - precision + scale}))"
    fraction = f"([.][0-9]{{1,{scale}}})?" if scale else ""
    whole = precision - scale
    plain = f"-?[0-9]{{1,{whole}}}{fraction}" if whole else None
    return Reading(value, _number(field, f"{value} = {exact}"), plain, bare=True)


def _float(shape: Shape, field: str) -> Reading:
    value = f"TRY_CAST({field} AS {shape.name})"
    greatest = _GREATEST[shape.name]
    # NaN and what is too large for the type are no numbers a sum survives.
    finite = f"TRY_CAST({field} AS DOUBLE) BETWEEN -{greatest} AND {greatest}"
    return Reading(value, _number(field, finite), r"-?[0-9]{1,15}([.][0-9]{1,15})?", bare=True)


def _boolean(_: Shape, field: str) -> Reading:
    value = f"CASE {field} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
    return Reading(value, _or_null(field, f"{field} IN ('true', 'false')"), "true|false", bare=True)


def _date(_: Shape, field: str) -> Reading:
    value = f"TRY_CAST({field} AS DATE)"
    same_day = f"EXTRACT(DAY FROM {value}) = TRY_CAST(SUBSTRING({field} FROM 9 FOR 2) AS INT)"
    well_formed = f"REGEXP({field}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\\z')"
    return Reading(value, _or_null(field, f"{well_formed} AND {same_day}"), _DAY)


def _time(shape: Shape, field: str) -> Reading:
    value = f"TRY_CAST({field} AS {shape.sql})"
    return Reading(value, _or_null(field, f"REGEXP({field}, '{_CLOCK}') AND {value} IS NOT NULL"))


def _instant(shape: Shape, field: str) -> Reading:
    read = instant(field)
    return Reading(f"CAST({read.value} AS {shape.sql})", _or_null(field, f"({read.value}) IS NOT NULL"), read.plain)


def _elements(field: str) -> str:
    return f"JSON_QUERY({field}, 'lax $' RETURNING ARRAY<STRING>)"


def _array(shape: Shape, field: str) -> Reading:
    value, fits = _cast_all("ARRAY<{}>", shape.parts[0], _elements(field))
    return Reading(value, _or_null(field, f"{field} IS JSON ARRAY AND {fits}"))


def _map(shape: Shape, field: str) -> Reading:
    key, part = shape.parts
    if key.name != "STRING":
        raise UnreadableTypeError(f"a MAP's key must be STRING, not {key.sql}")
    keys = f"JSON_QUERY(JSON_QUERY({field}, 'lax $.keys()'), 'lax $' RETURNING ARRAY<STRING>)"
    values = f"JSON_QUERY({field}, 'lax $.*' RETURNING ARRAY<STRING>)"
    value, fits = _cast_all("MAP<STRING, {}>", part, f"MAP_FROM_ARRAYS({keys}, {values})")
    return Reading(value, _or_null(field, f"{field} IS JSON OBJECT AND {fits}"))


def _cast_all(container: str, part: Shape, texts: str) -> tuple[str, str]:
    """Every element read, and whether all of them fit."""
    if part.name == "STRING":
        return texts, f"{texts} IS NOT NULL"
    if part.name in _INTEGERS or part.name == "DECIMAL":
        scale = (*part.numbers, 0, 0)[1]
        wide = f"TRY_CAST({texts} AS {container.format(f'DECIMAL(38, {max(10, scale)})')})"
        value = f"TRY_CAST({wide} AS {container.format(part.sql)})"
        return value, f"TRY_CAST({value} AS {container.format(f'DECIMAL(38, {max(10, scale)})')}) = {wide}"
    if part.name == "DOUBLE":
        value = f"TRY_CAST({texts} AS {container.format(part.sql)})"
        return value, f"{value} IS NOT NULL"
    raise UnreadableTypeError(f"fields of type {container.format(part.sql)} cannot be read yet")


def _row(shape: Shape, field: str) -> Reading:
    parts = [reading(part, json_field(field, name)) for name, part in zip(shape.fields, shape.parts, strict=True)]
    row = f"CAST(ROW({', '.join(part.value for part in parts)}) AS {shape.sql})"
    fits = " AND ".join(part.fits for part in parts)
    return Reading(
        f"CASE WHEN {field} IS JSON OBJECT THEN {row} END", _or_null(field, f"{field} IS JSON OBJECT AND {fits}")
    )


def json_field(document: str, name: str) -> str:
    """The text of a field of a JSON document: a scalar's own, an object's or array's as JSON; NULL when missing."""
    path = text(f"lax $['{path_name(name)}']")
    return f"COALESCE(JSON_VALUE({document}, {path}), JSON_QUERY({document}, {path}))"


def path_name(name: str) -> str:
    """The name as it stands between quotes in a JSON path."""
    return name.replace("\\", "\\\\").replace("'", "\\'")


_READERS: dict[str, Callable[[Shape, str], Reading]] = {
    "STRING": _text,
    "VARCHAR": _text,
    "CHAR": _text,
    **dict.fromkeys(_INTEGERS, _integer),
    "DECIMAL": _decimal,
    "DOUBLE": _float,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _instant,
    "TIMESTAMP_LTZ": _instant,
    "ARRAY": _array,
    "MAP": _map,
    "ROW": _row,
}
