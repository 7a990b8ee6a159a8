"""How a rollover begins: to another revision, to a stop, or by taking down what never became stable. Pure."""

from datetime import timedelta

from weir_api.statuses import Rollover, RolloverStep, Status, StepRecord

from . import identities
from .situations import Situation, Step

PREPARING = timedelta(minutes=10)  # shown as the deadline while nothing stands still yet; each start sets its own


def start(situation: Situation) -> Step:
    """Step 1: record that the wanted revision is deployed beside what runs."""
    return Step(_begin(situation, "Deploying", situation.wanted.revision))


def stop(situation: Situation) -> Step:
    """A rollover to nothing: suspended, or on its way out. There is nothing to deploy: the old job is saved at once."""
    return Step(_begin(situation, "BackingOff", None))


def abandon(situation: Situation) -> Step:
    """Take down a job that never became stable, so that the wanted revision can start where it did."""
    rollover = situation.rollover
    begun = _begin(situation, "Abandoning", None)
    assert begun.rollover is not None
    kept = {"signature": rollover.signature, "fresh": rollover.fresh, "verdict": rollover.verdict}
    return Step(begun.model_copy(update={"rollover": begun.rollover.model_copy(update=kept)}))


def next_attempt(situation: Situation) -> int:
    """Attempts count within a generation, over all its rollovers, so that no trigger or job id is used twice."""
    rollover = situation.status.rollover
    same = rollover is not None and rollover.generation == situation.wanted.generation
    return rollover.attempt + 1 if same and rollover is not None else 1


def _begin(situation: Situation, step: RolloverStep, to_revision: str | None) -> Status:
    status, wanted, now = situation.status, situation.wanted, situation.now
    job, before = status.job, status.rollover
    attempt = next_attempt(situation)
    # Without an old revision there is nothing to make room.
    mode = wanted.spec.runtime.rollover if wanted.spec and job and to_revision else "warm"
    rollover = Rollover(
        step=step,
        mode=mode,
        attempt=attempt,
        generation=wanted.generation,
        started_at=now,
        deadline=now + PREPARING,
        from_revision=job.revision if job else None,
        from_job_id=job.id if job else None,
        to_revision=to_revision,
        to_job_id=identities.job_id(wanted.uid, wanted.generation, attempt) if to_revision else None,
        # Without a job the state is where the last rollover left it.
        restore_from=before.restore_from if before and job is None else None,
        fresh=status.fresh,
        history=(StepRecord(step=step, at=now),),
    )
    return status.model_copy(update={"rollover": rollover, "errors": ()})
