"""A StreamJob written by hand, through everything that may happen to it, on real Flink: no number twice, none lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from integration.reconcile.jobs import KEY, OPERATOR, Stage, staged

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    yield from staged(tmp_path)


def test_a_life(stage: Stage) -> None:
    """First start, a change, a refused one, suspend and resume, kill -9 of the job, a second operator, delete."""
    stage.apply("one")
    stage.start_operator()
    first = stage.settled(1, "Running")
    assert first.job is not None and first.signature is not None
    stage.until_written("one")

    refused = subprocess.run(
        [sys.executable, str(OPERATOR), str(stage.places.root)], capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode != 0 and f"(pid {stage.operator.pid})" in refused.stderr  # type: ignore[union-attr]

    stage.apply("two")
    second = stage.settled(2, "Running")
    stage.until_written("two")
    rollover = second.rollover
    assert rollover is not None and rollover.verdict is not None and not rollover.verdict.loses_state
    assert rollover.savepoint_seconds is not None and rollover.gap_seconds is not None
    print(f"savepoint {rollover.savepoint_seconds} s, gap {rollover.gap_seconds} s")
    assert stage.check_exact()

    found = stage.store.get(KEY)
    assert found is not None
    stage.store.apply(KEY, found.spec, annotations={"weir.dev/savepoint": "now"})
    saved = stage.until("a savepoint", lambda s: s.asked is not None and s.asked.state != "InProgress")
    assert saved.asked is not None and saved.asked.state == "Taken", saved.asked
    assert saved.savepoint is not None and saved.savepoint.location.startswith(saved.asked.target_directory)
    assert saved.job is not None and second.job is not None and saved.job.id == second.job.id
    assert list(stage.places.state(KEY).glob("savepoints/*/asked-*/savepoint-*/_metadata"))

    stage.apply("three", key="l")
    third = stage.settled(3, "Degraded")
    safe = third.condition("StateSafe")
    assert safe is not None and (safe.status, safe.reason) == ("False", "StateWouldBeLost")
    assert "numbers.sums" in safe.message and third.job is not None and second.job is not None
    assert third.job.id == second.job.id

    stage.apply("two", suspended=True)
    suspended = stage.settled(4, "Suspended")
    assert suspended.savepoint is not None and suspended.job is None
    stage.until("no process", lambda _: len(stage.launchers()) == 1)  # the operator itself
    stage.apply("four")
    resumed = stage.settled(5, "Running")
    stage.until_written("four")
    assert resumed.job is not None and resumed.job.restored_from == suspended.savepoint.location

    os.kill(stage.launcher().pid, signal.SIGKILL)
    again = stage.until("a restart", lambda s: s.job is not None and s.job.restarts == 1 and s.phase == "Running")
    assert again.job is not None and again.job.id == resumed.job.id
    before = len(stage.rows())
    stage.until("further rows", lambda _: len(stage.rows()) > before)
    assert stage.check_exact()

    stage.store.mark_deleted(KEY)
    stage.until("the end", lambda _: stage.store.get(KEY) is None)
    assert stage.check_exact()
    assert list(stage.places.state(KEY).glob("savepoints/*/*/savepoint-*/_metadata"))
    stage.stop_operator()
    assert not stage.launchers()


@pytest.mark.parametrize("step", ["Deploying", "Judging", "Triggering", "Saving", "Saved", "Starting", "Stabilizing"])
def test_the_operator_dies_as_soon_as_a_step_is_recorded(stage: Stage, step: str) -> None:
    stage.apply("one")
    stage.start_operator()
    stage.settled(1, "Running")
    stage.until_written("one")
    stage.stop_operator()
    stage.apply("two")
    stage.start_operator(step)
    stage.operator_dies()
    stage.start_operator()
    after = stage.settled(2, "Running")
    assert after.rollover is not None and after.rollover.step == "Done" and after.rollover.attempt == 1
    stage.until_written("two")
    assert stage.check_exact()
    savepoints = list(stage.places.state(KEY).glob("savepoints/*/*/savepoint-*"))
    assert len(savepoints) == 1, savepoints


def test_operator_and_job_die_while_it_is_saved(stage: Stage) -> None:
    stage.apply("one")
    stage.start_operator()
    stage.settled(1, "Running")
    stage.until_written("one")
    stage.stop_operator()
    stage.apply("two")
    stage.start_operator("Saving")
    stage.operator_dies()
    os.kill(stage.launcher().pid, signal.SIGKILL)
    stage.start_operator()
    stage.settled(2, "Running")
    stage.until_written("two")
    assert stage.check_exact()


def test_a_revision_that_fails_after_its_start_is_rolled_back(stage: Stage) -> None:
    """The old one goes on from the savepoint that was taken for the change, and a mended spec is another change."""
    stage.apply("one")
    stage.start_operator()
    stage.settled(1, "Running")
    stage.until_written("one")

    retries: JsonValue = {"restart-strategy.exponential-delay.attempts-before-reset-backoff": "1"}
    stage.apply("broken", number="id / (id - id)", runtime={"checkpointInterval": "1s", "flinkConfiguration": retries})
    back = stage.until("the roll back", lambda s: s.rollover is not None and s.rollover.step == "RolledBack")
    assert back.phase == "Degraded" and back.observed_generation == 2
    assert back.savepoint is not None and back.job is not None
    assert back.job.restored_from == back.savepoint.location
    told = " ".join(condition.message for condition in back.conditions)
    assert "by zero" in told, told
    before = len(stage.rows())
    stage.until("the old revision's rows", lambda _: len(stage.rows()) > before + 500)
    assert {word for _, word in stage.rows()} == {"one"}
    assert stage.check_exact()

    stage.apply("mended")
    stage.settled(3, "Running")
    stage.until_written("mended")
    assert stage.check_exact()


def test_state_that_was_named_is_lost_and_no_other(stage: Stage) -> None:
    """The change that test_a_life sees refused, with the word for it: the counts begin again, the numbers do not."""
    stage.apply("one")
    stage.start_operator()
    stage.settled(1, "Running")
    stage.until_written("one")
    stage.apply("two", key="l", state={"onIncompatibleChange": "reset", "operators": ["numbers.sums-group-aggregate"]})
    reset = stage.settled(2, "Running")
    assert reset.rollover is not None and reset.rollover.verdict is not None
    fates = {operator.uid: operator.fate for operator in reset.rollover.verdict.operators}
    assert fates.pop("numbers.sums-group-aggregate") == "incompatible"
    assert set(fates.values()) == {"kept"}, fates
    stage.until_written("two")
    assert stage.check_exact()
