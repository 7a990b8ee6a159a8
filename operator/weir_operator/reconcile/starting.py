"""Steps 6 to 8: the new job starts with its recorded id and proves itself, or the old one starts again. Pure."""

from weir_api.statuses import Job
from weir_operator.fleet.actions import Deploy, PruneState, Recycle

from . import beginnings, identities, preparing, restores, running
from .situations import Situation, Step, enter, with_job


def begin(situation: Situation, restore_from: str | None) -> Step:
    """Step 6 on record: from here on this job, and no other, is the StreamJob's."""
    rollover = situation.rollover
    assert rollover.to_revision is not None and rollover.to_job_id is not None
    job = Job(id=rollover.to_job_id, state="CREATED", revision=rollover.to_revision, restored_from=restore_from)
    deadline = situation.now + situation.limits.stable
    recorded = situation.recording(
        with_job(enter(situation, "Starting", restore_from=restore_from, deadline=deadline), job)
    )
    return _told(recorded, job)


def starting(situation: Situation) -> Step:
    """See that the launcher was told and its process lives, until all tasks of the job run."""
    job, rollover = _job(situation), situation.rollover
    seen = situation.job(job.id)
    if seen is not None and seen.running_since is not None:
        gap = (seen.running_since - rollover.stopped_at).total_seconds() if rollover.stopped_at else None
        return Step(enter(situation, "Stabilizing", gap_seconds=None if gap is None else max(0.0, round(gap, 3))))
    if why := running.unstable(situation, job):
        return _failed(situation, job, why)
    return _told(situation, job)


def stabilizing(situation: Situation) -> Step:
    """Step 7: all tasks run and one checkpoint of its own is complete."""
    job = _job(situation)
    seen = situation.job(job.id)
    if seen is not None and seen.running_since is not None and _checkpointed(situation, job):
        return done(situation, job)
    if why := running.unstable(situation, job):
        return _failed(situation, job, why)
    return running.keep(situation, job)


def done(situation: Situation, job: Job) -> Step:
    """The new revision is the one that runs; nothing of the old one is needed any more."""
    rollover = situation.rollover
    stable = enter(situation, "Done").model_copy(
        update={"revision": job.revision, "signature": rollover.signature, "fresh": rollover.fresh, "job": job}
    )
    kept = tuple(place for place in (rollover.restore_from, job.restored_from) if place)
    return Step(stable, (PruneState(job.id, kept),))


def _failed(situation: Situation, job: Job, why: str) -> Step:
    """Step 8 where there is an old revision to go back to; else it is kept trying until the spec changes."""
    rollover = situation.rollover
    if _checkpointed(situation, job) and situation.phase(job.revision) != "refused":
        return done(situation, job)  # what it committed must not be committed again by going back
    if rollover.from_revision and rollover.restore_from:
        wanted = situation.wanted
        again = identities.job_id(wanted.uid, rollover.generation, rollover.attempt, "rollback")
        return Step(enter(situation, "RollingBack", rollback_job_id=again, message=why))
    if preparing.superseded(situation) or restores.by_hand(situation) is not None:
        return beginnings.abandon(situation)
    noted = rollover.model_copy(update={"message": why})
    return running.keep(situation.recording(situation.status.model_copy(update={"rollover": noted})), job)


def rolling_back(situation: Situation) -> Step:
    """Step 8: once the new revision is gone, and only if it committed nothing, the old one starts from there."""
    rollover, job = situation.rollover, _job(situation)
    if job.id != rollover.rollback_job_id:
        return _take_back(situation, job)
    seen = situation.job(job.id)
    if seen is not None and seen.running_since is not None:
        return Step(enter(situation, "RolledBack", message=rollover.message))
    if situation.phase(job.revision) in ("failed", "ended") and situation.told(job):
        given_another_way = preparing.superseded(situation) or restores.by_hand(situation) is not None
        return beginnings.abandon(situation) if given_another_way else running.keep(situation, job)
    return _told(situation, job)


def _told(situation: Situation, job: Job) -> Step:
    """Until the job runs its launcher has no orders but ours: by itself it would go on with an earlier job."""
    if (making_room := _room(situation, job)) is not None:
        return making_room
    match situation.phase(job.revision):
        case "standby" | "failed" | "ended" if not situation.told(job):
            return Step(situation.status, running.start(situation, job))
        case _:
            return Step(situation.status, running.deploy(situation, job.revision, go_on=False))


def _room(situation: Situation, job: Job) -> Step | None:
    """In a cold rollover the old revision's processes go before the new one's workers come; None: there is room."""
    rollover, revision = situation.rollover, job.revision
    if rollover.mode == "warm" or revision != rollover.to_revision or rollover.from_revision is None:
        return None
    if not situation.gone(rollover.from_revision):
        return Step(situation.status, (Recycle(rollover.from_revision),))
    if situation.phase(revision) == "waitingForSlots":
        return Step(situation.status, (Deploy(revision, running.config_of(situation, revision), go_on=False),))
    return None


def _take_back(situation: Situation, job: Job) -> Step:
    rollover = situation.rollover
    assert rollover.rollback_job_id is not None and rollover.from_revision is not None
    if not situation.gone(job.revision) or not situation.observed.points_known:
        return Step(situation.status)
    if _checkpointed(situation, job):
        return done(situation, job)
    revision, location = rollover.from_revision, rollover.restore_from
    back = Job(id=rollover.rollback_job_id, state="CREATED", revision=revision, restored_from=location)
    return Step(with_job(situation.status, back))


def _checkpointed(situation: Situation, job: Job) -> bool:
    seen = situation.job(job.id)
    return (seen is not None and seen.checkpoints > 0) or situation.newest_point(job.id, "checkpoint") is not None


def _job(situation: Situation) -> Job:
    assert situation.status.job is not None
    return situation.status.job
