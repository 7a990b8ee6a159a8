"""An honest twin of fleet, launcher, Flink and state directory, in memory: it does what they do, and no more.

A job counts records. Its position is its state; what a checkpoint or savepoint made final is committed. A start that
restores a position behind what is committed would write records twice, one from nothing would lose them: both are
noticed here, at the moment they happen, whatever the reconciler believes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

from weir_api.launchers import FieldError, JobAnswer, Phase, RestorePoint, RevisionAnswer, RevisionConfig, StartRequest
from weir_api.services import Service
from weir_api.signatures import OperatorSignature, Signature
from weir_operator.fleet.actions import (
    Action,
    Deploy,
    EnsureTopics,
    Forget,
    PruneState,
    Recycle,
    Remove,
    RemoveState,
    Serve,
    Start,
    StopWithSavepoint,
    TakeSavepoint,
)
from weir_operator.fleet.fleets import FleetError, Locations, RefusedError
from weir_operator.fleet.observations import (
    ENDED,
    JobObservation,
    Observation,
    RevisionObservation,
    SavepointObservation,
    ServiceObservation,
    Watch,
)
from weir_operator.fleet.store import Key

Outcome = Literal["good", "slow", "refused", "crashing", "failing"]
"""What becomes of a program: it runs, runs but takes more than three minutes to its first checkpoint, does not compile,
restarts for ever, or is given up by Flink at once."""
SLOW = timedelta(seconds=200)
STATE = "file:///state"


class ExactnessError(AssertionError):
    """A record would be written twice, or never."""


@dataclass
class Point:
    """Something on disk a job can start from."""

    location: str
    kind: Literal["savepoint", "checkpoint"]
    job_id: str
    position: int
    taken_at: datetime


@dataclass
class SimulatedJob:
    """A job in Flink."""

    id: str
    position: int
    restored_from: str | None
    started_at: datetime
    state: str = "CREATED"
    running_since: datetime | None = None
    ended_at: datetime | None = None
    checkpoints: int = 0
    restarts: int = 0

    @property
    def live(self) -> bool:
        """Whether it may still read and write."""
        return self.state not in ENDED


@dataclass
class Trigger:
    """A savepoint Flink was asked for."""

    id: str
    job_id: str
    directory: str
    state: Literal["inProgress", "completed", "failed"] = "inProgress"
    location: str | None = None
    stops: bool = True


@dataclass
class Process:
    """A launcher with its embedded Flink."""

    config: RevisionConfig
    spawned_at: datetime
    starts: int = 1
    alive: bool = True
    phase: Phase = "compiling"
    order: StartRequest | None = None  # start.json: survives the process
    outcome: Literal["ended", "failed"] | None = None
    job: SimulatedJob | None = None
    triggers: dict[str, Trigger] = field(default_factory=dict)
    ending: bool = False
    workers: bool = True

    @property
    def does(self) -> Outcome:
        """What becomes of its program."""
        words: dict[str, Outcome] = {word: word for word in get_args(Outcome)}
        return words[self.config.program.tables[0].split()[1]]

    @property
    def signature(self) -> Signature:
        """One operator whose key is the second word of the program."""
        key = self.config.program.tables[0].split()[2]
        return Signature(operators=(OperatorSignature(uid="job.sums", type="aggregate", key=(key,)),))


@dataclass
class World:
    """Everything outside the reconciler."""

    now: datetime
    processes: dict[str, Process] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    committed: int = 0
    produced: int = 0
    topics_away: bool = False
    savepoints_fail: bool = False
    taken: dict[str, int] = field(default_factory=dict)
    topics_ready: set[str] = field(default_factory=set)
    corrupted: set[str] = field(default_factory=set)
    forgotten: bool = False
    services: dict[str, tuple[Service, bool]] = field(default_factory=dict)
    """Those beside the job, and whether each is alive."""
    most_workers: int = 0
    """So many processes had workers at once."""

    # --- what time brings -------------------------------------------------------------------------------------

    def pass_time(self, seconds: float = 0.1) -> None:
        """Every process does the next thing it has to do."""
        self.now += timedelta(seconds=seconds)
        self.most_workers = max(self.most_workers, sum(one.alive and one.workers for one in self.processes.values()))
        for process in self.processes.values():
            if process.alive:
                self._advance(process)

    def _advance(self, process: Process) -> None:
        if process.ending:
            if process.phase == "running":  # what is under way may still come to its end
                self._work(process)
            process.alive, process.job, process.triggers = False, None, {}
            return
        match process.phase:
            case "compiling":
                process.phase = "refused" if process.does == "refused" else "waitingForSlots"
            case "waitingForSlots":
                if process.workers:
                    self._stand_by(process)
            case "starting":
                self._start(process)
            case "running":
                self._work(process)
            case _:
                pass

    def _stand_by(self, process: Process) -> None:
        """As the real launcher: without orders it stands by, with orders it goes on where its job was."""
        if process.order is None:
            process.phase = "standby"
        elif process.outcome is not None:
            process.phase = process.outcome
        else:
            own = [point for point in self.points.values() if point.job_id == process.order.job_id]
            newest = max(own, key=lambda point: point.taken_at, default=None)
            if newest is not None and newest.kind == "savepoint":
                process.phase, process.outcome = "ended", "ended"
            else:
                place = newest.location if newest else process.order.restore_from
                process.order = process.order.model_copy(update={"restore_from": place})
                process.phase = "starting"

    def _start(self, process: Process) -> None:
        order = process.order
        assert order is not None
        position = 0
        if order.restore_from is not None:
            if order.restore_from not in self.points or order.restore_from in self.corrupted:
                self._fail(process)
                return
            position = self.points[order.restore_from].position
        if process.does == "failing":
            process.job = SimulatedJob(
                order.job_id, position, order.restore_from, self.now, "FAILED", ended_at=self.now
            )
            process.phase, process.outcome = "failed", "failed"
            return
        if position < self.committed:
            raise ExactnessError(f"{order} starts at {position}, but {self.committed} records are committed")
        self.committed = position  # the restored committables are committed now
        process.job = SimulatedJob(order.job_id, position, order.restore_from, self.now, "RUNNING")
        process.job.running_since = self.now if process.does in ("good", "slow") else None
        process.phase = "running"
        self.check_alone()

    def _fail(self, process: Process) -> None:
        assert process.order is not None
        job = SimulatedJob(process.order.job_id, 0, process.order.restore_from, self.now, "FAILED", ended_at=self.now)
        process.job, process.phase, process.outcome = job, "failed", "failed"

    def _work(self, process: Process) -> None:
        job = process.job
        assert job is not None
        if process.does == "crashing":
            job.restarts += 1
            return
        job.position += 1
        self.produced += 1
        pending = next((one for one in process.triggers.values() if one.state == "inProgress"), None)
        if pending is not None:
            self._savepoint(process, job, pending)
        elif (process.does == "slow" and self.now - job.started_at > SLOW) or (
            process.does == "good" and self.produced % 3 == 0
        ):
            self._checkpoint(job)

    def _checkpoint(self, job: SimulatedJob, committing: bool = True) -> None:
        job.checkpoints += 1
        place = f"{STATE}/checkpoints/{job.id}/chk-{job.checkpoints}"
        self.points[place] = Point(place, "checkpoint", job.id, job.position, self.now)
        if committing:
            self.committed = job.position

    def _savepoint(self, process: Process, job: SimulatedJob, trigger: Trigger) -> None:
        if self.savepoints_fail:
            trigger.state = "failed"
            return
        if trigger.location is None:  # written as a whole; Flink commits and ends the job a moment later
            trigger.location = f"{trigger.directory}/savepoint-{job.id[:6]}-{trigger.id[:6]}"
            self.points[trigger.location] = Point(trigger.location, "savepoint", job.id, job.position, self.now)
            self.taken[trigger.id] = self.taken.get(trigger.id, 0) + 1
            if not trigger.stops:
                trigger.state = "completed"
                return
            job.position -= 1  # it reads nothing more
            self.produced -= 1
            return
        job.position = self.points[trigger.location].position
        self.committed = job.position
        trigger.state = "completed"
        job.state, job.ended_at, job.running_since = "FINISHED", self.now, None
        process.phase, process.outcome = "ended", "ended"

    # --- what goes wrong ---------------------------------------------------------------------------------------

    def kill(self, revision: str) -> None:
        """kill -9: Flink's memory is gone, files stay."""
        process = self.processes[revision]
        process.alive, process.job, process.triggers = False, None, {}

    def give_up(self, revision: str) -> None:
        """Flink fails the job for good."""
        process = self.processes[revision]
        if process.job is not None and process.job.live:
            process.job.state, process.job.ended_at, process.job.running_since = "FAILED", self.now, None
            process.phase, process.outcome = "failed", "failed"

    # --- what must hold ----------------------------------------------------------------------------------------

    def live_jobs(self) -> list[SimulatedJob]:
        """Jobs that may read and write."""
        return [one.job for one in self.processes.values() if one.alive and one.job is not None and one.job.live]

    def check_alone(self) -> None:
        """At most one job runs; at most one savepoint was taken per trigger."""
        live = self.live_jobs()
        assert len(live) <= 1, live
        assert all(times == 1 for times in self.taken.values()), self.taken

    # --- the Fleet ---------------------------------------------------------------------------------------------

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address."""
        return "kafka:9092"

    def locations(self, key: Key, revision: str) -> Locations:
        """Where things are."""
        return Locations(STATE, f"/work/{key.name}/{revision}")

    def observe(self, key: Key, watch: Watch) -> Observation:
        """What is there."""
        assert key.name
        savepoint = None
        if watch.trigger is not None:
            revision, _, trigger_id = watch.trigger
            process = self.processes.get(revision)
            known = process.triggers.get(trigger_id) if process is not None and process.alive else None
            savepoint = SavepointObservation("unknown")
            if known is not None:
                done = known.location if known.state == "completed" else None
                savepoint = SavepointObservation(known.state, done, "the disk is full")
        points = [
            RestorePoint(location=p.location, kind=p.kind, taken_at=p.taken_at, job_id=p.job_id)
            for p in self.points.values()
        ]
        return Observation(
            revisions=tuple(self._seen(name, process) for name, process in self.processes.items()),
            savepoint=savepoint,
            points=tuple(points),
            topics_ready=frozenset(self.topics_ready),
            services=tuple(
                ServiceObservation(name, one.digest, one.replicas, one.replicas if alive else 0, complete=alive)
                for name, (one, alive) in self.services.items()
            ),
        )

    def _seen(self, name: str, process: Process) -> RevisionObservation:
        answer, job = None, process.job
        if process.alive:
            told = None
            if job is not None:
                told = JobAnswer(id=job.id, state=job.state, restored_from=job.restored_from)
            elif process.phase in ("ended", "failed") and process.order is not None:
                state = "FINISHED" if process.phase == "ended" else "FAILED"
                told = JobAnswer(id=process.order.job_id, state=state)
            errors = (FieldError(path="spec.x", message="no such column"),) if process.phase == "refused" else ()
            known = process.phase not in ("compiling", "refused")
            answer = RevisionAnswer(
                revision=name,
                phase=process.phase,
                errors=errors,
                signature=process.signature if known else None,
                job=told,
                flink_url="http://flink",
            )
        seen = None
        if answer is not None and answer.job is not None:
            seen = JobObservation(id=answer.job.id, state=answer.job.state)
            if job is not None:
                seen = JobObservation(
                    job.id, job.state, job.started_at, job.running_since, job.ended_at, job.checkpoints, job.restarts
                )
        return RevisionObservation(
            revision=name,
            alive=process.alive,
            spawned_at=process.spawned_at,
            starts=process.starts,
            answer=answer,
            job=seen,
        )

    def perform(self, key: Key, action: Action) -> None:  # noqa: PLR0912 - a table of cases
        """Do what the real fleet does."""
        assert key.name
        match action:
            case EnsureTopics(config=config):
                if self.topics_away:
                    raise FleetError("Kafka at kafka:9092 does not answer.")
                self.topics_ready.add(config.revision)
            case Deploy():
                self._deploy(action)
            case Recycle(revision=revision):
                if revision in self.processes:
                    self.processes[revision].ending = True
            case Remove(revision=revision):
                found = self.processes.get(revision)
                if found is not None and not found.alive:
                    del self.processes[revision]
                elif found is not None:
                    found.ending = True
            case StopWithSavepoint() | TakeSavepoint():
                self._stop(action)
            case Start(revision=revision, request=request):
                self._order(revision, request)
            case Serve(services=services):
                asked = [one for one, _ in self.services.values()] if services is None else services
                self.services = {one.name: (one, True) for one in asked}
            case PruneState(job_id=job_id, keep=keep):
                checkpoints = [p for p in self.points.values() if p.kind == "checkpoint" and p.job_id != job_id]
                for point in checkpoints:
                    if point.location not in keep:
                        del self.points[point.location]
            case RemoveState(keep=keep):
                self.points = {place: point for place, point in self.points.items() if place == keep}
            case Forget():
                self.forgotten = True

    def _deploy(self, action: Deploy) -> None:
        found = self.processes.get(action.revision)
        if found is not None and found.alive:
            found.workers = found.workers or (action.workers and not found.ending)
            return
        config = action.config or (found.config if found is not None else None)
        if config is None:
            raise RefusedError(f"revision {action.revision} was removed and cannot be deployed again")
        process = Process(config, self.now, (found.starts if found else 0) + 1, workers=action.workers)
        if found is not None and action.go_on:
            process.order, process.outcome = found.order, found.outcome
        self.processes[action.revision] = process

    def _stop(self, action: StopWithSavepoint | TakeSavepoint) -> None:
        process = self.processes.get(action.revision)
        if process is None or not process.alive:
            raise FleetError("does not answer")
        if action.trigger_id in process.triggers:
            return
        job = process.job
        if job is None or job.id != action.job_id or job.running_since is None:
            raise RefusedError("not all tasks are running")
        process.triggers[action.trigger_id] = Trigger(
            action.trigger_id, job.id, action.target_directory, stops=isinstance(action, StopWithSavepoint)
        )

    def _order(self, revision: str, request: StartRequest) -> None:
        process = self.processes.get(revision)
        if process is None or not process.alive:
            raise FleetError("does not answer")
        if process.order == request:
            return
        if process.phase not in ("standby", "ended", "failed"):
            raise RefusedError(f"no start is possible while the phase is {process.phase}")
        if process.order is not None and process.order.job_id == request.job_id:
            raise RefusedError("started before, from another place: use a new id")
        process.order, process.outcome, process.job, process.phase = request, None, None, "starting"
