"""The launcher's life: compile, wait for slots, stand by, start, watch, and go on after having been killed."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from weir_api.launchers import FieldError, JobAnswer, RevisionConfig

from . import warmups
from .boards import Board
from .clusters import Cluster
from .compilations import Compilation, RefusedError, compile_program
from .flink_rest import ENDED_STATES, FAILED_STATE, FlinkRest, FlinkRestError, Job
from .gateways import Gateway, JavaError
from .losses import Alone, LostError
from .messages import Cause
from .planners import Planner, Start, StatementError
from .plans import PlanError
from .records import StartRecord
from .restore_points import GoOn, HasEnded, StateDirectory, StateMissing, after_kill
from .settings import job_settings, state_uri
from .variables import Variables

LOGGER: Final = logging.getLogger(__name__)

_FAST_SECONDS: Final = 0.05
_SLOW_SECONDS: Final = 1.0
_UNKNOWN_JOB_POLLS: Final = 30
_SHUTDOWN_SECONDS: Final = 15.0


@dataclass
class Supervisor:
    """Drives one revision on the main thread; everything it learns goes to the board."""

    config: RevisionConfig
    board: Board
    gateway: Gateway
    variables: Variables
    new_planner: Callable[[dict[str, str]], Planner]
    new_cluster: Callable[[], Cluster]
    parent: int = field(default_factory=os.getppid)
    _planner: Planner = field(init=False)
    _compilation: Compilation = field(init=False)
    _fresh: dict[str, str] = field(init=False, default_factory=dict)
    _cluster: Cluster = field(init=False)
    _rest: FlinkRest = field(init=False)
    _state: StateDirectory = field(init=False)

    def run(self) -> None:
        """Returns when asked to shut down; raises LostError or GatewayLostError when the JVM is gone."""
        if self.board.answer.phase == "refused":
            self._idle()
            return
        self._state = StateDirectory(self.gateway, state_uri(self.config))
        self.board.restore_points = self._state.restore_points
        try:
            self._planner = self.new_planner(job_settings(self.config))
            self._compilation = compile_program(self.config, self._planner, self.variables, self.config.plan_only)
        except RefusedError as error:
            self._refuse(error.errors)
            return
        self.board.update(signature=self._compilation.signature, graph=self._compilation.graph)
        if self.config.plan_only:
            self.board.update(phase="standby")
            self._pause_until_shutdown()
            return
        self._cluster = self.new_cluster()
        self._rest = FlinkRest(self._cluster.rest_url())
        self.board.update(phase="waitingForSlots", flink_url=self._rest.url)
        self._await_slots()
        self._warm_up()
        self._resume()
        self._serve_starts()

    def _refuse(self, errors: tuple[FieldError, ...]) -> None:
        for error in errors:
            LOGGER.error("refused: %s: %s", error.path, error.message)
        self.board.update(phase="refused", errors=errors)
        self.board.restore_points = None
        self.gateway.release()
        self._idle()

    def _idle(self) -> None:
        while not self.board.shutting_down:
            self._check_parent()
            self.board.wait(_SLOW_SECONDS)

    def _pause_until_shutdown(self) -> None:
        while not self.board.shutting_down:
            self._pause(_SLOW_SECONDS)

    def _await_slots(self) -> None:
        """Until there are as many as the job needs, or a job that Flink recovered by itself has taken them already."""
        needed, record = self.config.runtime.parallelism, self.board.record
        recovers = record.request.job_id if record is not None and record.outcome is None else None
        while not self.board.shutting_down:
            try:
                if self._rest.overview().free_slots >= needed:
                    return
                if recovers is not None and self._rest.job(recovers) is not None:
                    return
            except FlinkRestError as error:
                LOGGER.info("waiting for Flink: %s", error)
            self._pause(_FAST_SECONDS)

    def _warm_up(self) -> None:
        """A run on nothing, for as long as another revision works; the start it makes short must not depend on it."""
        if not self.config.warm_up or self.board.record is not None or self.board.shutting_down:
            return
        self.board.update(phase="warmingUp")
        began = time.monotonic()
        try:
            if self._cluster.warm_up(self._rehearsal):
                LOGGER.info("warmed up in %.1f s", time.monotonic() - began)
        except (JavaError, StatementError) as error:
            LOGGER.warning("not warmed up: %s", error)

    def _rehearsal(self) -> Planner | None:
        """The program with nothing to read, None when it is not certain to do nothing; raises StatementError."""
        planner = self.new_planner(warmups.settings(self._planner.settings))
        program = self.config.program
        statements = [self.variables.fill(statement) for statement in program.tables]
        plan = self._compilation.plan_with({})
        return planner if warmups.prepare(planner, statements, program.versions, plan) else None

    def _resume(self) -> None:
        """Goes on with what was recorded by this launcher's earlier life, or stands by."""
        record = self.board.record
        if self.board.shutting_down:
            return
        if record is None:
            self._stand_by()
        elif record.outcome is not None:
            errors = (FieldError(message=record.error),) if record.outcome == "failed" else ()
            self.board.update(phase=record.outcome, errors=errors, job=_ended_job(record))
        else:
            self._go_on(record)

    def _stand_by(self) -> None:
        try:
            self._cluster.prepare(self._planner)
        except JavaError as error:
            self._refuse((FieldError(message=self.variables.redact(_words(error.chain))),))
        except StatementError as error:
            self._refuse((FieldError(message=self.variables.redact(str(error))),))
        else:
            self.board.update(phase="standby")

    def _go_on(self, record: StartRecord) -> None:
        decision = after_kill(record, self._state.snapshots(record.request.job_id))
        LOGGER.info("job %s was running when this launcher was killed: %s", record.request.job_id, decision)
        match decision:
            case HasEnded():
                self.board.note(outcome="ended")
                self.board.update(phase="ended", job=_ended_job(record))
            case StateMissing():
                self._fail(record, "its checkpoints are gone: start it from a savepoint, it never starts empty")
            case GoOn(restore_from=restore_from):
                self.board.update(phase="starting")
                self._run_job(record, restore_from)

    def _serve_starts(self) -> None:
        while not self.board.shutting_down:
            self._pause(_SLOW_SECONDS, until_starting=True)
            record = self.board.record
            if record is not None and self.board.answer.phase == "starting":
                LOGGER.info("starting job %s from %s", record.request.job_id, record.request.restore_from)
                self._run_job(record, record.request.restore_from)

    def _run_job(self, record: StartRecord, restore_from: str | None) -> None:
        request = record.request
        start = Start(request.job_id, restore_from, request.ignore_unclaimed)
        try:
            if restore_from is not None and (problem := self._state.problem(restore_from)) is not None:
                self._fail(record, problem)
                return
            if self._fresh != request.fresh:
                self._planner.load(self._compilation.plan_with(request.fresh))
                self._fresh = request.fresh
            self._cluster.submit(self._planner, start)
        except JavaError as error:
            self._outlive()
            self._fail(record, _words(error.chain))
            return
        except (StatementError, PlanError) as error:
            self._fail(record, str(error))
            return
        self._watch(record, restore_from)

    def _outlive(self) -> None:
        """In a JobManager that is being shut down every call fails: who goes down with it must not note that as why."""
        ends = time.monotonic() + _SHUTDOWN_SECONDS
        while self.gateway.process is None and time.monotonic() < ends and not self.board.shutting_down:
            self._pause(_SLOW_SECONDS)

    def _watch(self, record: StartRecord, restore_from: str | None) -> None:
        """Follows the job until it has ended, for better or worse, or this launcher is asked to end."""
        unknown = 0
        alone = Alone(self._rest, self._cluster.heals)
        while not self.board.shutting_down:
            try:
                job = self._rest.job(record.request.job_id)
                unknown = unknown + 1 if job is None else 0
                if job is not None and self._observe(record, job, restore_from):
                    return
                if job is not None:
                    alone.check(job, record.request.job_id)
            except (FlinkRestError, OSError) as error:
                LOGGER.warning("job %s: %s", record.request.job_id, error)
            if unknown > _UNKNOWN_JOB_POLLS:
                self._fail(record, "Flink does not know the job any more")
                return
            self._pause(_FAST_SECONDS if self.board.answer.phase == "starting" else _SLOW_SECONDS)

    def _observe(self, record: StartRecord, job: Job, restore_from: str | None) -> bool:
        """Passes on what Flink says of the job; whether it has ended."""
        answer = JobAnswer(
            id=record.request.job_id, state=job.state, restored_from=restore_from, started_at=job.started_at
        )
        if job.state == FAILED_STATE:
            self._fail(record, self._rest.root_cause(answer.id), answer)
            return True
        if job.state in ENDED_STATES:
            self.board.note(outcome="ended")
            self.board.update(phase="ended", job=answer)
            return True
        running = job.all_running or self.board.answer.phase == "running"
        self.board.update(phase="running" if running else "starting", job=answer)
        current = self.board.record
        if running and current is not None and not current.checkpointed and self._rest.has_checkpoint(answer.id):
            self.board.note(checkpointed=True)
        return False

    def _fail(self, record: StartRecord, error: str, job: JobAnswer | None = None) -> None:
        message = self.variables.redact(error)
        LOGGER.error("job %s failed: %s", record.request.job_id, message)
        self.board.note(outcome="failed", error=message)
        job = job or JobAnswer(id=record.request.job_id, state=FAILED_STATE)
        self.board.update(phase="failed", errors=(FieldError(message=message),), job=job)

    def _pause(self, seconds: float, *, until_starting: bool = False) -> None:
        self._check_parent()
        if not self.gateway.alive:
            raise LostError("the JVM has ended")
        self.board.wait(seconds, until_starting=until_starting)

    def _check_parent(self) -> None:
        """Inside a JobManager, a launcher that outlives it would keep its port and answer for a job that is gone."""
        if self.gateway.process is None and os.getppid() != self.parent:
            raise LostError("the JobManager has ended")


def _ended_job(record: StartRecord) -> JobAnswer:
    state = FAILED_STATE if record.outcome == "failed" else "FINISHED"
    return JobAnswer(id=record.request.job_id, state=state, restored_from=record.request.restore_from)


def _words(chain: tuple[Cause, ...]) -> str:
    told = [cause for cause in chain if cause.message]
    if not told:
        return "Flink gives no cause"
    return f"{told[-1].message.splitlines()[0]} ({told[-1].type.rpartition('.')[2]})"
