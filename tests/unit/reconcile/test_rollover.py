"""The rollover as a person would tell it: each story from the first pass to rest, on the world that keeps count."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue

from unit.reconcile.worlds import Outcome, Process, World
from weir_api.phases import Phase
from weir_api.statuses import ConditionType, Status
from weir_operator.fleet.store import Key, Spec, Store, WriteError
from weir_operator.reconcile.passes import Failures, Reconciler

KEY = Key(kind="StreamJob", name="job")


class Story:
    """A world, an operator, and the spec of one StreamJob."""

    def __init__(self, directory: Path) -> None:
        self.world = World(datetime(2026, 11, 21, tzinfo=UTC))
        self.store = Store(directory, now=lambda: self.world.now)
        self.failures = Failures()

    def apply(self, outcome: Outcome = "good", key: str = "k", number: int = 0, **spec: object) -> None:
        """Give the StreamJob this program."""
        annotations = spec.pop("annotations", None)
        assert annotations is None or isinstance(annotations, dict)
        document: Spec = {
            "program": {"tables": [f"-- {outcome} {key} {number}"], "inserts": [{"name": "a", "sql": "INSERT"}]}
        }
        for name, value in spec.items():
            assert isinstance(value, bool | dict | list)
            document[name] = value
        self.store.apply(KEY, document, annotations=annotations)

    @property
    def status(self) -> Status:
        """What is recorded."""
        stored = self.store.get(KEY)
        assert stored is not None
        return stored.status

    def is_in(self, phase: Phase, step: str | None = None) -> bool:
        """Whether this is where it stands."""
        return self.status.phase == phase and step in (None, self.step)

    @property
    def step(self) -> str:
        """The rollover's step."""
        return self.status.rollover.step if self.status.rollover else ""

    def operate(self) -> bool:
        """One pass; whether the object is still there."""
        stored = self.store.get(KEY)
        if stored is None:
            return False
        reconciler = Reconciler(self.store, self.world, now=lambda: self.world.now, steps_at_once=1)
        self.failures = reconciler.reconcile(stored, self.failures).failures
        return True

    def until(self, step: str, passes: int = 200) -> None:
        """Passes and time until this step is recorded."""
        for _ in range(passes):
            self.operate()
            if self.step == step:
                return
            self.world.pass_time(0.2)
        raise AssertionError(f"{step} was not reached: {self.status}")

    def rest(self, passes: int = 60, seconds: float = 0.5) -> None:
        """Passes and time until nothing moves any more."""
        for _ in range(passes):
            if not self.operate():
                return
            self.world.pass_time(seconds)

    def said(self, kind: ConditionType) -> tuple[str, str]:
        """A condition's status and reason."""
        condition = self.status.condition(kind)
        assert condition is not None
        return condition.status, condition.reason

    def message(self, kind: ConditionType) -> str:
        """A condition's message."""
        condition = self.status.condition(kind)
        assert condition is not None
        return condition.message

    def running(self) -> Process:
        """The one process with a live job."""
        live = [one for one in self.world.processes.values() if one.alive and one.job is not None and one.job.live]
        assert len(live) == 1
        return live[0]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(tmp_path)
    yield told
    told.world.check_alone()


def test_first_start(story: Story) -> None:
    story.apply()
    story.rest()
    assert [record.step for record in story.status.rollover.history] == [  # type: ignore[union-attr]
        "Deploying", "Judging", "Starting", "Stabilizing", "Done",
    ]  # fmt: skip
    assert story.is_in("Running")
    assert {kind: story.said(kind) for kind in ("Ready", "Validated", "Deployed", "StateSafe", "Progressing")} == {
        "Ready": ("True", "Running"),
        "Validated": ("True", "Compiled"),
        "Deployed": ("True", "Deployed"),
        "StateSafe": ("True", "Kept"),
        "Progressing": ("False", "Stable"),
    }


def test_a_deletion_while_nobody_was_there_still_gets_its_savepoint(story: Story) -> None:
    story.apply()
    story.rest()
    story.store.mark_deleted(KEY)
    story.world.pass_time(3600)
    story.rest()
    assert story.store.get(KEY) is None and not story.world.processes
    assert [point.kind for point in story.world.points.values()] == ["savepoint"]


