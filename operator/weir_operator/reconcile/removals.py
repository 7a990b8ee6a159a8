"""Deleting a StreamJob: a last savepoint unless told not to, within a deadline; what is dead never blocks. Pure.

Deadlines count from the first step that was recorded after the deletion: while nobody was there to take one, none of
what they wait for could happen.
"""

from datetime import datetime

from weir_api.statuses import Status
from weir_operator.fleet.actions import Forget, RemoveState

from . import beginnings, preparing, restores, saving
from .situations import SAVEPOINT_ON_DELETE, SETTLED, Situation, Step, enter, with_job


def removal(situation: Situation) -> Step:  # noqa: PLR0911 - a table of cases
    """The next step towards nothing being left; wherever the rollover stands, it is never begun anew for long."""
    status = situation.status
    if status.job is None:
        return _clear(situation)
    if _without_savepoint(situation):
        return _let_go(situation)
    if status.rollover is None or status.rollover.step in SETTLED or status.rollover.to_revision is not None:
        return _from_elsewhere(situation)
    match status.rollover.step:
        case "Triggering" | "Saving":
            return saving.saving(situation)
        case "Saved":
            return saving.after_saved(situation)
        case "Abandoning":
            return saving.abandoning(situation)
        case _:
            return preparing.backing_off(situation)


def _from_elsewhere(situation: Situation) -> Step:
    """Out of whatever else was under way; a savepoint that is being taken already becomes the last one."""
    rollover = situation.status.rollover
    if rollover is None or rollover.step not in ("Triggering", "Saving", "Saved", "Abandoning"):
        return beginnings.stop(situation)
    return removal(saving.retargeted(situation))


def _without_savepoint(situation: Situation) -> bool:
    """Not wanted, not possible, or not come in time."""
    job, rollover = situation.status.job, situation.status.rollover
    assert job is not None
    saved = rollover is not None and rollover.step in ("Triggering", "Saving", "Saved", "Abandoning")
    begun = _begun(situation) or (situation.wanted.deleting_since if saved else situation.now)
    assert begun is not None
    if not _wants_savepoint(situation) or situation.now >= begun + situation.limits.deletion:
        return True
    return not saved and (situation.gone(job.revision) or situation.ended(job.revision, job.id))


def _begun(situation: Situation) -> datetime | None:
    """When the first step after the deletion was recorded; None: none was yet."""
    since, rollover = situation.wanted.deleting_since, situation.status.rollover
    assert since is not None
    history = rollover.history if rollover is not None else ()
    return next((record.at for record in history if record.at > since), None)


def _wants_savepoint(situation: Situation) -> bool:
    return situation.wanted.annotations.get(SAVEPOINT_ON_DELETE, "true").lower() != "false"


def _let_go(situation: Situation) -> Step:
    """End without a savepoint of its own; what was saved before stays, unless the user wants none of it."""
    job = situation.status.job
    assert job is not None
    begun = situation if situation.status.rollover else situation.recording(beginnings.stop(situation).status)
    looked = _wants_savepoint(situation) and situation.observed.points_known
    newest = restores.newest(situation, job) if looked else None
    done = enter(begun, "Done", to_revision=None, to_job_id=None, restore_from=newest)
    return Step(with_job(done, None))


def _clear(situation: Situation) -> Step:
    """Everything stopped: when no process is left, the state and then the object itself go."""
    rollover = situation.status.rollover
    if rollover is not None and rollover.step not in SETTLED:
        return Step(enter(situation, "Cancelled"))
    begun = _begun(situation) or situation.wanted.deleting_since
    assert begun is not None
    overdue = situation.now >= begun + situation.limits.removal
    if (situation.observed.revisions or situation.observed.services) and not overdue:
        return Step(situation.status)
    if not ever_started(situation.status):
        return Step(situation.status, (Forget(),))
    if _wants_savepoint(situation) and needs_look(situation.status) and not situation.observed.points_known:
        return Step(situation.status, (Forget(),) if overdue else ())  # what was never looked at is not deleted
    return Step(situation.status, (RemoveState(_kept(situation)), Forget()))


def ever_started(status: Status) -> bool:
    """Whether any job may have left state."""
    rollover = status.rollover
    if status.revision is not None or status.job is not None:
        return True
    return rollover is not None and (
        rollover.from_job_id is not None or any(record.step == "Starting" for record in rollover.history)
    )


def needs_look(status: Status) -> bool:
    """Whether what is kept of a StreamJob without a job is not on record, and has to be looked for."""
    rollover = status.rollover
    return status.job is None and rollover is not None and rollover.restore_from is None and ever_started(status)


def _kept(situation: Situation) -> str | None:
    """What was saved last; where the end came before anyone could look, the newest of what is found now."""
    rollover, points = situation.status.rollover, situation.observed.points
    if rollover is None or not _wants_savepoint(situation):
        return None
    if rollover.restore_from is not None:
        return rollover.restore_from
    newest = max(points, key=lambda point: point.taken_at, default=None)
    return newest.location if newest is not None else None
