"""What is said about a StreamJob: its phase and its five conditions, worked out anew from what is recorded and seen."""

from weir_api.blocks import StatePolicy
from weir_api.phases import Phase, may_follow
from weir_api.statuses import Condition, ConditionType, Status
from weir_operator.fleet.observations import ENDED

from . import restores, serving, verdicts
from .situations import RESTORE_FROM, SETTLED, Situation

Said = tuple[str, str, str]
"""Status, reason, message."""

BY_HAND = f"name one in the annotation {RESTORE_FROM}, or `empty` to begin anew"


def judged(situation: Situation) -> Status:
    """The status with phase, conditions and observed generation brought up to date."""
    told: dict[ConditionType, Said] = {
        "Ready": ready(situation),
        "Validated": validated(situation),
        "Deployed": deployed(situation),
        "StateSafe": state_safe(situation),
        "Progressing": progressing(situation),
    }
    after = phase(situation)
    assert may_follow(situation.status.phase, after), (situation.status.phase, after)
    return situation.status.model_copy(
        update={
            "phase": after,
            "observed_generation": situation.wanted.generation,
            "conditions": tuple(_condition(situation, kind, said) for kind, said in told.items()),
        }
    )


def _condition(situation: Situation, kind: ConditionType, said: Said) -> Condition:
    before = situation.status.condition(kind)
    since = before.last_transition_time if before is not None and before.status == said[0] else situation.now
    return Condition.model_validate(
        {
            "type": kind,
            "status": said[0],
            "reason": said[1],
            "message": said[2],
            "observed_generation": situation.wanted.generation,
            "last_transition_time": since,
        }
    )


def phase(situation: Situation) -> Phase:  # noqa: PLR0911 - a table of cases
    """The one word for where it is."""
    status, rollover, wanted = situation.status, situation.status.rollover, situation.wanted
    if wanted.deleting_since is not None:
        return "Deleting"
    if rollover is None:
        return "Failed" if wanted.errors else "Suspended" if wanted.suspended else "Pending"
    if rollover.step in SETTLED:
        return _settled(situation)
    if rollover.step == "RollingBack":
        return "Failed" if _manual(situation) else "Degraded"
    if _manual(situation) or (rollover.step in ("Starting", "Stabilizing") and rollover.message):
        return "Failed" if _manual(situation) or _given_up(situation) else "Degraded"
    if rollover.to_revision is None:
        return "Suspending"
    if (coming := situation.deployed(rollover.to_revision)) is not None and coming.trouble:
        return "Degraded"
    return "Deploying" if rollover.from_revision is None or status.phase == "Deploying" else "Updating"


def _settled(situation: Situation) -> Phase:
    status, wanted, rollover = situation.status, situation.wanted, situation.rollover
    if status.job is None:
        stopped = rollover.to_revision is None or wanted.suspended
        return "Suspended" if stopped and not wanted.errors else "Failed"
    if _given_up(situation):
        return "Failed"
    as_asked = wanted.revision == status.job.revision
    return "Running" if as_asked and _runs(situation) else "Degraded"


def _given_up(situation: Situation) -> bool:
    job = situation.status.job
    return job is not None and situation.phase(job.revision) == "failed"


def _runs(situation: Situation) -> bool:
    job = situation.status.job
    seen = situation.job(job.id) if job else None
    if job is not None and seen is None:  # Flink is too busy to answer; its launcher knows as well
        return situation.told(job) and situation.phase(job.revision) == "running"
    return seen is not None and seen.running_since is not None


def _manual(situation: Situation) -> bool:
    """Whether a person has to say where the state comes from."""
    status, rollover = situation.status, situation.status.rollover
    if rollover is None:
        return False
    if restores.outdated(situation):
        return True
    if status.job is None:
        waiting = rollover.step in ("Judging", "Saved") and rollover.to_revision is not None
        return waiting and rollover.message != "" and restores.choose(situation).source == "missing"
    if rollover.step in ("RollingBack", "Starting", "Stabilizing"):
        told = rollover.step != "RollingBack" or status.job.id == rollover.rollback_job_id
        return told and _given_up(situation) and status.job.restored_from is not None
    lost = rollover.step in SETTLED and situation.phase(status.job.revision) == "standby"
    return lost and restores.missing(situation, status.job)


