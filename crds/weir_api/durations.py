"""Durations as users write them: `250ms`, `45s`, `5m`, `24h`, `30d`."""

import re

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SHAPE = re.compile(r"([0-9]+)(ms|s|m|h|d)")


def milliseconds(duration: str) -> int:
    """The duration in milliseconds.

    Raises ValueError for anything but a whole number followed by ms, s, m, h or d.
    """
    match = _SHAPE.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is no duration: write a whole number and ms, s, m, h or d, as in 45s")
    return int(match[1]) * _UNITS[match[2]]
