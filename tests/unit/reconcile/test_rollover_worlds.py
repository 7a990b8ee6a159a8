"""Whatever happens in whatever order: one job at most, nothing twice, nothing lost, and the latest spec in the end."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from unit.reconcile.worlds import Outcome, World
from weir_api.statuses import Status
from weir_operator.fleet.actions import Action
from weir_operator.fleet.fleets import Locations
from weir_operator.fleet.observations import Observation, Watch
from weir_operator.fleet.store import Key, Spec, Store, StoredObject, WriteError
from weir_operator.reconcile.passes import Failures, Reconciler
from weir_operator.reconcile.situations import SETTLED

KEY = Key(kind="StreamJob", name="job")
MEMORY = Path("/dev/shm")


class Killed(BaseException):
    """The operator dies here."""


class Trap:
    """Counts effects and kills the operator before or after the one it is set for."""

    def __init__(self) -> None:
        self.countdown: int | None = None

    def passing(self) -> None:
        """A place to die at."""
        if self.countdown is None:
            return
        self.countdown -= 1
        if self.countdown < 0:
            self.countdown = None
            raise Killed


class TrappedStore(Store):
    """A store whose status writes can fail, and can be the last thing an operator does."""

    trap: Trap
    full = False

    def write_status(self, key: Key, uid: str, status: Status, version: str | None = None) -> StoredObject:
        """As Store's."""
        self.trap.passing()
        if self.full:
            raise WriteError("cannot write: No space left on device")
        written = super().write_status(key, uid, status, version)
        self.trap.passing()
        return written


class TrappedFleet:
    """A world whose actions can be the last thing an operator does."""

    def __init__(self, world: World, trap: Trap) -> None:
        self._world, self._trap = world, trap

    @property
    def bootstrap_servers(self) -> str:
        """As the world's."""
        return self._world.bootstrap_servers

    def locations(self, key: Key, revision: str) -> Locations:
        """As the world's."""
        return self._world.locations(key, revision)

    def observe(self, key: Key, watch: Watch) -> Observation:
        """As the world's."""
        return self._world.observe(key, watch)

    def perform(self, key: Key, action: Action) -> None:
        """As the world's, with a place to die at on either side."""
        self._trap.passing()
        self._world.perform(key, action)
        self._trap.passing()


def spec(
    outcome: Outcome = "good", key: str = "k", number: int = 0, suspended: bool = False, mode: str = "warm"
) -> Spec:
    return {
        "runtime": {"rollover": mode},
        "program": {"tables": [f"-- {outcome} {key} {number}"], "inserts": [{"name": "a", "sql": "INSERT"}]},
        "suspended": suspended,
    }


