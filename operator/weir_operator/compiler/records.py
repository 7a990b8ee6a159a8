"""What the formats have in common: how a record's value becomes fields, and how it is known that it does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from weir_api.blocks import Source

from .expressions import text
from .readings import Reading, reading
from .shapes import Shape
from .times import Instant, either, epoch, instant, plain_instant

_BIGINT = Shape("BIGINT")


@dataclass(frozen=True)
class Field:
    """A declared field. `required`: a record without a value for it counts as unreadable."""

    name: str
    shape: Shape
    required: bool = False


class RecordFormat(Protocol):
    """Two views of the same records that are exact complements, whatever the records hold."""

    def columns(self) -> list[str]:
        """The columns of the table of records, as they are declared."""
        ...

    def options(self) -> dict[str, str]:
        """The format's options for that table."""
        ...

    def time(self) -> Instant:
        """SQL over that table for event time from the timestamp field, which the source must have."""
        ...

    def texts(self, table: str, condition: str) -> str:
        """What a FROM reads: rows of that table that have fields at all and for which the condition holds.

        It has a STRING column for each field, under the field's name, and the table's own columns.
        """
        ...

    def suspects(self, name: str, group: str) -> tuple[str, ...]:
        """Statements that end in the view `<name>_unread`.

        Its columns: weir_topic, weir_partition, weir_offset, weir_at, weir_line (STRING), weir_reason.
        """
        ...


def field_conditions(field: Field, field_text: str) -> list[str]:
    """What must be TRUE for the field to be read."""
    fits = reading(field.shape, field_text).fits
    return [fits, f"{field_text} IS NOT NULL"] if field.required else [fits]


def time_reading(source: Source, fields: tuple[Field, ...], texts: dict[str, str]) -> Instant:
    """Event time from the text of the timestamp field, which the source must have."""
    field = next(each for each in fields if each.name == source.timestamp.field)
    field_text = texts[field.name]
    match source.timestamp.unit:
        case "iso8601":
            return instant(field_text)
        case "ms" | "s" as unit:
            number = reading(_BIGINT, field_text)
            assert number.usual is not None
            condition, value = number.usual
            return epoch(f"CASE WHEN {condition} THEN {value} ELSE {number.value} END", unit)


def plain_time(source: Source, text_like: Callable[[str], str], other: Instant) -> Instant:
    """The same as `other`, from the text as it usually is.

    `text_like`: SQL for the timestamp field's text where it is like a pattern, else NULL. It is named twice, and in
    `other` a dozen times.
    """
    assert other.plain is not None
    plain = text_like(other.plain)
    match source.timestamp.unit:
        case "iso8601":
            read = plain_instant(plain)
        case "ms" | "s" as unit:
            read = epoch(f"CAST({plain} AS BIGINT)", unit)
    return either(f"{plain} IS NOT NULL", read, other)


def reason(source: Source, fields: tuple[Field, ...], texts: dict[str, str], before: list[tuple[str, str]]) -> str:
    """SQL for why a record cannot be read, NULL when it can; `before`: (condition, reason) that come first."""
    cases = [(condition, text(why)) for condition, why in before]
    for field in fields:
        field_text = texts[field.name]
        if field.required:
            cases.append((f"{field_text} IS NULL", text(f"field '{field.name}' is missing or null")))
        fits = reading(field.shape, field_text).fits
        if fits != "TRUE":
            cases.append((f"NOT {fits}", text(f"field '{field.name}' is no {field.shape.sql}")))
    if source.timestamp.field is not None:
        unit = {"iso8601": "an ISO 8601 time", "ms": "a time in ms", "s": "a time in s"}[source.timestamp.unit]
        why = text(f"field '{source.timestamp.field}' is not {unit}")
        cases.append((f"({time_reading(source, fields, texts).value}) IS NULL", why))
    return "CASE\n" + "".join(f"    WHEN {condition} THEN {why}\n" for condition, why in cases) + "  END"


__all__ = ["Field", "Reading", "RecordFormat", "field_conditions", "plain_time", "reason", "time_reading"]
