"""A table brought to what it should hold: only what differs is written."""

import pytest

from weir_operator.fleet import tables


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        pytest.param({}, {"a": "1"}, {"a": "1"}, id="new"),
        pytest.param({"a": "1"}, {"a": "1"}, {}, id="same"),
        pytest.param({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"b": "3"}, id="changed"),
        pytest.param({"a": "1", "b": "2"}, {"a": "1"}, {"b": None}, id="gone"),
    ],
)
def test_only_what_differs_is_written(
    before: dict[str, str], after: dict[str, str], written: dict[str, str | None]
) -> None:
    assert tables.changes(before, after) == written
