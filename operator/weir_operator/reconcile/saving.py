"""Steps 4 and 5: the old job is saved and stopped, and the path gets recorded. No way back in here. Pure."""

from datetime import datetime

from weir_api.launchers import RestorePoint
from weir_api.statuses import Savepoint, Status
from weir_operator.fleet.actions import Recycle, StopWithSavepoint

from . import preparing, restores, running
from .situations import Situation, Step, enter, with_job


def retargeted(situation: Situation) -> Situation:
    """A stop asked for while the old job is being saved needs no second savepoint: this one is its."""
    rollover = situation.rollover
    if not situation.wanted.stop or rollover.to_revision is None:
        return situation
    to_nothing = rollover.model_copy(update={"to_revision": None, "to_job_id": None})
    return situation.recording(situation.status.model_copy(update={"rollover": to_nothing}))


def saving(situation: Situation) -> Step:
    """Step 4, from the trigger to its outcome.

    A savepoint counts only when the job certainly stopped with it: a job that ran on has done more than it holds.
    """
    rollover, seen = situation.rollover, situation.observed.savepoint
    assert rollover.trigger_id is not None and rollover.from_revision is not None
    point = situation.point_under(rollover.target_directory)
    if situation.ended(rollover.from_revision, rollover.from_job_id):
        if not situation.observed.points_known:
            return Step(situation.status)
        return _ended(situation, point)
    state = seen.state if seen is not None else "unknown"
    if state == "failed" and seen is not None:
        return preparing.attempt_again(situation, f"the savepoint failed: {seen.reason}")
    if f"savepoint {rollover.trigger_id}" in situation.observed.refused:
        why = situation.observed.failures.get(f"savepoint {rollover.trigger_id}", "")
        return preparing.attempt_again(situation, f"Flink refused the savepoint: {why}")
    if state in ("inProgress", "completed"):
        return Step(enter(situation, "Saving") if rollover.step == "Triggering" else situation.status)
    return _unknown(situation, point)


def _unknown(situation: Situation, point: RestorePoint | None) -> Step:
    """Flink does not know the trigger: never sent, or forgotten with the process that knew it."""
    rollover = situation.rollover
    job = situation.job(rollover.from_job_id)
    if job is None and situation.phase(rollover.from_revision) == "standby":
        return preparing.attempt_again(situation, "the job's process was started again")
    if job is None:  # its launcher is silent, or compiling again before it goes on
        return Step(situation.status)
    if point is not None:
        return preparing.attempt_again(situation, "the job went on after its savepoint, which is of no use now")
    assert rollover.from_revision and rollover.from_job_id and rollover.trigger_id and rollover.target_directory
    trigger = StopWithSavepoint(
        rollover.from_revision, rollover.from_job_id, rollover.trigger_id, rollover.target_directory
    )
    return Step(situation.status, (trigger,))


def _ended(situation: Situation, point: RestorePoint | None) -> Step:
    rollover, job = situation.rollover, situation.status.job
    assert job is not None
    if point is not None:
        return Step(saved(situation, point))
    seen = situation.job(rollover.from_job_id)
    if seen is not None:
        # It ended in a living process without this savepoint: an earlier attempt's, or its newest checkpoint, must do.
        return Step(enter(situation, "Abandoning"))
    again = preparing.attempt_again(situation, "the job's process ended before the savepoint was complete")
    return again.also(*running.deploy(situation, job.revision))


def saved(situation: Situation, point: RestorePoint) -> Status:
    """Step 5: the path, recorded before anything may be started or deleted."""
    rollover = situation.rollover
    assert rollover.trigger_id is not None
    seen = situation.job(rollover.from_job_id)
    asked = next((record.at for record in rollover.history[::-1] if record.step == "Triggering"), situation.now)
    savepoint = Savepoint(
        location=point.location, taken_at=point.taken_at, trigger=rollover.trigger_id, generation=rollover.generation
    )
    recorded = enter(
        situation,
        "Saved",
        restore_from=point.location,
        savepoint_seconds=_seconds(asked, point.taken_at),
        stopped_at=(seen.ended_at if seen else None) or point.taken_at,
    )
    return recorded.model_copy(update={"savepoint": savepoint})


def abandoning(situation: Situation) -> Step:
    """The old job cannot be saved: once its process is gone, its newest checkpoint becomes what is restored."""
    rollover, job = situation.rollover, situation.status.job
    assert job is not None
    assert rollover.from_revision is not None
    if not situation.gone(rollover.from_revision):
        return Step(situation.status, (Recycle(rollover.from_revision),))
    if not situation.observed.points_known:
        return Step(situation.status)
    own = situation.newest_point(job.id)
    recorded = enter(
        situation,
        "Saved",
        restore_from=restores.newest(situation, job),
        stopped_at=situation.now,
        message="the old job could not be saved; its newest checkpoint is used",
    )
    return Step(_proven(situation, recorded) if own is not None else recorded)


def _proven(situation: Situation, recorded: Status) -> Status:
    """A job that left state of its own counts as the revision that ran, although it was never found stable."""
    job, rollover = situation.status.job, situation.rollover
    if job is None or job.revision == recorded.revision or rollover.signature is None:
        return recorded
    return recorded.model_copy(
        update={"revision": job.revision, "signature": rollover.signature, "fresh": rollover.fresh}
    )


def after_saved(situation: Situation) -> Step:
    """Step 6, or the end of a stop: with the path on record the old revision may go."""
    if situation.rollover.to_revision is None:
        return Step(with_job(enter(situation, "Done"), None))
    return preparing.start_without_job(situation)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, round((end - begin).total_seconds(), 3))
