"""Status: what is true of a resource. A public API; every field is listed in docs/status.md."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from .base import Model
from .errors import FieldError
from .phases import Phase
from .signatures import Signature, Verdict

ConditionType = Literal["Ready", "Validated", "Deployed", "StateSafe", "Progressing"]


class Condition(Model):
    """One statement about a resource, as Kubernetes has it."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$")
    message: str = ""
    observed_generation: int
    last_transition_time: datetime


class Job(Model):
    """The running job."""

    id: str
    state: str
    started_at: datetime | None = None
    restarts: int = 0
    revision: str = Field(default="", description="The revision this job belongs to")
    restored_from: str | None = Field(default=None, description="The savepoint or checkpoint it was started from")


class Savepoint(Model):
    """The newest savepoint taken or restored from."""

    location: str
    taken_at: datetime
    trigger: str
    generation: int


class StepRecord(Model):
    """A step of the rollover and when it was recorded, for the timeline."""

    step: str
    at: datetime


RolloverStep = Literal[
    "Deploying", "Judging", "Refused", "Triggering", "Saving", "Saved", "Starting", "Stabilizing", "Done",
    "RollingBack", "RolledBack", "BackingOff", "Abandoning", "Cancelled",
]  # fmt: skip
"""Abandoning: the old job cannot be saved (it fails, or is dead) and is taken down; its newest checkpoint is used.
Cancelled: the spec was changed or reverted before the old job was touched."""


class Rollover(Model):
    """The write-ahead log from one revision to the next: everything is written here before it is done."""

    step: RolloverStep
    attempt: int = 1
    generation: int
    started_at: datetime
    deadline: datetime
    from_revision: str | None = None
    to_revision: str | None = Field(default=None, description="None: the job stops and stays stopped (suspended)")
    from_job_id: str | None = None
    to_job_id: str | None = None
    trigger_id: str | None = None
    target_directory: str | None = None
    restore_from: str | None = None
    savepoint_seconds: float | None = None
    gap_seconds: float | None = None
    verdict: Verdict | None = None
    history: tuple[StepRecord, ...] = ()
    not_before: datetime | None = Field(default=None, description="Back-off: the next attempt waits for this instant")
    rollback_job_id: str | None = Field(default=None, description="The job the old revision starts again with")
    stopped_at: datetime | None = Field(default=None, description="When the old job ended")
    signature: Signature | None = Field(default=None, description="Of the revision that is rolled out")
    fresh: dict[str, str] = Field(default_factory=dict, description="As Status.fresh, for the revision rolled out")
    failures: int = Field(default=0, description="Savepoints of this rollover that failed")
    message: str = Field(default="", description="Why it waits or went back, for people")


class Records(Model):
    """Counts since the job's first start (in, out, deadLettered, late) and now (lag)."""

    in_: int | None = Field(default=None, alias="in")
    out: int | None = None
    dead_lettered: int | None = None
    late: int | None = None
    lag: int | None = None


class Status(Model):
    """Status of all kinds and of StreamJob; only a StreamJob has `signature`."""

    phase: Phase = "Pending"
    conditions: tuple[Condition, ...] = Field(
        default=(),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int = 0
    revision: str | None = None
    job: Job | None = None
    savepoint: Savepoint | None = None
    rollover: Rollover | None = None
    records: Records | None = None
    signature: Signature | None = None
    errors: tuple[FieldError, ...] = ()
    fresh: dict[str, str] = Field(
        default_factory=dict, description="Operators whose state was given up once: uid -> what its id ends in since"
    )
    restored_by_hand: str | None = Field(
        default=None, description="The last restore point named by the user's annotation that was used"
    )

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, if it has been judged."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
