"""Ages read as kubectl's do."""

from datetime import UTC, datetime, timedelta

import pytest

from weir_operator.cli import ages

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (5 * 3600 + 600, "5h10m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (3 * 86400 + 4 * 3600, "3d4h"),
        (100 * 86400, "100d"),
        (800 * 86400, "2y"),
        (-1, "0s"),
        (-60, "<invalid>"),
    ],
)
def test_age(seconds: int, expected: str) -> None:
    assert ages.age(NOW - timedelta(seconds=seconds), NOW) == expected


def test_never_is_none() -> None:
    assert ages.age(None, NOW) == "<none>"


@pytest.mark.parametrize(("seconds", "expected"), [(None, "-"), (0.416, "0.42 s"), (12.34, "12.3 s")])
def test_measured_seconds(seconds: float | None, expected: str) -> None:
    assert ages.seconds_text(seconds) == expected
