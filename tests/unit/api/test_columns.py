"""Flink SQL types: which are read, and what is said of the others."""

import pytest

from weir_api.columns import base_name, type_problem


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("STRING", "STRING", id="plain"),
        pytest.param("string", "STRING", id="lower-case"),
        pytest.param("DECIMAL(12, 2)", "DECIMAL", id="two-numbers"),
        pytest.param("DECIMAL", "DECIMAL", id="no-numbers"),
        pytest.param("VARCHAR(20) NOT NULL", "VARCHAR", id="not-null"),
        pytest.param("DOUBLE PRECISION", "DOUBLE", id="double-precision"),
        pytest.param("TIMESTAMP(3)", "TIMESTAMP", id="timestamp"),
        pytest.param("TIMESTAMP(3) WITHOUT TIME ZONE", "TIMESTAMP", id="without-time-zone"),
        pytest.param("TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ", id="with-local-time-zone"),
        pytest.param("TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ", id="ltz"),
        pytest.param("MAP<STRING, ARRAY<INT>>", "MAP", id="nested"),
        pytest.param("ROW<a INT NOT NULL, `b c` ROW<d STRING 'a comment'>> NULL", "ROW", id="row"),
        pytest.param("ROW(a INT)", "ROW", id="row-in-parentheses"),
    ],
)
def test_right(text: str, name: str) -> None:
    assert type_problem(text) is None
    assert base_name(text) == name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("STRNG", "unknown type 'STRNG', did you mean 'STRING'?", id="unknown"),
        pytest.param("ARRAY<STRNG>", "unknown type 'STRNG', did you mean 'STRING'?", id="unknown-inside"),
        pytest.param("ARRAY", "'<' is missing", id="array-of-what"),
        pytest.param("MAP<STRING>", "',' is missing", id="map-to-what"),
        pytest.param("ARRAY<INT", "'>' is missing", id="not-closed"),
        pytest.param("ROW", "ROW needs its fields, as in ROW<id STRING, amount DOUBLE>", id="row-of-what"),
        pytest.param("BIGINT(3)", "BIGINT takes no numbers in parentheses", id="number-too-many"),
        pytest.param("TIMESTAMP(3, 4)", "TIMESTAMP takes 1 number in parentheses", id="two-for-one"),
        pytest.param("DECIMAL(a)", "DECIMAL takes 2 numbers in parentheses", id="no-number"),
        pytest.param("INT INT", "'INT' is not expected here", id="two-types"),
        pytest.param("INT) WITH (x", "')' is not expected here", id="the-statement-goes-on"),
        pytest.param("INT; DROP", "';' is not expected in a type", id="another-statement"),
        pytest.param(" ", "a type is missing", id="blank"),
    ],
)
def test_wrong(text: str, problem: str) -> None:
    assert type_problem(text) == problem
