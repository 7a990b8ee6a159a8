"""Calendar periods in SQL. The session's time zone is that of the calendar, so that Flink's own casts know its rules.

A period begins with the first instant of its first day and ends with that of the next period, whatever clocks do there.
"""

import re
from typing import Final

from weir_api.billings import Every, Period
from weir_api.durations import milliseconds
from weir_api.errors import FieldError, SpecError
from weir_api.streamjobs import Forgets

_DAY: Final = 86_400_000
_LONGEST: Final[dict[Every, int]] = {"day": 2 * _DAY, "week": 8 * _DAY, "month": 32 * _DAY, "year": 367 * _DAY}
_SHORTEST_MEMORY: Final = 90 * _DAY
_REMEMBER: Final = "spec.period.remember"
_STEP: Final[dict[Every, str]] = {
    "day": "INTERVAL '1' DAY",
    "week": "INTERVAL '7' DAY",
    "month": "INTERVAL '1' MONTH",
    "year": "INTERVAL '1' YEAR",
}


def end(every: Every, time: str) -> str:
    """SQL for the instant at which the period of an instant (SQL, TIMESTAMP_LTZ(3)) is over."""
    return f"CAST({_first_day(every, f'CAST({time} AS TIMESTAMP(3))')} + {_STEP[every]} AS TIMESTAMP_LTZ(3))"


def begin(every: Every, end_: str) -> str:
    """SQL for the instant at which the period begins that is over at `end_` (SQL, TIMESTAMP_LTZ(3))."""
    return f"CAST({_begin(every, end_)} AS TIMESTAMP_LTZ(3))"


def name(every: Every, end_: str) -> str:
    """SQL for the period's name: 2026-11-30, 2026-W48, 2026-11 or 2026."""
    first = _begin(every, end_)
    if every == "week":
        week = f"LPAD(CAST(EXTRACT(WEEK FROM {first}) AS STRING), 2, '0')"
        return f"CONCAT(CAST(EXTRACT(ISOYEAR FROM {first}) AS STRING), '-W', {week})"
    return f"DATE_FORMAT({first}, '{ {'day': 'yyyy-MM-dd', 'month': 'yyyy-MM', 'year': 'yyyy'}[every] }')"


def slug(period: Period) -> str:
    """The calendar as names of operators have it: another calendar is other state."""
    zone = re.sub(r"[^a-z0-9]+", "-", period.time_zone.lower()).strip("-")
    return f"{period.every}-{zone}"


def memory(period: Period, close_after: str) -> Forgets:
    """How long a total is remembered after its last event, and how long it can change.

    Flink forgets totals by the clock on the wall, not by event time. Twice as long as they change, so that a pipeline
    may stand still. Raises SpecError when that is not what is asked for.
    """
    changes = _LONGEST[period.every] + milliseconds(close_after) + milliseconds(period.keep_for)
    after = max(2 * changes, _SHORTEST_MEMORY)
    if period.remember is not None and (after := milliseconds(period.remember)) < 2 * changes:
        least = f"{-(-2 * changes // _DAY)}d"
        message = (
            f"a total can change for {-(-changes // _DAY)} days: at least {least}, so that the job may stand still"
        )
        raise SpecError([FieldError(path=_REMEMBER, message=message)])
    return Forgets(after=after, used=changes, path=_REMEMBER)


def _begin(every: Every, end_: str) -> str:
    # From its last moment: what is a day before its end may be another period's where a day was left out.
    return _first_day(every, f"CAST({end_} - INTERVAL '0.001' SECOND AS TIMESTAMP(3))")


def _first_day(every: Every, local: str) -> str:
    if every != "week":
        return f"FLOOR({local} TO {every.upper()})"
    day = f"FLOOR({local} TO DAY)"
    since_monday = f"MOD(MOD(TIMESTAMPDIFF(DAY, TIMESTAMP '1970-01-05 00:00:00', {day}), 7) + 7, 7)"
    return f"TIMESTAMPADD(DAY, -{since_monday}, {day})"