def ready(situation: Situation) -> Said:
    """Whether records flow, through whichever revision."""
    status, wanted = situation.status, situation.wanted
    job = status.job
    if job is None:
        waits = "Suspended" if wanted.suspended else "Deleting" if wanted.deleting_since else "NotStarted"
        return "False", waits, ""
    if _runs(situation):
        older = wanted.revision not in (None, job.revision)
        if not older and (missing := serving.trouble(situation)):
            return "False", "ServicesNotReady", missing
        return "True", "PreviousRevisionRuns" if older else "Running", f"job {job.id} of revision {job.revision}"
    if _given_up(situation):
        found = situation.deployed(job.revision)
        errors = found.answer.errors if found and found.answer else ()
        return "False", "JobFailed", "; ".join(map(str, errors)) or "Flink gave the job up"
    if situation.gone(job.revision):
        return "False", "ProcessGone", f"the process of revision {job.revision} is not running"
    reason = "JobEnded" if job.state in ENDED else "JobNotRunning"
    return "False", reason, f"job {job.id} is {job.state}"


def validated(situation: Situation) -> Said:
    """Whether the newest spec is a program Flink can run."""
    wanted, status, rollover = situation.wanted, situation.status, situation.status.rollover
    if wanted.errors:
        return "False", "InvalidSpec", "; ".join(map(str, wanted.errors))
    current = rollover is not None and rollover.generation == wanted.generation
    if current and rollover is not None and rollover.step == "Refused" and status.errors:
        return "False", "CompilationFailed", "; ".join(map(str, status.errors))
    past_compiling = current and rollover is not None and rollover.step not in ("Deploying", "Cancelled")
    if past_compiling or (status.job is not None and status.job.revision == wanted.revision):
        return "True", "Compiled", ""
    before = status.condition("Validated")
    if before is not None and before.observed_generation == wanted.generation:
        return before.status, before.reason, before.message
    return "Unknown", "NotCompiled", ""


def deployed(situation: Situation) -> Said:
    """Whether the revision the spec asks for is there, standing by or running."""
    wanted = situation.wanted
    revision = wanted.revision
    if revision is None:
        return "False", "Deleting" if wanted.deleting_since else "Suspended" if wanted.suspended else "InvalidSpec", ""
    for action in ("topics", "deploy"):
        if failure := situation.observed.failures.get(f"{action} {revision}"):
            return "False", "TopicsNotReady" if action == "topics" else "DeployFailed", failure
    found = situation.deployed(revision)
    if found is None:
        return "False", "NotDeployed", ""
    if found.trouble:
        return "False", "DeployFailed", found.trouble
    if not found.alive:
        last = found.log_tail.strip().splitlines()[-1:]
        return "False", "ProcessGone", "".join(last)
    said = situation.phase(revision)
    return (
        ("True", "Deployed", "")
        if said in ("standby", "starting", "running")
        else ("False", "NotStandingBy", said or "")
    )


def state_safe(situation: Situation) -> Said:
    """Whether state is where it should be and would survive what the spec asks for."""
    rollover, observed = situation.status.rollover, situation.observed
    if rollover is None:
        return "True", "NoState", ""
    if why := restores.outdated(situation):
        return "False", "StateOutdated", why
    if _manual(situation):
        why = rollover.message or ready(situation)[2]
        points = "" if "restore point" in why else f"; {restores.described(observed.points)}"
        return "False", "ManualRestoreRequired", f"{why}{points}; {BY_HAND}"
    spec = situation.wanted.spec
    policy = spec.state if spec else StatePolicy()
    lost = verdicts.unpermitted(rollover.verdict, policy, situation.wanted.name) if rollover.verdict else ()
    if rollover.step == "Refused" and rollover.to_revision == situation.wanted.revision and lost:
        operators = "; ".join(f"{one.uid}: {one.fate}, {one.reason}" for one in lost)
        names = ", ".join(one.uid for one in lost)
        how = f"to give it up: state: {{onIncompatibleChange: reset, operators: [{names}]}}"
        instead = f"; or: {spec.instead}" if spec and spec.instead else ""
        return "False", "StateWouldBeLost", f"{operators}; {how}{instead}"
    if rollover.verdict and verdicts.lost(rollover.verdict) and rollover.step != "Refused":
        return "True", "LossAllowed", ", ".join(one.uid for one in verdicts.lost(rollover.verdict))
    return "True", "Kept" if situation.status.revision else "NoState", ""


def progressing(situation: Situation) -> Said:
    """Whether a rollover is under way, and in which step."""
    rollover = situation.status.rollover
    if rollover is None:
        return "False", "Pending", ""
    if rollover.step not in SETTLED:
        return "True", rollover.step, rollover.message
    if rollover.step in ("Refused", "RolledBack"):
        current = rollover.generation == situation.wanted.generation
        return "False", rollover.step if current else "Stable", rollover.message if current else ""
    return "False", "Suspended" if situation.status.job is None else "Stable", ""
