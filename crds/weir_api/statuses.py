"""Status: what is true of a resource. A public API; every field is listed in docs/status.md."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from .base import Model
from .blocks import RolloverMode
from .errors import FieldError
from .phases import Phase
from .signatures import Signature, Verdict

ConditionType = Literal["Ready", "Validated", "Deployed", "StateSafe", "Progressing"]


class Condition(Model):
    """One statement about a resource, as Kubernetes has it."""

    type: ConditionType = Field(description="What is judged")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds")
    reason: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$", description="One word for programs; docs/status.md has all")
    message: str = Field(default="", description="A sentence for people")
    observed_generation: int = Field(description="The generation of the spec that was judged")
    last_transition_time: datetime = Field(description="When `status` last changed")


class Job(Model):
    """The running job."""

    id: str = Field(description="Flink's id of the job, chosen by Weir")
    state: str = Field(description="Flink's word: CREATED, RUNNING, RESTARTING, FINISHED, FAILED, ...")
    started_at: datetime | None = Field(default=None, description="When this job was started")
    restarts: int = Field(default=0, description="How often Flink has restarted it since")
    revision: str = Field(default="", description="The revision this job belongs to")
    restored_from: str | None = Field(default=None, description="The savepoint or checkpoint it was started from")
    counted: "Records | None" = Field(
        default=None, description="What Flink counted last: it begins anew with a process"
    )


class Savepoint(Model):
    """The newest savepoint taken or restored from."""

    location: str = Field(description="URI of the directory")
    taken_at: datetime = Field(description="When it was complete")
    trigger: str = Field(description="Flink's trigger id, chosen by Weir: a hash of uid, generation and attempt")
    generation: int = Field(description="The generation of the spec it was taken for")


class Asked(Model):
    """The savepoint that was asked for last by the annotation `weir.dev/savepoint`, of a job that goes on."""

    word: str = Field(description="The annotation's text: another one asks for another savepoint")
    job: str = Field(description="The job that is saved")
    trigger: str = Field(description="Flink's trigger id, chosen by Weir: a hash of uid, job and word")
    target_directory: str = Field(description="URI under which it is written")
    at: datetime = Field(description="When it was asked for")
    state: Literal["InProgress", "Taken", "Failed"] = Field(default="InProgress", description="What became of it")
    message: str = Field(default="", description="Why it failed, for people")


class StepRecord(Model):
    """A step of the rollover and when it was recorded, for the timeline."""

    step: str = Field(description="The step")
    at: datetime = Field(description="When it was recorded")


RolloverStep = Literal[
    "Deploying", "Judging", "Refused", "Triggering", "Saving", "Saved", "Starting", "Stabilizing", "Done",
    "RollingBack", "RolledBack", "BackingOff", "Abandoning", "Cancelled",
]  # fmt: skip
"""Abandoning: the old job cannot be saved (it fails, or is dead) and is taken down; its newest checkpoint is used.
Cancelled: the spec was changed or reverted before the old job was touched."""


class Rollover(Model):
    """The write-ahead log from one revision to the next: everything is written here before it is done."""

    step: RolloverStep = Field(description="Where it is; docs/status.md tells what each step does")
    mode: RolloverMode = Field(default="warm", description="Whether all of the new revision stands by beside the old")
    attempt: int = Field(default=1, description="Counts the savepoints that were asked for")
    generation: int = Field(description="The generation of the spec it leads to")
    started_at: datetime = Field(description="When it began")
    deadline: datetime = Field(description="When it is given up and rolled back")
    from_revision: str | None = Field(default=None, description="None: nothing ran before")
    to_revision: str | None = Field(default=None, description="None: the job stops and stays stopped (suspended)")
    from_job_id: str | None = Field(default=None, description="The job that is stopped")
    to_job_id: str | None = Field(default=None, description="The job that is started")
    trigger_id: str | None = Field(default=None, description="Flink's trigger id of this attempt's savepoint")
    target_directory: str | None = Field(
        default=None, description="URI under which this attempt's savepoint is written"
    )
    restore_from: str | None = Field(default=None, description="The savepoint or checkpoint the new job starts from")
    savepoint_seconds: float | None = Field(default=None, description="How long stopping with a savepoint took")
    gap_seconds: float | None = Field(
        default=None, description="How long no job read: the old one's end to the new's start"
    )
    verdict: Verdict | None = Field(default=None, description="What the change does to state, per operator")
    history: tuple[StepRecord, ...] = Field(default=(), description="The steps so far, oldest first")
    not_before: datetime | None = Field(default=None, description="Back-off: the next attempt waits for this instant")
    rollback_job_id: str | None = Field(default=None, description="The job the old revision starts again with")
    stopped_at: datetime | None = Field(default=None, description="When the old job ended")
    signature: Signature | None = Field(default=None, description="Of the revision rolled out, or abandoned")
    fresh: dict[str, str] = Field(default_factory=dict, description="As Status.fresh, for the revision rolled out")
    failures: int = Field(default=0, description="Savepoints of this rollover that failed")
    message: str = Field(default="", description="Why it waits or went back, for people")


class Records(Model):
    """Counts since the job's first start (in, out, deadLettered, late) and now (lag)."""

    in_: int | None = Field(default=None, alias="in", description="Records read")
    out: int | None = Field(default=None, description="Records written to the sink")
    dead_lettered: int | None = Field(default=None, description="Records that could not be read")
    late: int | None = Field(default=None, description="Records that came too late to be used")
    lag: int | None = Field(default=None, description="Records that are in the source's topics and not read yet")


