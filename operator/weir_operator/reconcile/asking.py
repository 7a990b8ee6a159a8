"""A savepoint of the running job, asked for by annotation: recorded, taken once, and the job goes on. Pure."""

from weir_api import states
from weir_api.statuses import Asked, Job, Savepoint, Status
from weir_operator.fleet.actions import PruneState, TakeSavepoint
from weir_operator.fleet.observations import SavepointObservation

from . import identities
from .situations import SAVEPOINT, Situation, Step


def under_way(status: Status) -> Asked | None:
    """The savepoint that was asked for and is neither taken nor failed."""
    asked = status.asked
    running = asked is not None and status.job is not None and asked.job == status.job.id
    return asked if running and asked is not None and asked.state == "InProgress" else None


def answered(situation: Situation, job: Job) -> Step:
    """What is next for the savepoint that is asked for; nothing where none is, or the job does not run."""
    word, asked = situation.wanted.annotations.get(SAVEPOINT), situation.status.asked
    seen = situation.job(job.id)
    if not word or seen is None or seen.running_since is None:
        return Step(situation.status)
    if asked is None or asked.word != word or (asked.state == "InProgress" and asked.job != job.id):
        return Step(_recorded(situation, job, word))
    if asked.state != "InProgress":
        return Step(situation.status)
    return _outcome(situation, job, asked)


def _outcome(situation: Situation, job: Job, asked: Asked) -> Step:
    name = f"savepoint {asked.trigger}"
    if name in situation.observed.refused:
        return Step(_ended(situation, asked, f"Flink refused it: {situation.observed.failures.get(name, '')}"))
    found = situation.observed.savepoint or SavepointObservation("unknown")
    match found.state:
        case "completed" if found.location is not None:
            return _taken(situation, job, asked, states.uri_of(found.location))
        case "failed" | "completed":
            return Step(_ended(situation, asked, found.reason))
    if situation.now >= asked.at + situation.limits.asked:
        why = situation.observed.failures.get(name, "")
        return Step(_ended(situation, asked, why or f"not taken within {situation.limits.asked.total_seconds():g} s"))
    if found.state == "inProgress":
        return Step(situation.status)
    return Step(situation.status, (TakeSavepoint(job.revision, job.id, asked.trigger, asked.target_directory),))


def _recorded(situation: Situation, job: Job, word: str) -> Status:
    trigger = identities.asked_trigger(situation.wanted.uid, job.id, word)
    directory = identities.asked_directory(situation.wanted.state_directory, job.id, trigger)
    asked = Asked(word=word, job=job.id, trigger=trigger, target_directory=directory, at=situation.now)
    return situation.status.model_copy(update={"asked": asked})


def _taken(situation: Situation, job: Job, asked: Asked, location: str) -> Step:
    status = situation.status
    savepoint = Savepoint(
        location=location, taken_at=situation.now, trigger=asked.trigger, generation=situation.wanted.generation
    )
    taken = asked.model_copy(update={"state": "Taken"})
    kept = tuple(place for place in (location, job.restored_from) if place)
    return Step(status.model_copy(update={"asked": taken, "savepoint": savepoint}), (PruneState(job.id, kept),))


def _ended(situation: Situation, asked: Asked, why: str) -> Status:
    failed = asked.model_copy(update={"state": "Failed", "message": why})
    return situation.status.model_copy(update={"asked": failed})
