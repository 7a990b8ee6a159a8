"""The client of Flink's REST API: what a job does, and stopping it with a savepoint. Every call ends within seconds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from weir_api.statuses import Records

from .fleets import FleetError, RefusedError
from .metrics import Role, counted
from .observations import ENDED, JobObservation, SavepointObservation
from .rest import FlinkRest, UnknownError

RUNNING_STATES: Final = frozenset({"RUNNING", "FINISHED"})


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Vertex(_Answer):
    id: str
    name: str
    status: str


class _Job(_Answer):
    state: str
    started: int = Field(alias="start-time")
    timestamps: dict[str, int] = Field(default_factory=dict)
    vertices: tuple[_Vertex, ...] = ()


class _Subtask(_Answer):
    durations: dict[str, int] = Field(default_factory=dict, alias="status-duration")


# Asked for the checkpoints of a job in these states, Flink answers 500 and logs an error, while it has better to do.
_COMING: Final = frozenset({"INITIALIZING", "CREATED"})


class _VertexDetails(_Answer):
    now: int
    subtasks: tuple[_Subtask, ...] = ()


class _Counts(_Answer):
    completed: int = 0


class _Checkpoints(_Answer):
    counts: _Counts = _Counts()


class _Metric(_Answer):
    id: str
    value: str = "0"


class _State(_Answer):
    id: str


class _Cause(_Answer):
    name: str = Field(default="", alias="class")
    stack_trace: str = Field(default="", alias="stack-trace")


class _Operation(_Answer):
    location: str | None = None
    failure: _Cause | None = Field(default=None, alias="failure-cause")


class _Trigger(_Answer):
    status: _State
    operation: _Operation | None = None


class FlinkClient:
    """Talks to any Flink by its URL."""

    def __init__(self) -> None:
        self._rest = FlinkRest()
        # When all tasks of a job run since, by job and number of restarts: it takes a request per vertex to find out.
        self._running_since: dict[tuple[str, int], datetime] = {}

    def job(
        self, url: str, job_id: str, tables: Mapping[str, Role] | None = None, brief: bool = False
    ) -> JobObservation | None:
        """The job; None when Flink does not answer or does not know it.

        With `tables`, also what it counts; `brief` leaves restarts and checkpoints out.
        """
        try:
            job = _Job.model_validate(self._rest.get(url, f"/jobs/{job_id}"))
            live = job.state not in ENDED
            restarts = self._restarts(url, job_id) if live and not brief else 0
            return JobObservation(
                id=job_id,
                state=job.state,
                started_at=_instant(job.started),
                running_since=self._all_running(url, job_id, job, restarts) if live else None,
                ended_at=None if live else _instant(job.timestamps.get(job.state, 0)),
                checkpoints=self._checkpoints(url, job_id) if live and not brief and job.state not in _COMING else 0,
                restarts=restarts,
                records=self._records(url, job_id, job, tables) if live and tables is not None else None,
            )
        except (httpx.HTTPError, UnknownError, ValidationError, ValueError):
            return None

    def _records(self, url: str, job_id: str, job: _Job, tables: Mapping[str, Role]) -> Records:
        return counted(self._rest, url, job_id, [vertex.id for vertex in job.vertices], tables)

    def _all_running(self, url: str, job_id: str, job: _Job, restarts: int) -> datetime | None:
        if job.state != "RUNNING" or any(vertex.status not in RUNNING_STATES for vertex in job.vertices):
            return None
        known = (job_id, restarts)
        if known not in self._running_since:
            since = [self._vertex_running(url, job_id, vertex.id) for vertex in job.vertices]
            self._running_since[known] = _instant(max(since, default=job.started))
        return self._running_since[known]

    def _vertex_running(self, url: str, job_id: str, vertex: str) -> int:
        details = _VertexDetails.model_validate(self._rest.get(url, f"/jobs/{job_id}/vertices/{vertex}"))
        return max((details.now - one.durations.get("RUNNING", 0) for one in details.subtasks), default=details.now)

    def _restarts(self, url: str, job_id: str) -> int:
        answer = self._rest.get(url, f"/jobs/{job_id}/metrics?get=numRestarts")
        metrics = [_Metric.model_validate(one) for one in answer] if isinstance(answer, list) else []
        return int(float(metrics[0].value)) if metrics else 0

    def _checkpoints(self, url: str, job_id: str) -> int:
        return _Checkpoints.model_validate(self._rest.get(url, f"/jobs/{job_id}/checkpoints")).counts.completed

    def savepoint(self, url: str, job_id: str, trigger_id: str) -> SavepointObservation:
        """What became of the trigger; `unknown` when Flink does not answer or has forgotten it."""
        try:
            answer = _Trigger.model_validate(self._rest.get(url, f"/jobs/{job_id}/savepoints/{trigger_id}"))
        except (httpx.HTTPError, UnknownError, ValidationError, ValueError):
            return SavepointObservation("unknown")
        if answer.status.id != "COMPLETED":
            return SavepointObservation("inProgress")
        if answer.operation is None or answer.operation.failure is not None:
            cause = answer.operation.failure if answer.operation else None
            return SavepointObservation("failed", reason=innermost(cause.stack_trace) if cause else "no cause given")
        return SavepointObservation("completed", location=answer.operation.location)

    def stop_with_savepoint(self, url: str, job_id: str, trigger_id: str, target_directory: str) -> None:
        """Save and stop the job, without draining: windows and absences stay open. The same trigger again is fine.

        Raises RefusedError when Flink turns it down, FleetError when it does not answer.
        """
        body: dict[str, object] = {"targetDirectory": target_directory, "drain": False, **_as(trigger_id)}
        self._ask(url, f"/jobs/{job_id}/stop", body)

    def take_savepoint(self, url: str, job_id: str, trigger_id: str, target_directory: str) -> None:
        """Save the job, which goes on. The same trigger again is fine. Raises as `stop_with_savepoint` does."""
        body: dict[str, object] = {"target-directory": target_directory, "cancel-job": False, **_as(trigger_id)}
        self._ask(url, f"/jobs/{job_id}/savepoints", body)

    def _ask(self, url: str, path: str, body: dict[str, object]) -> None:
        try:
            answer = self._rest.post(url, path, body)
        except httpx.HTTPError as error:
            raise FleetError(f"Flink at {url} does not answer: {error}") from error
        if answer.is_client_error:
            raise RefusedError(_first_error(answer))
        if answer.is_error:
            raise FleetError(_first_error(answer))

    def close(self) -> None:
        """Give back the connections."""
        self._rest.close()


def _as(trigger_id: str) -> Mapping[str, str]:
    return {"formatType": "CANONICAL", "triggerId": trigger_id}


def innermost(stack_trace: str) -> str:
    """The last cause of a Java stack trace, which is where it went wrong, as `message (Class)`."""
    lines = stack_trace.splitlines()
    heads = [line.removeprefix("Caused by: ") for line in lines[:1] + [x for x in lines if x.startswith("Caused by:")]]
    for head in reversed(heads):
        name, _, message = head.partition(": ")
        if message.strip():
            return f"{message.strip()} ({name.rpartition('.')[2]})"
    return heads[-1].rpartition(".")[2] if heads else "no cause given"


def _first_error(answer: httpx.Response) -> str:
    try:
        errors = answer.json().get("errors", [])
    except (ValueError, AttributeError):
        errors = []
    return innermost(str(errors[-1])) if errors else f"HTTP status {answer.status_code}"


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
