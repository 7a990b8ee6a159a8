"""Durations as users write them, in milliseconds."""

import pytest

from weir_api.durations import milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("250ms", 250, id="milliseconds"),
        pytest.param("45s", 45_000, id="seconds"),
        pytest.param("5m", 300_000, id="minutes"),
        pytest.param("24h", 86_400_000, id="hours"),
        pytest.param("30d", 2_592_000_000, id="days"),
        pytest.param("0s", 0, id="none"),
    ],
)
def test_right(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "45", "s", "1.5s", "-1s", "5 m", "5M", "1h30m", "5s\n", "٥s"])
def test_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration: write a whole number"):
        milliseconds(text)
