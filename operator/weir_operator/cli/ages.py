"""Durations for people, in kubectl's manner: two units at most, coarser as they grow."""

from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "<none>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 31_536_000


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as in 45s, 5m30s, 3h, 2d4h; `<none>` for never."""
    return UNKNOWN if since is None else coarse(int((now - since).total_seconds()))


def coarse(seconds: int) -> str:
    """The limits at which units change are those of Kubernetes' duration.HumanDuration."""
    if seconds < 0:  # clocks may differ by a little; more than that is shown for what it is
        return "0s" if seconds >= -2 else "<invalid>"
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 10 * _MINUTE:
        return _two(seconds, _MINUTE, "m", 1, "s")
    if seconds < 3 * _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 8 * _HOUR:
        return _two(seconds, _HOUR, "h", _MINUTE, "m")
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    if seconds < 8 * _DAY:
        return _two(seconds, _DAY, "d", _HOUR, "h")
    return f"{seconds // _DAY}d" if seconds < 2 * _YEAR else f"{seconds // _YEAR}y"


def seconds_text(seconds: float | None) -> str:
    """A measured duration, as in 0.42 s; `-` when it was not measured."""
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)


def _two(seconds: int, unit: int, unit_name: str, rest: int, rest_name: str) -> str:
    remainder = seconds % unit // rest
    return f"{seconds // unit}{unit_name}" + (f"{remainder}{rest_name}" if remainder else "")