class ServiceStatus(Model):
    """A program that runs beside the job."""

    name: str = Field(description="Its name, as in query")
    replicas: int = Field(description="How many of it should run")
    ready: int = Field(description="How many of them can do their work")
    url: str | None = Field(default=None, description="Where it answers, for those who can reach it")
    message: str = Field(default="", description="Why not all are ready, for people")


class Accepted(Model):
    """The newest spec that was found right, and that is in effect while the one that is written is not."""

    generation: int = Field(description="The generation it was written as")
    spec: str = Field(description="The spec, as JSON")
    savepoint: str | None = Field(
        default=None, description="Location of the job's newest savepoint when it got this spec: from before the change"
    )


class Status(Model):
    """Status of all kinds and of StreamJob; only a StreamJob has `signature`."""

    phase: Phase = Field(default="Pending", description="All of it in one word; conditions say more")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Ready, Validated, Deployed, StateSafe and Progressing",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int = Field(default=0, description="The newest generation of the spec this status is about")
    revision: str | None = Field(default=None, description="The revision that runs, or ran last")
    job: Job | None = Field(default=None, description="Its job")
    savepoint: Savepoint | None = Field(default=None, description="The newest savepoint taken or restored from")
    rollover: Rollover | None = Field(default=None, description="The change that is under way, or was last")
    services: tuple[ServiceStatus, ...] = Field(default=(), description="Programs of Weir's beside the job")
    records: Records | None = Field(default=None, description="What was counted; null where it cannot be known")
    signature: Signature | None = Field(default=None, description="What the running revision keeps in state")
    errors: tuple[FieldError, ...] = Field(default=(), description="What is wrong with the newest spec, by field path")
    fresh: dict[str, str] = Field(
        default_factory=dict, description="Operators whose state was given up once: uid -> what its id ends in since"
    )
    accepted: Accepted | None = Field(
        default=None, description="Of a resource that shares a job with others: its newest spec that was right"
    )
    asked: Asked | None = Field(default=None, description="The savepoint that was asked for last by annotation")
    restored_by_hand: str | None = Field(
        default=None, description="The last restore point named by the user's annotation that was used"
    )

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, if it has been judged."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
