"""Durations for people, in kubectl's manner: two units at most, coarser as they grow."""

from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "<none>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 31_536_000
_SCALE: Final = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (float("inf"), _YEAR, "y", 0, ""),
)
"""Below so many seconds: the unit and its name, and the second unit that is still told with it."""


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as in 45s, 5m30s, 3h, 2d4h; `<none>` for never."""
    return UNKNOWN if since is None else coarse(int((now - since).total_seconds()))


def coarse(seconds: int) -> str:
    """The limits at which units change are those of Kubernetes' duration.HumanDuration."""
    if seconds < 0:  # clocks may differ by a little; more than that is shown for what it is
        return "0s" if seconds >= -2 else "<invalid>"
    unit, name, rest, rest_name = next(each[1:] for each in _SCALE if seconds < each[0])
    remainder = seconds % unit // rest if rest else 0
    return f"{seconds // unit}{name}" + (f"{remainder}{rest_name}" if remainder else "")


def seconds_text(seconds: float | None) -> str:
    """A measured duration, as in 0.42 s; `-` when it was not measured."""
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)