def test_a_cold_change_judges_first_and_has_the_workers_of_one_revision_at_a_time(story: Story) -> None:
    story.apply(runtime={"rollover": "cold"})
    story.rest()
    first = story.running().config.revision
    story.apply(number=1, runtime={"rollover": "cold"})
    story.until("Saved")
    assert len(story.world.processes) == 2
    story.rest()
    rollover = story.status.rollover
    assert rollover is not None and rollover.mode == "cold"
    assert [record.step for record in rollover.history] == [
        "Deploying", "Judging", "Triggering", "Saving", "Saved", "Starting", "Stabilizing", "Done",
    ]  # fmt: skip
    assert story.world.most_workers == 1
    assert story.running().config.revision != first and story.is_in("Running")


def test_a_cold_change_that_fails_is_rolled_back(story: Story) -> None:
    story.apply(runtime={"rollover": "cold"})
    story.rest()
    first = story.running().config.revision
    story.apply("failing", runtime={"rollover": "cold"})
    story.rest(passes=120)
    assert story.is_in("Degraded", "RolledBack") and story.running().config.revision == first
    assert story.world.most_workers == 1


def test_a_job_that_dies_beside_a_cold_revision_goes_on(story: Story) -> None:
    story.apply(runtime={"rollover": "cold"})
    story.rest()
    first = story.running().config.revision
    story.world.topics_away = True  # the new revision compiles and gets no further
    story.apply(number=1, runtime={"rollover": "cold"})
    story.until("Deploying")
    story.rest(passes=10)
    story.world.give_up(first)
    story.rest(passes=40)
    assert story.running().config.revision == first
    story.world.topics_away = False
    story.rest(passes=80)
    assert story.running().config.revision != first and story.is_in("Running")


def test_how_revisions_follow_each_other_is_no_change(story: Story) -> None:
    story.apply()
    story.rest()
    before = story.status.rollover
    story.apply(runtime={"rollover": "cold"})
    story.rest()
    assert story.status.rollover == before and story.is_in("Running")


def test_a_change_goes_through_every_step_and_is_measured(story: Story) -> None:
    story.apply()
    story.rest()
    first = story.running().config.revision
    story.apply(number=1)
    story.rest()
    rollover = story.status.rollover
    assert rollover is not None
    assert [record.step for record in rollover.history] == [
        "Deploying", "Judging", "Triggering", "Saving", "Saved", "Starting", "Stabilizing", "Done",
    ]  # fmt: skip
    assert (rollover.from_revision, rollover.to_revision) == (first, story.running().config.revision)
    assert rollover.savepoint_seconds is not None and rollover.gap_seconds is not None
    assert story.status.savepoint is not None and rollover.restore_from == story.status.savepoint.location
    assert story.status.savepoint.location in story.world.points
    assert list(story.world.processes) == [rollover.to_revision]


def test_what_does_not_compile_never_touches_what_runs(story: Story) -> None:
    story.apply()
    story.rest()
    before = story.running().config.revision
    story.apply("refused")
    story.rest()
    assert story.is_in("Degraded", "Refused")
    assert story.said("Ready") == ("True", "PreviousRevisionRuns")
    assert story.said("Validated") == ("False", "CompilationFailed")
    assert story.message("Validated") == "spec.x: no such column"
    assert [error.path for error in story.status.errors] == ["spec.x"]
    assert list(story.world.processes) == [before]


def test_a_spec_that_is_none_never_touches_what_runs(story: Story) -> None:
    story.apply()
    story.rest()
    story.store.apply(KEY, {"program": {"tables": [], "inserts": []}})
    story.rest()
    assert story.said("Validated") == ("False", "InvalidSpec")
    assert "spec.program.inserts" in story.message("Validated")
    assert story.said("Ready")[0] == "True" and story.running()
    assert story.status.observed_generation == 2


def test_loss_of_state_is_refused_then_allowed_by_name(story: Story) -> None:
    story.apply()
    story.rest()
    story.apply(key="l")
    story.rest()
    assert story.is_in("Degraded", "Refused")
    assert story.said("StateSafe") == ("False", "StateWouldBeLost")
    assert "job.sums: incompatible, key changed: (k) -> (l)" in story.message("StateSafe")
    story.apply(key="l", state={"onIncompatibleChange": "reset", "operators": ["job.sums"]})
    story.rest()
    assert story.is_in("Running", "Done")
    order = story.running().order
    assert order is not None
    assert (order.fresh, order.ignore_unclaimed) == ({"job.sums": "-g3"}, True)
    story.apply(key="l", number=1)
    story.rest()
    order = story.running().order
    assert order is not None
    assert (order.fresh, order.ignore_unclaimed) == ({"job.sums": "-g3"}, False), "once given up, for good"


