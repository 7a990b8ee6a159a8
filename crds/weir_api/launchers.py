"""What fleet and launcher say to each other: the file a launcher is started with, and its HTTP answers.

Routes: `GET /v1/revision` -> RevisionAnswer; `POST /v1/start` StartRequest -> 202 and RevisionAnswer (409 when not in
standby for another request; the same request again is fine); `GET /v1/restore-points` -> RestorePoints;
`POST /v1/shutdown` -> 202 (cancels nothing in Flink's state: retained checkpoints stay).
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from .base import Model
from .blocks import Runtime
from .errors import FieldError as FieldError  # noqa: PLC0414 - re-exported
from .signatures import Signature
from .streamjobs import Program


class RevisionConfig(Model):
    """All a launcher is told at its start. Holds no secret; secrets are looked up by reference."""

    namespace: str
    name: str = Field(description="Name of the StreamJob; first part of every operator id")
    revision: str = Field(description="Hash of program and runtime")
    program: Program
    runtime: Runtime
    bootstrap_servers: str
    state_directory: str = Field(description="URI under which this StreamJob keeps checkpoints and savepoints")
    work_directory: str = Field(description="Local directory for the launcher's record and its endpoint file")
    warm_up: bool = Field(default=False, description="Run the plan on nothing before standing by: a start is faster")
    plan_only: bool = Field(default=False, description="Compile, answer and never start: for `weir plan`")


Phase = Literal[
    "compiling", "refused", "waitingForSlots", "warmingUp", "standby", "starting", "running", "ended", "failed"
]


class JobAnswer(Model):
    """The job this launcher was told to run, as Flink sees it."""

    id: str
    state: str = Field(description="Flink's own: CREATED, RUNNING, FINISHED, FAILED, RESTARTING, ...")
    restored_from: str | None = None
    started_at: datetime | None = None


class RevisionAnswer(Model):
    """Where this revision is.

    compiling -> refused (errors) | waitingForSlots -> warmingUp (when asked to) -> standby -> starting -> running ->
    ended (stopped by a savepoint or cancelled) | failed (Flink gave the job up; errors). After `ended` and `failed` a
    new start is accepted.
    """

    revision: str
    phase: Phase
    errors: tuple[FieldError, ...] = ()
    signature: Signature | None = None
    graph: str | None = Field(default=None, description="Flink's EXPLAIN of the plan, for people")
    job: JobAnswer | None = None
    flink_url: str | None = Field(default=None, description="Flink's REST API, when it is up")


class StartRequest(Model):
    """Start the job with this id, from this savepoint or checkpoint; from nothing when null."""

    job_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    restore_from: str | None = None
    ignore_unclaimed: bool = Field(
        default=False, description="State that no operator claims is left behind: only after the user's word for it"
    )
    fresh: dict[str, str] = Field(
        default_factory=dict,
        description="Operators whose old state was given up: uid in the signature -> suffix its id gets in the plan, "
        "so that it finds nothing in restore_from; kept for every later start, and never part of the signature",
    )


class RestorePoint(Model):
    """A completed savepoint or retained checkpoint found in the state directory."""

    location: str
    kind: Literal["savepoint", "checkpoint"]
    taken_at: datetime
    job_id: str | None = None
    size_bytes: int = 0


class RestorePoints(Model):
    """Newest first."""

    points: tuple[RestorePoint, ...] = ()


class Endpoint(Model):
    """Written by the launcher to `<work_directory>/endpoint.json` once it answers."""

    url: str
    pid: int
    started_at: float = Field(
        description="The process's creation time, so that no stranger with its pid is taken for it"
    )
    revision: str
