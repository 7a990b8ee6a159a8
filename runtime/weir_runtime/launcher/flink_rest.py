"""What Flink's REST API says of slots and of one job."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

_TIMEOUT_SECONDS: Final = 5.0
ENDED_STATES: Final = frozenset({"FINISHED", "CANCELED"})
FAILED_STATE: Final = "FAILED"


class FlinkRestError(Exception):
    """Flink's REST API did not answer, or not as expected."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Overview(_Answer):
    """What the cluster has to run jobs on."""

    free_slots: int = Field(alias="slots-available")
    task_managers: int = Field(alias="taskmanagers")


class Job(_Answer):
    """One job: its state and how many of its tasks are in each state, over all its vertices."""

    state: str
    started_at_ms: int = Field(alias="start-time")
    vertices: tuple["Vertex", ...] = ()

    @property
    def started_at(self) -> datetime:
        """When Flink took the job."""
        return datetime.fromtimestamp(self.started_at_ms / 1000, UTC)

    @property
    def all_running(self) -> bool:
        """Whether every task runs, or already has: nothing is still being deployed or restored."""
        return self.state == "RUNNING" and all(vertex.status in ("RUNNING", "FINISHED") for vertex in self.vertices)


class Vertex(_Answer):
    """A chain of operators."""

    status: str


class _Counts(_Answer):
    completed: int = 0


class _Checkpoints(_Answer):
    counts: _Counts = _Counts()


class _Failure(_Answer):
    stacktrace: str = ""


class _History(_Answer):
    entries: tuple[_Failure, ...] = ()


class _Failures(_Answer):
    root_exception: str | None = Field(default=None, alias="root-exception")
    history: _History = Field(default=_History(), alias="exceptionHistory")


class FlinkRest:
    """A client for the REST API at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def overview(self) -> Overview:
        """Registered TaskManagers and unused slots; raises FlinkRestError."""
        return Overview.model_validate(self._get("/overview"))

    def job(self, job_id: str) -> Job | None:
        """The job, or None when Flink does not know it; raises FlinkRestError."""
        answer = self._get(f"/jobs/{job_id}", missing=None)
        return None if answer is None else Job.model_validate(answer)

    def has_checkpoint(self, job_id: str) -> bool:
        """Whether the job has completed a checkpoint or savepoint of its own; raises FlinkRestError."""
        answer = self._get(f"/jobs/{job_id}/checkpoints", missing={})
        return _Checkpoints.model_validate(answer).counts.completed > 0

    def root_cause(self, job_id: str) -> str:
        """The innermost cause of the job's last failure, one line; raises FlinkRestError."""
        failures = _Failures.model_validate(self._get(f"/jobs/{job_id}/exceptions", missing={}))
        traces = [entry.stacktrace for entry in failures.history.entries] or [failures.root_exception or ""]
        return innermost_cause(traces[0])

    def _get(self, path: str, missing: object = FlinkRestError) -> object:
        try:
            with urllib.request.urlopen(self.url + path, timeout=_TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404 and missing is not FlinkRestError:
                return missing
            raise FlinkRestError(f"{path}: HTTP status {error.code}") from error
        except (OSError, ValueError) as error:
            raise FlinkRestError(f"{path}: {error}") from error


def innermost_cause(stacktrace: str) -> str:
    """`message (ExceptionClass)` of the last `Caused by:` of a Java stack trace, which is where it went wrong."""
    lines = stacktrace.splitlines()
    heads = [line.removeprefix("Caused by: ") for line in lines[:1] + [x for x in lines if x.startswith("Caused by:")]]
    for head in reversed(heads):
        kind, _, message = head.partition(": ")
        if message.strip():
            return f"{message.strip()} ({kind.rpartition('.')[2]})"
    return heads[-1].rpartition(".")[2] if heads else "Flink gives no cause"