def test_a_refused_change_that_is_taken_back_leaves_no_trace(story: Story) -> None:
    story.apply()
    story.rest()
    job = story.running().order
    story.apply(key="l")
    story.rest()
    assert story.said("StateSafe")[0] == "False"
    story.apply()
    story.rest()
    assert story.is_in("Running")
    assert story.said("StateSafe") == ("True", "Kept")
    assert story.said("Progressing") == ("False", "Stable")
    assert story.running().order == job, "the job was touched"


def test_suspend_keeps_a_savepoint_and_resume_goes_on_from_it(story: Story) -> None:
    story.apply()
    story.rest()
    story.apply(suspended=True)
    story.rest()
    assert story.is_in("Suspended") and not story.world.processes
    savepoint = story.status.savepoint
    assert savepoint is not None
    story.apply()
    story.rest()
    order = story.running().order
    assert story.is_in("Running") and order is not None and order.restore_from == savepoint.location


def test_a_failed_savepoint_is_tried_again_in_another_place(story: Story) -> None:
    story.apply()
    story.rest()
    story.world.savepoints_fail = True
    story.apply(number=1)
    story.until("BackingOff")
    assert "the disk is full" in story.message("Progressing")
    assert story.said("Ready")[0] == "True"
    story.world.savepoints_fail = False
    story.rest()
    rollover = story.status.rollover
    assert rollover is not None and (rollover.step, rollover.attempt) == ("Done", 2)
    assert rollover.target_directory is not None and "/g2-a2-" in rollover.target_directory


@pytest.mark.parametrize("bad", ["crashing", "failing"])
def test_roll_back_starts_the_old_revision_from_the_savepoint(story: Story, bad: Outcome) -> None:
    story.apply()
    story.rest()
    before = story.running().config.revision
    story.apply(bad, number=1)
    story.rest(100)
    assert story.is_in("Degraded", "RolledBack")
    assert story.said("Progressing") == ("False", "RolledBack") and story.message("Progressing")
    assert story.running().config.revision == before
    attempts = story.status.rollover.attempt if story.status.rollover else 0
    story.rest(100)
    assert story.status.rollover is not None and story.status.rollover.attempt == attempts, "tried once only"
    story.apply(number=2)
    story.rest()
    assert story.is_in("Running")


def test_no_roll_back_over_what_was_committed_meanwhile(story: Story) -> None:
    story.apply()
    story.rest()
    story.apply("slow", number=1)
    story.until("Stabilizing")
    story.world.pass_time(181)
    story.until("RollingBack")
    story.world.pass_time(30)  # long enough for the new job to complete its first checkpoint while it is taken down
    assert not story.world.live_jobs() and story.world.committed
    story.rest()
    assert story.is_in("Running", "Done")
    assert story.running().does == "slow"


def test_revert_while_deploying_leaves_the_old_job_alone(story: Story) -> None:
    story.apply()
    story.rest()
    job = story.running().job
    story.apply(number=1)
    story.until("Deploying")
    story.apply()
    story.rest()
    assert story.running().job is job and story.is_in("Running")


@pytest.mark.parametrize("step", ["Deploying", "Judging", "Triggering", "Saving", "Saved", "Starting", "Stabilizing"])
def test_a_second_edit_at_any_step_ends_on_the_latest_spec(story: Story, step: str) -> None:
    story.apply()
    story.rest()
    story.apply(number=1)
    story.until(step)
    story.apply(number=2)
    story.rest()
    assert story.running().config.program.tables == ("-- good k 2",)
    assert story.is_in("Running") and len(story.world.processes) == 1


@pytest.mark.parametrize("step", ["Triggering", "Saving", "Saved", "Starting", "Stabilizing"])
def test_the_process_of_the_old_job_dies_at_any_step(story: Story, step: str) -> None:
    story.apply()
    story.rest()
    old = story.running().config.revision
    story.apply(number=1)
    story.until(step)
    story.world.kill(old)
    story.rest()
    assert story.is_in("Running") and story.running().config.program.tables == ("-- good k 1",)


def test_a_dead_process_is_started_again_and_counted(story: Story) -> None:
    story.apply()
    story.rest()
    story.world.kill(story.running().config.revision)
    story.operate()
    assert story.said("Ready") == ("False", "ProcessGone") and story.is_in("Degraded")
    story.rest()
    assert story.is_in("Running")
    assert story.status.job is not None and story.status.job.restarts == 1


