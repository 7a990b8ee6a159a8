"""Status of a resource that shares a StreamJob: the job's, in the resource's words. Pure but for the clock."""

from weir_api.errors import FieldError
from weir_api.statuses import Condition, Status
from weir_operator.fleet.store import StoredObject, utc_now


def told(stored: StoredObject, child: StoredObject | None, phase: str, revision: str, reason: str) -> Status:
    """The job's status in the resource's words."""
    seen = child.status if child is not None else Status()
    generation = stored.metadata.generation
    active = phase == "Active"
    before = stored.status.condition("Ready")
    word = "True" if active else "False"
    since = before.last_transition_time if before is not None and before.status == word else utc_now()
    ready = Condition(
        type="Ready", status=word, reason=_reason(phase, seen),
        message="the running job has it in a completed checkpoint" if active else reason,
        observed_generation=generation, last_transition_time=since,
    )  # fmt: skip
    others = [
        condition.model_copy(update={"observed_generation": generation})
        for condition in seen.conditions
        if condition.type != "Ready"
    ]
    return seen.model_copy(
        update={
            "phase": phase, "observed_generation": generation, "revision": revision or stored.status.revision,
            "conditions": (ready, *others), "errors": (), "signature": None,
        }
    )  # fmt: skip


def _reason(phase: str, seen: Status) -> str:
    match phase:
        case "Active" | "Suspended":
            return "Running" if phase == "Active" else "Suspended"
        case "Deleting":
            return "Deleting"
    return "PreviousRevisionRuns" if seen.phase == "Running" else "NotStarted"


def with_savepoint(stored: StoredObject, status: Status, location: str | None) -> Status:
    """The same with the savepoint from before the job got what is in effect, if it is known."""
    accepted = stored.status.accepted
    if accepted is None or location is None:
        return status
    return status.model_copy(update={"accepted": accepted.model_copy(update={"savepoint": location})})


def degraded(stored: StoredObject, status: Status, wrong: tuple[FieldError, ...]) -> Status:
    """The same while the spec that is written is wrong and one before it is in effect."""
    message = "; ".join(map(str, wrong))
    before = stored.status.condition("Validated")
    since = utc_now()
    if before is not None and (before.status, before.message) == ("False", message):
        since = before.last_transition_time
    validated = Condition(
        type="Validated", status="False", reason="InvalidSpec", message=message,
        observed_generation=stored.metadata.generation, last_transition_time=since,
    )  # fmt: skip
    others = (_former(one) if one.type == "Ready" else one for one in status.conditions if one.type != "Validated")
    return status.model_copy(update={"phase": "Degraded", "conditions": (validated, *others), "errors": wrong})


def _former(ready: Condition) -> Condition:
    if ready.status != "True":
        return ready
    message = "the version before is in effect: what is written now is wrong"
    return ready.model_copy(update={"reason": "PreviousRevisionRuns", "message": message})
