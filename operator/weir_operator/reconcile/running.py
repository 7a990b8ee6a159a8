"""Keeping what runs running: a job whose process died goes on by itself, once someone starts the process. Pure."""

from datetime import datetime, timedelta

from weir_api.launchers import RevisionConfig
from weir_api.statuses import Job
from weir_operator.fleet.actions import Action, Deploy, Start
from weir_operator.fleet.observations import RevisionObservation

from . import identities, restores
from .situations import Situation, Step

QUICK_EXITS_UNSTABLE = 3


def config_of(situation: Situation, revision: str) -> RevisionConfig | None:
    """The revision's configuration when it is the one wanted; the fleet keeps those of earlier ones."""
    config = situation.wanted.config
    return config if config is not None and config.revision == revision else None


def deploy(situation: Situation, revision: str, go_on: bool = True) -> tuple[Action, ...]:
    """See that the revision's process runs, with a back-off when it keeps dying."""
    return (Deploy(revision, config_of(situation, revision), go_on),) if _deployable(situation, revision) else ()


def deploy_beside(situation: Situation, revision: str) -> tuple[Action, ...]:
    """The same for a revision that is to replace the one that runs, as far as there is to be room for both."""
    if not _deployable(situation, revision):
        return ()
    rollover, config = situation.rollover, config_of(situation, revision)
    warm = rollover.mode == "warm"
    if config is not None and rollover.from_revision is not None and warm:
        config = config.model_copy(update={"warm_up": True})
    return (Deploy(revision, config, go_on=False, workers=warm),)


def _deployable(situation: Situation, revision: str) -> bool:
    """Whether something of it has to be made, or made again."""
    found = situation.deployed(revision)
    up_or_waiting = found is not None and (found.alive or situation.now < restart_due(situation, found))
    return found is None or not found.complete or not up_or_waiting


def restart_due(situation: Situation, found: RevisionObservation) -> datetime:
    """When a dead process may be started again."""
    pause = situation.limits.back_off(found.quick_exits) if found.quick_exits else timedelta(0)
    return found.spawned_at + pause


def keep(situation: Situation, job: Job) -> Step:
    """What has to be done so that this job runs again; nothing while it does.

    A launcher that does not know the job is told of it, from the job's newest state. A job that Flink gave up, or that
    someone cancelled, is followed by another one; one that came to its end has nothing left to do.
    """
    if restores.outdated(situation):
        return Step(situation.status)
    match situation.phase(job.revision):
        case None:
            return Step(situation.status, deploy(situation, job.revision))
        case "standby" | "failed" | "ended" if not situation.told(job):
            return Step(situation.status, start(situation, job))
        case "failed" | "ended":
            return _revived(situation, job)
        case _:
            return Step(situation.status, deploy(situation, job.revision))


def start(situation: Situation, job: Job) -> tuple[Action, ...]:
    """Tell the launcher to run the job, unless another one still runs or its state is not there."""
    if not situation.observed.points_known:
        return ()
    if not situation.alone(job.revision) or restores.missing(situation, job):
        return ()
    return (Start(job.revision, restores.request(situation, job, restores.newest(situation, job))),)


def _revived(situation: Situation, job: Job) -> Step:
    """Another job in place of one that ended, on record before it is started, and not too soon after the last one."""
    found, seen, status = situation.deployed(job.revision), situation.job(job.id), situation.status
    if found is None or not situation.observed.points_known:
        return Step(status)
    if (seen is not None and seen.state == "FINISHED") or restores.missing(situation, job):
        return Step(status)
    ended = (seen.ended_at if seen else None) or found.spawned_at
    if situation.now < ended + situation.limits.back_off(job.restarts + 1):
        return Step(status)
    next_id = identities.job_id(situation.wanted.uid, status.observed_generation, job.restarts + 1, f"after {job.id}")
    again = Job(
        id=next_id,
        state="CREATED",
        revision=job.revision,
        restarts=job.restarts + 1,
        restored_from=restores.newest(situation, job),
    )
    rollover = status.rollover
    if rollover is not None:
        deadline = situation.now + situation.limits.stable
        same = {name: next_id for name in ("to_job_id", "rollback_job_id") if getattr(rollover, name) == job.id}
        rollover = rollover.model_copy(update={**same, "deadline": deadline})
    return Step(status.model_copy(update={"job": again, "rollover": rollover}))


def unstable(situation: Situation, job: Job) -> str | None:  # noqa: PLR0911 - a table of cases
    """Why a new job will not become stable; None while it still may."""
    found, seen, limits = situation.deployed(job.revision), situation.job(job.id), situation.limits
    match situation.phase(job.revision):
        case "failed":
            return _first_error(found) or "Flink gave the job up"
        case "ended":
            return f"the job ended ({seen.state if seen else 'no longer known'}) before its first checkpoint"
        case "refused":
            return _first_error(found) or "the program does not compile"
        case _:
            pass
    if seen is not None and seen.restarts >= limits.restarts_before_unstable and seen.checkpoints == 0:
        return f"the job restarted {seen.restarts} times before its first checkpoint"
    if found is not None and found.trouble:
        return found.trouble
    if found is not None and dying(found):
        return f"its process ended {found.quick_exits} times soon after it was started{_last_line(found)}"
    if situation.now >= situation.rollover.deadline:
        return f"no checkpoint completed within {limits.stable.total_seconds():g} s of the start"
    return None


def dying(found: RevisionObservation) -> bool:
    """Whether its processes will not run again by themselves."""
    return found.trouble != "" or (not found.alive and found.quick_exits >= QUICK_EXITS_UNSTABLE)


def _first_error(found: RevisionObservation | None) -> str:
    return "; ".join(map(str, found.answer.errors)) if found and found.answer else ""


def _last_line(found: RevisionObservation) -> str:
    lines = found.log_tail.strip().splitlines()
    return f": {lines[-1]}" if lines else ""