def test_never_empty_where_state_is_expected(story: Story) -> None:
    story.apply()
    story.rest()
    story.apply(suspended=True)
    story.rest()
    assert story.status.savepoint is not None
    story.world.points = {
        place: point for place, point in story.world.points.items() if place != story.status.savepoint.location
    }
    story.apply()
    story.rest()
    assert story.is_in("Failed") and not story.world.live_jobs()
    assert story.said("StateSafe") == ("False", "ManualRestoreRequired")
    assert "chk-" in story.message("StateSafe") and "weir.dev/restore-from" in story.message("StateSafe")
    story.world.committed = 0  # the person takes the blame for what is written twice
    named = next(iter(story.world.points))
    story.apply(annotations={"weir.dev/restore-from": named})
    story.rest()
    order = story.running().order
    assert story.is_in("Running") and order is not None and order.restore_from == named


def test_what_needs_state_never_starts_from_nothing_but_after_the_program_before_it(story: Story) -> None:
    """The user's `empty` is for the program that goes before; a change of operators loses nothing then."""
    story.apply(number=1)
    story.rest()
    story.apply(number=2, needsState=True)
    story.rest()
    story.apply(number=2, needsState=True, suspended=True)
    story.rest()
    story.world.points = {}
    empty = {"weir.dev/restore-from": "empty"}
    story.apply(number=2, needsState=True, annotations=empty)
    story.rest()
    assert not story.world.live_jobs() and story.status.job is None
    story.world.committed = 0
    story.apply(number=1, key="other", annotations=empty)
    story.rest()
    assert story.is_in("Running") and story.status.restored_by_hand == "empty"
    story.apply(number=2, key="other", needsState=True, annotations=empty)
    story.rest()
    order = story.running().order
    assert story.is_in("Running") and order is not None and order.restore_from is not None


def test_a_savepoint_is_taken_once_of_a_job_that_goes_on(story: Story) -> None:
    story.apply()
    story.rest()
    job = story.status.job
    for word in ("one", "two"):
        story.apply(annotations={"weir.dev/savepoint": word})
        story.rest()
        asked, savepoint = story.status.asked, story.status.savepoint
        assert asked is not None and (asked.word, asked.state) == (word, "Taken")
        assert savepoint is not None and savepoint.trigger == asked.trigger
        assert story.world.points[savepoint.location].kind == "savepoint"
    assert set(story.world.taken.values()) == {1} and len(story.world.taken) == 2
    assert story.is_in("Running") and story.status.job is not None and job is not None
    assert story.status.job.id == job.id
    story.apply(number=1, annotations={"weir.dev/savepoint": "two"})
    story.rest()
    assert story.is_in("Running") and len(story.world.taken) == 3


def test_a_savepoint_that_fails_is_told_and_not_tried_for_ever(story: Story) -> None:
    story.apply()
    story.rest()
    story.world.savepoints_fail = True
    story.apply(annotations={"weir.dev/savepoint": "one"})
    story.rest()
    assert story.status.asked is not None and story.status.asked.state == "Failed"
    assert story.is_in("Running") and not story.world.taken


def forgetting(days: int) -> dict[str, JsonValue]:
    """What is forgotten after so many days and in use for 65 of them."""
    day = 86_400_000
    return {"after": days * day, "used": 65 * day, "path": "spec.period.remember"}


@pytest.mark.parametrize("way", ["longer", "by hand"])
@pytest.mark.parametrize("crashed", [False, True])
def test_what_stood_still_for_too_long_does_not_start_by_itself(story: Story, way: str, crashed: bool) -> None:
    story.apply(forgets=forgetting(130))
    story.rest()
    if crashed:
        for process in story.world.processes.values():
            process.alive, process.job, process.order = False, None, None
    else:
        story.apply(suspended=True, forgets=forgetting(130))
        story.rest()
    story.world.now += timedelta(days=66)
    story.apply(forgets=forgetting(130))
    story.rest()
    assert not story.world.live_jobs()
    assert story.said("StateSafe") == ("False", "StateOutdated")
    assert "spec.period.remember to 133d" in story.message("StateSafe")
    if way == "longer":
        story.apply(number=1, forgets=forgetting(140))
    else:
        place = story.message("StateSafe").split("or name ")[1].split(" in the annotation")[0]
        story.apply(forgets=forgetting(130), annotations={"weir.dev/restore-from": place})
    story.rest(120)
    assert story.is_in("Running")
    order = story.running().order
    assert order is not None and order.restore_from is not None


