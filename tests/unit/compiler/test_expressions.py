"""Users' expressions: names bound to columns, and what cannot be one expression refused."""

import pytest

from weir_operator.compiler.expressions import ExpressionError, Scope, bound, identifier, interval, text

SCOPE = Scope(
    columns={"id": "`id`", "value": "`value`"},
    rows={"end": {"at": "`end.at`", "data": "`end.data`"}, "start": {"at": "`start.at`"}},
    unclear={"at": "could be any step's"},
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("end.at - start.at", "`end.at` - `start.at`", id="steps named like keywords"),
        pytest.param("`end` . `at`", "`end.at`", id="quoted, with spaces"),
        pytest.param("CASE WHEN end.at > 3 THEN 1 END", "CASE WHEN `end.at` > 3 THEN 1 END", id="END is not end"),
        pytest.param("value + 1", "`value` + 1", id="a field named like a keyword"),
        pytest.param("'end.at; -- it''s text'", "'end.at; -- it''s text'", id="text is left alone"),
        pytest.param("UPPER(id)", "UPPER(`id`)", id="functions are not names"),
        pytest.param("end.data['value']", "`end.data`['value']", id="inside a field"),
        pytest.param("end.data.value", "`end.data`.value", id="a nested field is no column"),
        pytest.param("other > 1", "other > 1", id="unknown names are the planner's to judge"),
    ],
)
def test_binds(expression: str, expected: str) -> None:
    assert bound(expression, SCOPE) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param("1; DROP TABLE x", "has a ';'", id="two statements"),
        pytest.param("1 -- rest", "has a comment", id="a comment"),
        pytest.param("1 /* rest */", "has a comment", id="a block comment"),
        pytest.param("(SELECT 1)", "has the word SELECT", id="a query"),
        pytest.param("id) OR (id", "has a ')' that closes nothing", id="closes what it did not open"),
        pytest.param("(id", "has a '(' that is not closed", id="not closed"),
        pytest.param("id, id", "has a ',' outside of brackets", id="two expressions"),
        pytest.param("'open", "has a ' that is not closed", id="open text"),
        pytest.param("  ", "is empty", id="empty"),
        pytest.param("end.att", "field 'att' of 'end' not found, did you mean 'at'?", id="no such field"),
        pytest.param("end", "'end' is a step: write end.<field>", id="a step is no value"),
        pytest.param("at + 1", "'at' could be any step's", id="a field of no step"),
    ],
)
def test_refuses(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        bound(expression, SCOPE)
    assert str(caught.value).startswith(message)


def test_quotes() -> None:
    assert identifier("a`b") == "`a``b`"
    assert text("it's") == "'it''s'"


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (250, "INTERVAL '0 00:00:00.250' DAY(2) TO SECOND(3)"),
        (45_000, "INTERVAL '0 00:00:45.000' DAY(2) TO SECOND(3)"),
        (30 * 86_400_000 + 3_723_004, "INTERVAL '30 01:02:03.004' DAY(2) TO SECOND(3)"),
        (1000 * 86_400_000, "INTERVAL '1000 00:00:00.000' DAY(4) TO SECOND(3)"),
    ],
)
def test_intervals(milliseconds: int, expected: str) -> None:
    assert interval(milliseconds) == expected
