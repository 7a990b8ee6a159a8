"""From a Pattern to a program: which plan, which errors, which parts."""

from typing import Any

import pytest

from weir_api.errors import SpecError

from .patterns_documents import END, START, program

LOOP = {"name": "step", "where": "metric = 'step'", "times": {"min": 1}}
ABSENT = {"name": "paid", "where": "metric = 'paid'", "absent": True}


@pytest.mark.parametrize(
    ("spec", "general"),
    [
        pytest.param({}, False, id="two steps"),
        pytest.param({"sequence": [START, {**END, "contiguity": "next"}]}, False, id="next"),
        pytest.param({"sequence": [START, {**END, "contiguity": "followedByAny"}]}, False, id="followedByAny"),
        pytest.param({"sequence": [START, LOOP]}, False, id="a loop at the end takes its fewest"),
        pytest.param({"sequence": [START, LOOP, ABSENT]}, False, id="abandoned cart"),
        pytest.param({"sequence": [START, LOOP, END]}, True, id="a loop in the middle"),
        pytest.param({"onMatch": "skipPastLast"}, True, id="skipPastLast"),
        pytest.param({"sequence": [{**START, "times": {"min": 7, "max": 7}}, END]}, True, id="too many joins"),
    ],
)  # fmt: skip
def test_the_plan(spec: dict[str, Any], general: bool) -> None:
    steps = {step["name"]: f"{step['name']}.value" for step in spec.get("sequence", [START, END])}
    statements = program(**spec, emit=steps).tables
    assert any("MATCH_RECOGNIZE" in statement for statement in statements) == general


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        pytest.param(
            {"sequence": [START, {**END, "where": "metric = 'a'; DROP TABLE x"}]},
            "spec.sequence[1].where", "has a ';': only one expression may stand here, no further statement", id="where",
        ),
        pytest.param(
            {"emit": {"took": "ende.at - start.at", "value": "end.vlue"}},
            "spec.emit.value", "field 'vlue' of 'end' not found, did you mean 'value'?", id="emit",
        ),
        pytest.param(
            {"emit": {"value": "value"}},
            "spec.emit.value", "'value' could be any step's: write start.value", id="whose field",
        ),
        pytest.param(
            {"sequence": [START, {**END, "contiguity": "followedByAny"}], "onMatch": "skipPastLast"},
            "spec.sequence[1]", "cannot be followedByAny", id="followedByAny with skipPastLast",
        ),
        pytest.param(
            {"sequence": [START, {**LOOP, "times": {"min": 300}}, END]},
            "spec.sequence[1]", "a match of more than 200 events cannot be compiled", id="too long",
        ),
    ],
)  # fmt: skip
def test_errors_name_the_place(spec: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        program(**spec)
    assert [error.path for error in caught.value.errors] == [path]
    assert caught.value.errors[0].message.startswith(message)


def test_every_expression_is_checked_where_it_stands() -> None:
    checks = {check.path: check for check in program().checks}
    assert checks["spec.sequence[1].where"].scope == "`load_events`"
    assert checks["spec.sequence[1].where"].condition
    assert checks["spec.emit.value"].expression == "`end.value` - `start.value`"
    assert checks["spec.emit.value"].scope == "`load_matches`"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"emit": {"id": "id"}}, id="emit"),
        pytest.param({}, {"within": "60s"}, id="within"),
        pytest.param({}, {"sequence": [START, {**END, "where": "metric = 'end' AND `value` > 3"}]}, id="where"),
    ],
)
def test_names_of_operators_survive(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert program(**before).operators == program(**after).operators


def test_operators_are_named_by_their_part() -> None:
    names = [operator.name for operator in program(sequence=[START, LOOP, ABSENT], emit={"id": "id"}).operators]
    assert names == ["order", "absence", "step-1"]


def test_an_event_without_a_key_is_unreadable() -> None:
    assert any("`id`" in statement and "IS NOT NULL" in statement for statement in program().tables)
