"""From where a job goes on whose process was killed."""

import pytest

from weir_api.launchers import StartRequest
from weir_runtime.launcher.records import StartRecord
from weir_runtime.launcher.restore_points import GoOn, HasEnded, Snapshot, StateMissing, after_kill

JOB = "a" * 32


def record(checkpointed: bool = False, restore_from: str | None = "old") -> StartRecord:
    request = StartRequest(job_id=JOB, restore_from=restore_from)
    return StartRecord(revision="r1", request=request, checkpointed=checkpointed)


def checkpoint(number: int) -> Snapshot:
    return Snapshot(f"chk-{number}", "checkpoint", number, stops_job=False)


def savepoint(number: int, stops_job: bool) -> Snapshot:
    return Snapshot(f"savepoint-{number}", "savepoint", number, stops_job=stops_job)


@pytest.mark.parametrize(
    ("checkpointed", "snapshots", "expected"),
    [
        pytest.param(False, [], GoOn("old"), id="killed-before-its-first-checkpoint"),
        pytest.param(True, [], StateMissing(), id="checkpoints-gone-never-empty"),
        pytest.param(True, [checkpoint(9), checkpoint(11), checkpoint(10)], GoOn("chk-11"), id="newest-by-number"),
        pytest.param(True, [checkpoint(3), savepoint(4, stops_job=True)], HasEnded(), id="stopped-not-yet-recorded"),
        pytest.param(True, [savepoint(4, stops_job=True)], HasEnded(), id="stopped-and-checkpoints-removed"),
        pytest.param(
            True, [checkpoint(5), savepoint(4, stops_job=True)], GoOn("chk-5"), id="an-earlier-stop-that-failed"
        ),
        pytest.param(True, [checkpoint(3), savepoint(4, stops_job=False)], GoOn("chk-3"), id="savepoint-without-stop"),
    ],
)
def test_goes_on_from(checkpointed: bool, snapshots: list[Snapshot], expected: object) -> None:
    assert after_kill(record(checkpointed), snapshots) == expected
