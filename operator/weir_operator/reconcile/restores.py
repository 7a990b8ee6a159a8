"""Where a start takes its state from, and when it must not start at all. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from weir_api.launchers import RestorePoint, StartRequest
from weir_api.statuses import Job, Status

from . import verdicts
from .situations import RESTORE_FROM, SETTLED, Situation

EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Choice:
    """`location` None with `source` empty: nothing was ever kept, so a start from nothing loses nothing."""

    source: Literal["recorded", "annotation", "empty", "missing"]
    location: str | None = None


def choose(situation: Situation) -> Choice:
    """What the next start of a StreamJob without a running job restores.

    The user's annotation comes first while it is new; else what the rollover recorded; else nothing, but only if
    there never was anything.
    """
    recorded = situation.rollover.restore_from
    if (given := by_hand(situation)) is not None:
        return Choice("annotation", None if given == EMPTY else given)
    if recorded is not None:
        return Choice("recorded", recorded) if situation.exists(recorded) else Choice("missing", recorded)
    return Choice("missing" if situation.status.revision is not None else "empty")


def by_hand(situation: Situation) -> str | None:
    """The restore point the user names, unless it was used before."""
    return named(situation.wanted.annotations, situation.status)


def named(annotations: Mapping[str, str], status: Status) -> str | None:
    """The same, of a StreamJob as it is stored."""
    found = annotations.get(RESTORE_FROM)
    return found if found and found != status.restored_by_hand else None


def begins_anew(situation: Situation) -> bool:
    """Whether the user gave up all state of a job that does not run: nothing of it can be lost by a change."""
    return situation.status.job is None and by_hand(situation) == EMPTY


def newest(situation: Situation, job: Job) -> str | None:
    """The newest state of a job that did not end by itself: its own last, else what it was started from.

    Without a checkpoint of its own it committed nothing, so starting again where it started is exact.
    """
    point = situation.newest_point(job.id)
    if point is not None:
        return point.location
    return job.restored_from if job.state != "FINISHED" else None


def missing(situation: Situation, job: Job) -> bool:
    """Whether a job that ran stably has nothing left to go on from."""
    if not situation.observed.points_known:
        return False  # nor is it there: see `request`, which is not made then
    location, given = newest(situation, job), situation.status.restored_by_hand
    rollover = situation.status.rollover
    if rollover is not None and rollover.step not in SETTLED and given is not None and given == (location or EMPTY):
        return False  # the user's word; it may lie outside the StreamJob's own directory
    if location is not None:
        return not situation.exists(location)
    return situation.status.revision == job.revision


def outdated(situation: Situation) -> str | None:
    """Why a job that is not running must not start by itself: it stood still and would forget what it still needs."""
    status = situation.status
    if status.job is not None:
        if situation.phase(status.job.revision) not in (None, "standby"):
            return None
        return too_old(situation, newest(situation, status.job))
    rollover = status.rollover
    if rollover is None or rollover.step not in ("Judging", "Saved") or rollover.to_revision is None:
        return None
    choice = choose(situation)
    return too_old(situation, choice.location) if choice.source == "recorded" else None


def too_old(situation: Situation, location: str | None) -> str | None:
    """The same of a start from this place."""
    spec = situation.wanted.spec
    forgets = spec.forgets if spec is not None else None
    point = next((one for one in situation.observed.points if one.location == location), None)
    if forgets is None or point is None or location in (situation.status.restored_by_hand, by_hand(situation)):
        return None
    age, used = situation.now - point.taken_at, timedelta(milliseconds=forgets.used)
    if age + used <= timedelta(milliseconds=forgets.after):
        return None
    after = timedelta(milliseconds=forgets.after).days
    return (
        f"the job has stood still for {age.days} days, and what was not written for {after} days is forgotten, some of "
        f"it still in use: set {forgets.path} to {(age + used).days + 2}d or more until it has caught up, or name "
        f"{location} in the annotation {RESTORE_FROM} to go on without"
    )


def request(situation: Situation, job: Job, location: str | None) -> StartRequest:
    """The start of this job from this place.

    State without an operator is left behind only where the verdict said so and the resource allowed it: in the very
    savepoint the verdict was about, which every later one is free of.
    """
    rollover = situation.status.rollover
    if rollover is None or rollover.to_job_id != job.id:
        return StartRequest(job_id=job.id, restore_from=location, fresh=situation.status.fresh)
    loses = rollover.verdict is not None and bool(verdicts.lost(rollover.verdict))
    return StartRequest(
        job_id=job.id,
        restore_from=location,
        ignore_unclaimed=loses and location == rollover.restore_from,
        fresh=rollover.fresh,
    )


def described(points: tuple[RestorePoint, ...], most: int = 10) -> str:
    """The restore points that are there, newest first, for a condition's message."""
    if not points:
        return "no restore points were found"
    ordered = sorted(points, key=lambda point: point.taken_at, reverse=True)
    lines = [f"{point.location} ({point.kind}, {point.taken_at:%Y-%m-%d %H:%M:%S})" for point in ordered[:most]]
    further = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return f"restore points: {', '.join(lines)}{further}"