def test_what_stood_still_for_a_while_goes_on(story: Story) -> None:
    story.apply(suspended=False, forgets=forgetting(130))
    story.rest()
    story.apply(suspended=True, forgets=forgetting(130))
    story.rest()
    story.world.now += timedelta(days=64)
    story.apply(forgets=forgetting(130))
    story.rest()
    assert story.is_in("Running")


def test_a_corrupted_savepoint_waits_for_a_person(story: Story) -> None:
    story.apply()
    story.rest()
    story.apply(suspended=True)
    story.rest()
    assert story.status.savepoint is not None
    story.world.corrupted = {story.status.savepoint.location}
    story.apply()
    story.rest(40)
    assert story.is_in("Failed") and not story.world.live_jobs()
    assert story.said("StateSafe") == ("False", "ManualRestoreRequired")
    story.world.committed = 0  # the person takes the blame for what is written twice
    named = next(place for place, point in story.world.points.items() if point.kind == "checkpoint")
    story.apply(annotations={"weir.dev/restore-from": named})
    story.rest(120)
    order = story.running().order
    assert story.is_in("Running") and order is not None and order.restore_from == named


def test_a_savepoint_corrupted_under_a_change_waits_for_a_person(story: Story) -> None:
    story.apply()
    story.rest()
    story.apply(number=1)
    story.until("Saved")
    assert story.status.savepoint is not None
    story.world.corrupted = {story.status.savepoint.location}
    story.rest(60)
    assert story.is_in("Failed", "RollingBack") and not story.world.live_jobs()
    assert story.said("StateSafe") == ("False", "ManualRestoreRequired")


def test_a_job_that_flink_gives_up_can_be_replaced_without_a_savepoint(story: Story) -> None:
    story.apply()
    story.rest()
    story.world.give_up(story.running().config.revision)
    story.apply(number=1)
    story.rest()
    assert story.is_in("Running") and story.running().config.program.tables == ("-- good k 1",)


@pytest.mark.parametrize("alive", [True, False])
def test_delete_saves_what_can_be_saved_and_leaves_nothing(story: Story, alive: bool) -> None:
    story.apply()
    story.rest()
    if not alive:
        story.world.kill(story.running().config.revision)
    story.store.mark_deleted(KEY)
    story.rest()
    assert story.store.get(KEY) is None and not story.world.processes
    assert [point.kind for point in story.world.points.values()] == ["savepoint" if alive else "checkpoint"]


def test_delete_without_a_savepoint_when_told_so(story: Story) -> None:
    story.apply(annotations={"weir.dev/savepoint-on-delete": "false"})
    story.rest()
    story.store.mark_deleted(KEY)
    story.rest()
    assert story.store.get(KEY) is None and not story.world.points and not story.world.taken


def test_delete_waits_for_a_failing_savepoint_only_so_long(story: Story) -> None:
    story.apply()
    story.rest()
    story.world.savepoints_fail = True
    story.store.mark_deleted(KEY)
    story.rest(140)
    assert story.store.get(KEY) is None and not story.world.processes


def test_topics_that_cannot_be_made_keep_the_old_revision_running(story: Story) -> None:
    story.apply()
    story.rest()
    story.world.topics_away = True
    story.apply(number=1)
    story.rest()
    assert story.said("Deployed") == ("False", "TopicsNotReady")
    assert "does not answer" in story.message("Deployed") and story.said("Ready")[0] == "True"
    story.world.topics_away = False
    story.rest(100)
    assert story.is_in("Running") and story.said("Ready") == ("True", "Running")


def test_nothing_is_done_that_could_not_be_recorded(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.apply()
    story.rest()
    story.apply(number=1)
    story.until("Judging")

    def full(*_: object) -> None:
        raise WriteError("cannot write: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write_status", full)
        for _ in range(5):
            with pytest.raises(WriteError):
                story.operate()
            story.world.pass_time()
    assert not story.world.taken and not story.running().triggers
    story.rest()
    assert story.is_in("Running") and list(story.world.taken.values()) == [1]


def test_conditions_keep_their_time_while_nothing_changes(story: Story) -> None:
    story.apply()
    story.rest()
    before = story.status.conditions
    story.rest()
    assert story.status.conditions == before
