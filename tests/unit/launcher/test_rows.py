"""Row types as compiled plans print them."""

import pytest

from weir_runtime.launcher import rows


@pytest.mark.parametrize(
    ("output", "names"),
    [
        pytest.param("ROW<`a` INT, `b` VARCHAR(3)>", ("a", "b"), id="flat"),
        pytest.param("ROW<`a` ROW<`x` INT, `y` INT>, `b` MAP<INT, ROW<`z` INT>>>", ("a", "b"), id="nested"),
        pytest.param("ROW<`a, <b` INT, `c``d` INT>", ("a, <b", "c`d"), id="odd-names"),
        pytest.param("ROW<`$2` BIGINT NOT NULL>", ("$2",), id="not-null"),
    ],
)
def test_names_are_those_of_the_top_level(output: str, names: tuple[str, ...]) -> None:
    assert rows.parse(output) == rows.Row(output, names)


def test_a_time_attribute_is_printed_as_the_timestamp_it_is() -> None:
    attribute = {"type": "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "precision": 3, "kind": "ROWTIME", "nullable": False}
    row = rows.parse({"type": "ROW", "fields": [{"name": "t", "fieldType": attribute}]})
    assert row == rows.Row("ROW<`t` TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL>", ("t",))
