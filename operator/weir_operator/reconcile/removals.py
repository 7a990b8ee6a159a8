"""Deleting a StreamJob: a last savepoint unless told not to, within a deadline; what is dead never blocks. Pure."""

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
    since, job, rollover = situation.wanted.deleting_since, situation.status.job, situation.status.rollover
    assert since is not None and job is not None
    if not _wants_savepoint(situation) or situation.now >= since + situation.limits.deletion:
        return True
    saved = rollover is not None and rollover.step in ("Triggering", "Saving", "Saved", "Abandoning")
    return not saved and (situation.gone(job.revision) or situation.ended(job.revision, job.id))


def _wants_savepoint(situation: Situation) -> bool:
    return situation.wanted.annotations.get(SAVEPOINT_ON_DELETE, "true").lower() != "false"


def _let_go(situation: Situation) -> Step:
    """End without a savepoint of its own; what was saved before stays, unless the user wants none of it."""
    job = situation.status.job
    assert job is not None
    begun = situation if situation.status.rollover else situation.recording(beginnings.stop(situation).status)
    newest = restores.newest(situation, job) if _wants_savepoint(situation) else None
    done = enter(begun, "Done", to_revision=None, to_job_id=None, restore_from=newest)
    return Step(with_job(done, None))


def _clear(situation: Situation) -> Step:
    """Everything stopped: when no process is left, the state and then the object itself go."""
    rollover = situation.status.rollover
    if rollover is not None and rollover.step not in SETTLED:
        return Step(enter(situation, "Cancelled"))
    if situation.observed.revisions:
        return Step(situation.status)
    keep = rollover.restore_from if rollover is not None and _wants_savepoint(situation) else None
    return Step(situation.status, (RemoveState(keep), Forget()))