class Rollovers(RuleBasedStateMachine):
    """Edits, crashes and deaths at every point; between them, passes of an operator and the passing of time."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.world = World(datetime(2026, 11, 21, tzinfo=UTC))
        self.trap = Trap()
        self.store = TrappedStore(self.directory, now=lambda: self.world.now)
        self.store.trap = self.trap
        self.outcome: Outcome = "good"
        self.mode = "warm"
        self.key, self.number, self.suspended, self.deleted, self.may_delete = "k", 0, False, False, False
        self._restart()

    def _restart(self) -> None:
        self.trap.countdown = None
        fleet = TrappedFleet(self.world, self.trap)
        self.reconciler = Reconciler(self.store, fleet, now=lambda: self.world.now)
        self.failures = Failures()

    def _operate(self) -> None:
        stored = self.store.get(KEY)
        if stored is None:
            return
        try:
            self.failures = self.reconciler.reconcile(stored, self.failures).failures
        except WriteError:
            pass
        except Killed:
            note("operator killed")
            self._restart()
        after = self.store.get(KEY)
        if after is not None and after.status.rollover is not None:
            note(f"{after.status.phase} {after.status.rollover.step} {after.status.rollover.message}")

    def _apply(self) -> None:
        if not self.deleted:
            self.store.apply(KEY, spec(self.outcome, self.key, self.number, self.suspended, self.mode))

    @initialize(
        outcome=st.sampled_from(["good", "good", "good", "refused", "crashing", "failing"]), fate=st.integers(0, 5)
    )
    def begin(self, outcome: Outcome, fate: int) -> None:
        self.outcome, self.may_delete = outcome, fate == 0
        self._apply()

    @rule(passes=st.integers(1, 12))
    def go_on(self, passes: int) -> None:
        for _ in range(passes):
            self._operate()
            self.world.pass_time()

    @rule()
    def operate_only(self) -> None:
        self._operate()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 190.0, 30.0]))
    def time_only(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(outcome=st.sampled_from(["good", "good", "slow", "refused", "crashing", "failing"]), number=st.integers(0, 2))
    def edit(self, outcome: Outcome, number: int) -> None:
        self.outcome, self.number = outcome, number
        self._apply()

    @rule()
    def change_mode(self) -> None:
        self.mode = "cold" if self.mode == "warm" else "warm"
        self._apply()

    @rule()
    def change_key(self) -> None:
        self.key = "l" if self.key == "k" else "k"
        self._apply()

    @rule()
    def suspend_or_resume(self) -> None:
        self.suspended = not self.suspended
        self._apply()

    @rule(effects=st.integers(0, 6))
    def operator_dies_in_a_pass(self, effects: int) -> None:
        self.trap.countdown = effects
        self._operate()
        self.trap.countdown = None

    @rule()
    def operator_restarts(self) -> None:
        self._restart()

    @rule(data=st.data())
    @precondition(lambda self: self.world.processes)
    def process_dies(self, data: Any) -> None:
        self.world.kill(data.draw(st.sampled_from(sorted(self.world.processes))))

    @rule(data=st.data())
    @precondition(lambda self: self.world.live_jobs())
    def flink_gives_up(self, data: Any) -> None:
        self.world.give_up(data.draw(st.sampled_from(sorted(self.world.processes))))

    @rule(passes=st.integers(1, 15), fault=st.sampled_from(["savepoints_fail", "topics_away"]))
    def for_a_while(self, passes: int, fault: str) -> None:
        setattr(self.world, fault, True)
        self.go_on(passes)
        setattr(self.world, fault, False)

    @rule(passes=st.integers(1, 5))
    def disk_full_for_a_while(self, passes: int) -> None:
        self.store.full = True
        self.go_on(passes)
        self.store.full = False

    @rule()
    @precondition(lambda self: self.may_delete)
    def delete(self) -> None:
        self.deleted = True
        self.store.mark_deleted(KEY)

    @invariant()
    def nothing_twice(self) -> None:
        self.world.check_alone()

    def teardown(self) -> None:
        try:
            self._comes_to_rest()
        finally:
            shutil.rmtree(self.directory)

    def _comes_to_rest(self) -> None:
        """With nothing going wrong any more, the latest spec is reached and stays."""
        quiet, before = 0, None
        for _ in range(600):
            self._operate()
            self.world.pass_time(1.0)
            self.world.check_alone()
            stored = self.store.get(KEY)
            after = stored and (stored.status.phase, stored.status.rollover, stored.status.conditions)
            quiet, before = (quiet + 1, before) if after == before else (0, after)
            if quiet > 220:  # longer than any back-off and deadline: nothing more will come
                break
        stored = self.store.get(KEY)
        if self.deleted:
            assert stored is None and not self.world.processes and not self.world.live_jobs()
            return
        if stored is not None:
            self._as_asked(stored)

    def _as_asked(self, stored: StoredObject) -> None:
        status, live = stored.status, self.world.live_jobs()
        assert status.observed_generation == stored.metadata.generation
        if self.suspended:
            assert status.phase == "Suspended" and not live and not self.world.processes, status
            return
        assert status.rollover is not None
        refused = status.signature is not None and status.signature.operators[0].key != (self.key,)
        if self.outcome == "slow" and not refused:
            assert status.phase in ("Running", "Degraded") and len(live) == 1, status
        elif self.outcome == "good" and not refused:
            assert status.phase == "Running" and len(live) == 1 and len(self.world.processes) == 1, status
            assert status.rollover.step in SETTLED
            assert status.job is not None and status.job.id == live[0].id
            running = self.world.processes[status.job.revision].config.program.tables[0]
            assert running == f"-- {self.outcome} {self.key} {self.number}"
        else:
            assert status.phase in ("Degraded", "Failed"), status
            if refused and self.outcome == "good":
                assert status.rollover.step == "Refused", status
            if self.world.committed and self.outcome in ("refused", "crashing", "failing") and status.revision and live:
                assert live[0].position >= self.world.committed


Rollovers.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRollovers = Rollovers.TestCase
