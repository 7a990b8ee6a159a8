"""Status as a public API: complete, documented, and the phases a machine without dead ends."""

import ast
import inspect
import re
from typing import get_args

import pytest

from weir_api import reasons
from weir_api.phases import TRANSITIONS, Phase, may_follow
from weir_api.statuses import ConditionType, RolloverStep, Status
from weir_operator.reconcile import conditions


def test_every_step_has_a_meaning() -> None:
    assert set(reasons.STEPS) == set(get_args(RolloverStep))


def given(function: ast.FunctionDef) -> set[str]:
    """The words that stand in a function as reasons do."""
    words = {
        node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {word for word in words if re.fullmatch("[A-Z][A-Za-z]+", word)} - {
        "True",
        "False",
        "Unknown",
        *reasons.STEPS,
    }


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        pytest.param("ready", "Ready", id="Ready"),
        pytest.param("validated", "Validated", id="Validated"),
        pytest.param("deployed", "Deployed", id="Deployed"),
        pytest.param("state_safe", "StateSafe", id="StateSafe"),
        pytest.param("progressing", "Progressing", id="Progressing"),
    ],
)
def test_the_reasons_given_are_the_reasons_known(function: str, kind: ConditionType) -> None:
    functions = {
        node.name: node for node in ast.parse(inspect.getsource(conditions)).body if isinstance(node, ast.FunctionDef)
    }
    words, known = given(functions[function]), set(reasons.REASONS[kind])

    assert known - set(reasons.STEPS) <= words
    assert words - known <= {"True", "False", "Unknown", *reasons.STEPS, *reasons.REASONS}


def reachable(start: Phase) -> set[Phase]:
    """Every phase that can come after this one, and itself."""
    found: set[Phase] = set()
    ahead = {start}
    while ahead:
        found |= ahead
        ahead = {after for before in ahead for after in TRANSITIONS[before]} - found
    return found


@pytest.mark.parametrize("phase", get_args(Phase))
def test_every_phase_is_reached(phase: Phase) -> None:
    assert phase in reachable("Pending")


@pytest.mark.parametrize("phase", [phase for phase in get_args(Phase) if phase != "Deleting"])
def test_no_phase_is_a_dead_end(phase: Phase) -> None:
    assert {"Running", "Suspended", "Deleting"} <= reachable(phase)


def test_deleting_is_final() -> None:
    assert reachable("Deleting") == {"Deleting"}


@pytest.mark.parametrize(
    ("before", "after", "legal"),
    [
        pytest.param("Running", "Running", True, id="staying"),
        pytest.param("Running", "Updating", True, id="an-edit"),
        pytest.param("Running", "Suspended", False, id="no-stop-without-a-savepoint"),
        pytest.param("Updating", "Suspended", False, id="nor-in-the-middle-of-a-change"),
        pytest.param("Suspended", "Running", False, id="no-start-without-deploying"),
        pytest.param("Deleting", "Running", False, id="no-way-back-from-deleting"),
    ],
)
def test_steps_between_phases(before: Phase, after: Phase, legal: bool) -> None:
    assert may_follow(before, after) is legal


def test_a_status_written_is_read_again() -> None:
    status = Status.model_validate(
        {
            "phase": "Running",
            "records": {"in": 5, "deadLettered": 0},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Running",
                    "observedGeneration": 1,
                    "lastTransitionTime": "2026-01-31T12:00:00Z",
                }
            ],
        }
    )

    assert Status.model_validate(status.document()) == status
    assert status.document()["records"] == {"in": 5, "deadLettered": 0}
    ready = status.condition("Ready")
    assert ready is not None
    assert ready.reason == "Running"
