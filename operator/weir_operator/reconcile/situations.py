"""All that one decision may look at, and the questions decisions ask of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from weir_api.errors import FieldError
from weir_api.launchers import Phase as LauncherPhase
from weir_api.launchers import RestorePoint, RevisionConfig
from weir_api.statuses import Job, Rollover, RolloverStep, Status, StepRecord
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.actions import Action
from weir_operator.fleet.observations import ENDED, JobObservation, Observation, RevisionObservation

RESTORE_FROM: Final = "weir.dev/restore-from"
"""Annotation: the next start takes its state from this savepoint or checkpoint, or `empty`. Used once."""
SAVEPOINT: Final = "weir.dev/savepoint"
"""Annotation: a new text asks for a savepoint of the running job, which goes on. One of a kind, as a time is."""
SAVEPOINT_ON_DELETE: Final = "weir.dev/savepoint-on-delete"
"""Annotation: `false` deletes the StreamJob and its state without a last savepoint."""

SETTLED: Final[frozenset[RolloverStep]] = frozenset({"Done", "Refused", "RolledBack", "Cancelled"})
"""Steps a rollover ends with."""
UNTOLD: Final[frozenset[RolloverStep]] = frozenset({"Deploying", "Judging", "BackingOff", "Triggering", "Saving"})
"""Steps in which the new revision has not been told to start anything."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A StreamJob as its spec asks for it; `spec` and `config` are None when the spec is not valid (`errors`)."""

    name: str
    uid: str
    generation: int
    state_directory: str
    spec: StreamJobSpec | None = None
    config: RevisionConfig | None = None
    errors: tuple[FieldError, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    deleting_since: datetime | None = None

    @property
    def revision(self) -> str | None:
        """The revision that should run; None: none should (suspended, on its way out), or the spec is not valid."""
        if self.config is None or self.suspended or self.deleting_since is not None:
            return None
        return self.config.revision

    @property
    def suspended(self) -> bool:
        """Whether the spec asks for a stop."""
        return self.spec is not None and self.spec.suspended

    @property
    def stop(self) -> bool:
        """Whether nothing should run."""
        return self.suspended or self.deleting_since is not None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take before another way is tried."""

    stable: timedelta = timedelta(seconds=180)
    """From the start of a revision to its first completed checkpoint."""
    deletion: timedelta = timedelta(seconds=60)
    """For the last savepoint of a StreamJob that is deleted."""
    asked: timedelta = timedelta(seconds=60)
    """For a savepoint that was asked for by annotation."""
    removal: timedelta = timedelta(minutes=5)
    """For the end of all processes of a StreamJob that is deleted; then it goes whatever is left of them."""
    first_back_off: timedelta = timedelta(seconds=2)
    longest_back_off: timedelta = timedelta(seconds=60)
    savepoints_before_abandoning: int = 3
    """So many savepoints of a job that does not run may fail until its newest checkpoint has to do."""
    restarts_before_unstable: int = 5
    """So many restarts of a new job before its first checkpoint say that it will never have one."""

    first_retry: timedelta = timedelta(milliseconds=250)
    """After an action that failed, as a launcher that does not answer yet; twice as long each time, up to a limit."""
    longest_retry: timedelta = timedelta(seconds=10)

    def retry(self, failures: int) -> timedelta:
        """How long to wait after an action failed so many times in a row."""
        return min(self.first_retry * float(1 << min(failures - 1, 16)), self.longest_retry)

    def back_off(self, attempts: int) -> timedelta:
        """How long to wait after so many failures in a row."""
        doublings = min(max(attempts - 1, 0), 16)
        return min(self.first_back_off * float(1 << doublings), self.longest_back_off)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is wanted, what is recorded, what is seen, and when."""

    wanted: Wanted
    status: Status
    observed: Observation
    now: datetime
    limits: Limits = field(default_factory=Limits)

    @property
    def rollover(self) -> Rollover:
        """The recorded rollover. Only for steps that have one."""
        assert self.status.rollover is not None
        return self.status.rollover

    def deployed(self, revision: str | None) -> RevisionObservation | None:
        """The revision as it is seen, dead or alive."""
        return next((one for one in self.observed.revisions if one.revision == revision), None)

    def phase(self, revision: str | None) -> LauncherPhase | None:
        """What the revision's launcher says of itself; None when it is dead, absent or silent."""
        found = self.deployed(revision)
        return found.answer.phase if found and found.alive and found.answer else None

    def prepared(self, revision: str | None) -> bool:
        """Whether the revision is as far as it may be while the old one runs: standing by, or only short of workers."""
        phase = self.phase(revision)
        return phase == "standby" or (self.rollover.mode == "cold" and phase == "waitingForSlots")

    def job(self, job: str | None) -> JobObservation | None:
        """The job as Flink shows it, in whichever living revision it is."""
        for one in self.observed.revisions:
            if one.alive and one.job is not None and one.job.id == job:
                return one.job
        return None

    def gone(self, revision: str | None) -> bool:
        """Whether no process of the revision is left."""
        found = self.deployed(revision)
        return found is None or not found.alive

    def ended(self, revision: str | None, job: str | None) -> bool:
        """Whether this job certainly runs no more: it ended, or the process it ran in is gone."""
        seen = self.job(job)
        return self.gone(revision) or (seen is not None and seen.state in ENDED)

    def alone(self, revision: str) -> bool:
        """Whether no other revision runs a job: a start would make no second one."""
        return all(
            one.revision == revision
            or not one.alive
            or (one.job is not None and one.job.state in ENDED)
            or _idle(one)
            or self._never_told(one)
            for one in self.observed.revisions
        )

    def _never_told(self, one: RevisionObservation) -> bool:
        """Whether this is the revision being prepared, without workers: it was never told of a job to go on with."""
        rollover = self.status.rollover
        if rollover is None or rollover.step not in UNTOLD or one.revision != rollover.to_revision:
            return False
        return one.answer is not None and one.answer.phase == "waitingForSlots"

    def newest_point(self, job: str | None, kind: str | None = None) -> RestorePoint | None:
        """The newest complete savepoint or checkpoint of this job."""
        points = [point for point in self.observed.points if point.job_id == job and kind in (None, point.kind)]
        return max(points, key=lambda point: point.taken_at, default=None)

    def exists(self, location: str) -> bool:
        """Whether this restore point is still there and complete."""
        return any(point.location == location for point in self.observed.points)

    def point_under(self, directory: str | None) -> RestorePoint | None:
        """The complete savepoint in an attempt's own directory."""
        if directory is None:
            return None
        return next((p for p in self.observed.points if p.location.startswith(directory.rstrip("/") + "/")), None)

    def told(self, job: Job) -> bool:
        """Whether the launcher of the job's revision speaks of this very job."""
        found = self.deployed(job.revision)
        answer = found.answer if found is not None and found.alive else None
        return answer is not None and answer.job is not None and answer.job.id == job.id

    def recording(self, status: Status) -> "Situation":
        """The same situation with something more recorded."""
        return replace(self, status=status)


def _idle(one: RevisionObservation) -> bool:
    # Not `compiling`: a launcher that was started again compiles first and then goes on with its job by itself.
    return one.answer is not None and one.answer.phase in ("refused", "standby")


@dataclass(frozen=True, slots=True)
class Step:
    """What to record, and then to do."""

    status: Status
    actions: tuple[Action, ...] = ()

    def also(self, *actions: Action) -> "Step":
        """The same with further actions."""
        return replace(self, actions=self.actions + actions)


def enter(situation: Situation, step: RolloverStep, **changes: object) -> Status:
    """The status with the rollover in its next step, and the moment in its history."""
    rollover = situation.rollover
    history = (*rollover.history, StepRecord(step=step, at=situation.now))[-60:]
    after = rollover.model_copy(update={"not_before": None, "message": "", **changes, "step": step, "history": history})
    return situation.status.model_copy(update={"rollover": after})


def noted(situation: Situation, message: str) -> Status:
    """The status with the reason why the present step waits."""
    after = situation.rollover.model_copy(update={"message": message})
    return situation.status.model_copy(update={"rollover": after})


def with_job(status: Status, job: Job | None) -> Status:
    """The status with another job in effect."""
    return status.model_copy(update={"job": job})
