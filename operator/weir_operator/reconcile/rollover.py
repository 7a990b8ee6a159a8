"""One decision: from what is wanted, recorded and seen to what is recorded next and then done. Pure.

Every pass makes at most one step of the protocol, so that each is on disk before the next is even thought of, and a
reconciler that dies anywhere is followed by one that reads where it was.
"""

from weir_api.statuses import Job, Records
from weir_operator.fleet.actions import Remove
from weir_operator.fleet.observations import JobObservation

from . import asking, beginnings, conditions, preparing, removals, running, saving, serving, starting
from .situations import SETTLED, Situation, Step


def plan(situation: Situation) -> Step:
    """The status to record and the actions to take once it is recorded."""
    seen = situation.recording(situation.status.model_copy(update={"job": _refreshed(situation)}))
    step = _next(_counted(seen))
    after = situation.recording(step.status.model_copy(update={"services": serving.told(situation)}))
    removed = tuple(Remove(one.revision) for one in after.observed.revisions if one.revision not in _needed(after))
    return Step(conditions.judged(after), step.actions + removed + serving.kept(after))


def _next(situation: Situation) -> Step:  # noqa: PLR0911 - a table of cases
    wanted, status = situation.wanted, situation.status
    if wanted.deleting_since is not None:
        return removals.removal(situation)
    if status.rollover is None or status.rollover.step in SETTLED:
        return _settled(situation)
    match status.rollover.step:
        case "Deploying" | "Judging" | "BackingOff":
            return _preparing(situation)
        case "Triggering" | "Saving":
            return saving.saving(saving.retargeted(situation))
        case "Abandoning":
            return saving.abandoning(saving.retargeted(situation))
        case "Saved":
            return saving.after_saved(saving.retargeted(situation))
        case "Starting":
            return starting.starting(situation)
        case "Stabilizing":
            return starting.stabilizing(situation)
        case _:
            return starting.rolling_back(situation)


def _settled(situation: Situation) -> Step:
    """Nothing is under way: begin what the spec asks for, or keep what runs running."""
    wanted, job, rollover = situation.wanted, situation.status.job, situation.status.rollover
    if wanted.suspended and job is not None:
        return beginnings.stop(situation)
    if wanted.revision is None or (job is not None and job.revision == wanted.revision):
        return _held(situation)
    tried = rollover is not None and rollover.step in ("Refused", "RolledBack")
    if (
        tried
        and rollover is not None
        and (rollover.generation, rollover.to_revision)
        == (
            wanted.generation,
            wanted.revision,
        )
    ):
        return _held(situation)  # the same again would end the same
    return beginnings.start(situation)


def _held(situation: Situation) -> Step:
    job = situation.status.job
    if job is None:
        return Step(situation.status)
    step = running.keep(situation, job)
    return asking.answered(situation, job) if step == Step(situation.status) else step


def _preparing(situation: Situation) -> Step:
    """The steps that can still be called off; the old job is kept running meanwhile."""
    if preparing.superseded(situation):
        return preparing.called_off(situation)
    current = preparing.renewed(situation)
    match current.rollover.step:
        case "Deploying":
            step = preparing.deploying(current)
        case "Judging":
            step = preparing.judging(current)
        case _:
            step = preparing.backing_off(current)
    job = current.status.job
    if job is None or step.status != current.status:
        return step
    return running.keep(current, job).also(*step.actions)


def _needed(situation: Situation) -> set[str | None]:
    """The revisions whose processes must stay; all others go."""
    job, rollover = situation.status.job, situation.status.rollover
    if rollover is None or rollover.step in SETTLED:
        return {job.revision} if job else set()
    if rollover.step == "RollingBack":
        return {rollover.from_revision}
    return {rollover.from_revision, rollover.to_revision, job.revision if job else None}


def _refreshed(situation: Situation) -> Job | None:
    """The job in effect as it is seen now."""
    job = situation.status.job
    if job is None:
        return None
    found, seen = situation.deployed(job.revision), situation.job(job.id)
    if seen is None:
        lost = situation.gone(job.revision) and job.state != "CREATED"
        return job.model_copy(update={"state": "LOST"}) if lost else job
    restarts = max(job.restarts, (found.starts - 1 if found else 0) + seen.restarts)
    return job.model_copy(
        update={"state": seen.state, "started_at": seen.started_at or job.started_at, "restarts": restarts}
    )


def _counted(situation: Situation) -> Situation:
    """With the records of the running job added to those of all the jobs before it."""
    job = situation.status.job
    seen = situation.job(job.id) if job else None
    if job is None or seen is None or seen.records is None:
        return situation
    status = situation.status.model_copy(
        update={
            "records": total(situation.status.records, job.counted, seen),
            "job": job.model_copy(update={"counted": seen.records}),
        }
    )
    return situation.recording(status)


def total(before: Records | None, counted: Records | None, seen: JobObservation) -> Records:
    """What was counted before and what this job gained since it was last looked at.

    A number smaller than the last one comes from a new process, which counts from zero.
    """
    assert seen.records is not None
    before, last, now = before or Records(), counted or Records(), seen.records

    def grown(sum_: int | None, was: int | None, is_: int | None) -> int | None:
        if is_ is None:
            return sum_
        return (sum_ or 0) + (is_ - was if was is not None and is_ >= was else is_)

    return Records(
        in_=grown(before.in_, last.in_, now.in_),
        out=grown(before.out, last.out, now.out),
        dead_lettered=grown(before.dead_lettered, last.dead_lettered, now.dead_lettered),
        late=grown(before.late, last.late, now.late),
        lag=now.lag,
    )
