"""Steps 1 to 3: the new revision stands by and is judged while the old one runs. All can be called off. Pure."""

from weir_api.statuses import Status
from weir_operator.fleet.actions import EnsureTopics
from weir_operator.fleet.observations import ENDED, JobObservation

from . import identities, restores, running, starting, verdicts
from .situations import Situation, Step, enter, noted


def superseded(situation: Situation) -> bool:
    """Whether the spec no longer asks for what this rollover leads to."""
    wanted, rollover = situation.wanted, situation.rollover
    if wanted.stop:
        return rollover.to_revision is not None
    return wanted.revision is not None and rollover.to_revision != wanted.revision


def called_off(situation: Situation) -> Step:
    """The spec changed before the old job was touched: what was prepared goes, and the next pass begins anew."""
    return Step(enter(situation, "Cancelled"))


def renewed(situation: Situation) -> Situation:
    """With the rollover taken over by a newer generation that leads to the same revision."""
    wanted, rollover = situation.wanted, situation.rollover
    if rollover.generation == wanted.generation:
        return situation
    job_id = identities.job_id(wanted.uid, wanted.generation, 1) if rollover.to_revision else None
    after = rollover.model_copy(update={"generation": wanted.generation, "attempt": 1, "to_job_id": job_id})
    return situation.recording(situation.status.model_copy(update={"rollover": after}))


def deploying(situation: Situation) -> Step:
    """Wait for standby, topics included: nothing that can still go wrong is left for the time without a job."""
    revision = situation.rollover.to_revision
    assert revision is not None
    found = situation.deployed(revision)
    answer = found.answer if found is not None and found.alive else None
    actions = running.deploy_beside(situation, revision)
    ready, config = revision in situation.observed.topics_ready, running.config_of(situation, revision)
    if not ready and config is not None:
        actions += (EnsureTopics(config),)
    if answer is not None and answer.phase == "refused":
        refused = enter(situation, "Refused", message="the program does not compile")
        return Step(refused.model_copy(update={"errors": answer.errors}))
    if ready and answer is not None and situation.prepared(revision) and answer.signature is not None:
        before = None if restores.begins_anew(situation) else situation.status.signature
        verdict = verdicts.compare(before, answer.signature)
        return Step(enter(situation, "Judging", signature=answer.signature, verdict=verdict))
    return Step(situation.status, actions)


def judging(situation: Situation) -> Step:
    """Step 2: refuse what loses state unasked; else record how the old job will be saved, or start at once."""
    rollover, wanted, status = situation.rollover, situation.wanted, situation.status
    assert rollover.verdict is not None
    if wanted.spec is not None and verdicts.unpermitted(rollover.verdict, wanted.spec.state, wanted.name):
        return Step(enter(situation, "Refused", message="the change would lose state"))
    if not situation.prepared(rollover.to_revision):
        return Step(enter(situation, "Deploying"))
    begins_empty = {one.uid: f"-g{rollover.generation}" for one in rollover.verdict.of("incompatible")}
    permitted = rollover.model_copy(update={"fresh": {**status.fresh, **begins_empty}})
    allowed = situation.recording(status.model_copy(update={"rollover": permitted}))
    return save(allowed) if status.job is not None else start_without_job(allowed)


def start_without_job(situation: Situation) -> Step:
    """Step 6 of a first start or a resume; waits for a person when the state that should be there is not."""
    if not situation.observed.points_known:
        return Step(situation.status)
    choice = restores.choose(situation)
    if choice.source == "missing":
        gone = f"{choice.location} is not there any more" if choice.location else "there is nothing to restore from"
        return Step(noted(situation, f"{gone}; {restores.described(situation.observed.points)}"))
    if choice.source == "recorded" and (why := restores.too_old(situation, choice.location)):
        return Step(noted(situation, why))
    status, spec = situation.status, situation.wanted.spec
    if choice.location is None and spec is not None and spec.needs_state:
        return Step(noted(situation, "waits for state: the program that goes before it comes first"))
    if choice.source == "annotation":
        status = status.model_copy(update={"restored_by_hand": restores.by_hand(situation)})
    return starting.begin(situation.recording(status), choice.location)


def backing_off(situation: Situation) -> Step:
    """Wait for the next attempt at a savepoint; the old job goes on meanwhile."""
    rollover = situation.rollover
    if rollover.not_before is not None and situation.now < rollover.not_before:
        return Step(situation.status)
    if rollover.to_revision is not None and not situation.prepared(rollover.to_revision):
        return Step(enter(situation, "Deploying"))
    return save(situation)


def save(situation: Situation) -> Step:
    """Step 3: everything the savepoint and the start need to be found again is recorded; nothing is done yet.

    A job that does not run cannot be saved. One that Flink gave up, or that failed to be saved time and again, is
    taken down instead: its newest checkpoint holds all that was ever committed.
    """
    rollover, job = situation.rollover, situation.status.job
    assert job is not None
    seen, found = situation.job(job.id), situation.deployed(job.revision)
    if seen is not None and seen.running_since is not None:
        return Step(_trigger(situation))
    hopeless = rollover.failures >= situation.limits.savepoints_before_abandoning
    if (found is not None and running.dying(found)) or (seen is not None and (hopeless or seen.state in ENDED)):
        return Step(enter(situation, "Abandoning"))
    if rollover.step != "BackingOff":
        return Step(enter(situation, "BackingOff", message="the job does not run"))
    if seen is None or _coming_up(situation, seen):
        return Step(situation.status)
    return attempt_again(situation, f"the job is {seen.state} and cannot be saved")


def _coming_up(situation: Situation, seen: JobObservation) -> bool:
    """Whether its tasks are only being started: a wait, not a failure, unless it takes for ever."""
    began = situation.rollover.history[-1].at
    return seen.state in ("INITIALIZING", "CREATED", "RUNNING") and situation.now < began + situation.limits.stable


def attempt_again(situation: Situation, why: str) -> Step:
    """The savepoint of this attempt will not be: back off, with new ids and a new directory for the next one."""
    wanted, rollover = situation.wanted, situation.rollover
    attempt, failures = rollover.attempt + 1, rollover.failures + 1
    waiting = enter(
        situation,
        "BackingOff",
        attempt=attempt,
        failures=failures,
        to_job_id=identities.job_id(wanted.uid, rollover.generation, attempt) if rollover.to_revision else None,
        trigger_id=None,
        target_directory=None,
        message=why,
        not_before=situation.now + situation.limits.back_off(failures),
    )
    return Step(waiting)


def _trigger(situation: Situation) -> Status:
    wanted, rollover, job = situation.wanted, situation.rollover, situation.status.job
    assert job is not None
    generation, attempt = rollover.generation, rollover.attempt
    trigger = identities.trigger_id(wanted.uid, generation, attempt)
    target = identities.target_directory(wanted.state_directory, job.id, generation, attempt, trigger)
    return enter(
        situation,
        "Triggering",
        trigger_id=trigger,
        target_directory=target,
        from_revision=job.revision,
        from_job_id=job.id,
    )
