"""Event time: an instant from a field's text. The session's time zone is UTC where nothing else is said."""

from dataclasses import dataclass
from typing import Final, Literal

EPOCH: Final = "TO_TIMESTAMP_LTZ(0, 3)"
"""SQL for the first millisecond of 1970: a range OVER drops what is not after it, Kafka what is before."""

_LOCAL: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?\z"
_OFFSET: Final = r"[+-][0-9]{2}:?[0-9]{2}\z"


@dataclass(frozen=True)
class Instant:
    """SQL for a TIMESTAMP_LTZ(3), NULL where the text is none, and a pattern of texts that surely are one.

    `bare`: whether JSON may write such a text without quotes. `anywhere`: SQL that gives the same in whatever time zone
    the session has, for half the speed; None where `value` does.
    """

    value: str
    plain: str | None = None
    bare: bool = False
    anywhere: str | None = None


def _local_time(field: str) -> str:
    """A TIMESTAMP(3) from ISO 8601 text without an offset; NULL for anything else.

    Flink's cast makes 29 February of the 30th and the next day of 24:00, so the day must have stayed what it was.
    """
    value = f"TRY_CAST(REPLACE({field}, 'T', ' ') AS TIMESTAMP(3))"
    same_day = f"EXTRACT(DAY FROM {value}) = TRY_CAST(SUBSTRING({field} FROM 9 FOR 2) AS INT)"
    return f"CASE WHEN REGEXP({field}, '{_LOCAL}') AND {same_day} THEN {value} END"


def instant(field: str) -> Instant:
    """An instant from ISO 8601 text: with Z, with an offset, or without either (then UTC)."""
    body = f"SUBSTRING({field} FROM 1 FOR CHAR_LENGTH({field}) - 1)"
    offset = f"REPLACE(REGEXP_EXTRACT({field}, '({_OFFSET})', 1), ':', '')"
    minutes = (
        f"(CAST(SUBSTRING({offset} FROM 2 FOR 2) AS INT) * 60 + CAST(SUBSTRING({offset} FROM 4 FOR 2) AS INT))"
        f" * CASE WHEN {offset} LIKE '-%' THEN 1 ELSE -1 END"
    )
    without_offset = f"REGEXP_REPLACE({field}, '{_OFFSET}', '')"
    with_offset = f"TIMESTAMPADD(MINUTE, {minutes}, {_local_time(without_offset)})"
    has_time = f"CHAR_LENGTH({field}) > 16"
    in_utc = (
        f"CASE WHEN {field} LIKE '%Z' THEN {_local_time(body)}"
        f" WHEN {has_time} AND REGEXP({field}, '{_OFFSET}') THEN {with_offset}"
        f" ELSE {_local_time(field)} END"
    )
    value = f"CAST({in_utc} AS TIMESTAMP_LTZ(3))"
    anywhere = _anywhere(in_utc)
    plain = (
        "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]"
        "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,3})?Z"
    )
    return Instant(value, plain, anywhere=anywhere)


def plain_instant(field: str) -> Instant:
    """An instant from text that is as `instant` has it for a plain one."""
    in_utc = f"TRY_CAST(REPLACE(REPLACE({field}, 'T', ' '), 'Z', '') AS TIMESTAMP(3))"
    return Instant(f"CAST({in_utc} AS TIMESTAMP_LTZ(3))", anywhere=_anywhere(in_utc))


def either(condition: str, one: Instant, other: Instant) -> Instant:
    """The one where the condition (SQL) is TRUE."""

    def chosen(first: str, second: str) -> str:
        return f"CASE WHEN {condition} THEN {first} ELSE {second} END"

    anywhere = chosen(one.anywhere or one.value, other.anywhere or other.value) if other.anywhere else None
    return Instant(chosen(one.value, other.value), other.plain, other.bare, anywhere)


def _anywhere(in_utc: str) -> str:
    return f"TO_TIMESTAMP_LTZ(CAST({in_utc} AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS', 'UTC')"


def epoch(number: str, unit: Literal["ms", "s"]) -> Instant:
    """An instant from SQL for a whole number (BIGINT) of milliseconds or seconds since 1970.

    NULL outside the years 1 to 9999.
    """
    precision, digits = {"ms": (3, 14), "s": (0, 11)}[unit]
    return Instant(f"TO_TIMESTAMP_LTZ({number}, {precision})", f"[0-9]{{1,{digits}}}", bare=True)
