"""The same stories where processes come back by themselves and restore points cannot always be seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from unit.reconcile.far_worlds import LOOKS, FarWorld
from unit.reconcile.test_rollover import KEY, Story
from unit.reconcile.test_rollover_worlds import Rollovers
from weir_operator.fleet.observations import Observation

BEGIN = datetime(2026, 11, 21, tzinfo=UTC)


class FarRollovers(Rollovers):
    """Edits, crashes and deaths at every point, in a cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.world = FarWorld(BEGIN)
        self._restart()


FarRollovers.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestFarRollovers = FarRollovers.TestCase


class FarStory(Story):
    """A story in a cluster."""

    world: FarWorld

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.world = FarWorld(BEGIN)


def _with_trouble(seen: Observation, fine: str) -> Observation:
    """With every revision but this one unable to run."""
    revisions = tuple(
        one if one.revision == fine else replace(one, answer=None, job=None, trouble="no such image")
        for one in seen.revisions
    )
    return replace(seen, revisions=revisions)


@pytest.fixture
def story(tmp_path: Path) -> FarStory:
    return FarStory(tmp_path)


def test_a_job_that_fails_for_good_is_suspended_with_its_newest_checkpoint(story: FarStory) -> None:
    story.apply()
    story.rest()
    (revision,) = story.world.processes
    story.world.give_up(revision)
    story.apply(suspended=True)
    story.rest(100)
    assert story.is_in("Suspended")
    assert story.world.looks > LOOKS
    rollover = story.status.rollover
    assert rollover is not None
    assert rollover.restore_from == max(story.world.points.values(), key=lambda point: point.taken_at).location
    story.apply()
    story.rest(200)
    assert story.is_in("Running")


def test_a_killed_job_is_deleted_with_its_newest_checkpoint_kept(story: FarStory) -> None:
    story.apply()
    story.rest()
    (revision,) = story.world.processes
    story.world.processes[revision].ending = True  # someone has deleted its Deployment
    story.world.kill(revision)
    newest = max(story.world.points.values(), key=lambda point: point.taken_at).location
    story.store.mark_deleted(KEY)
    story.rest()
    assert story.store.get(KEY) is None
    assert list(story.world.points) == [newest]
    assert story.world.looks > LOOKS


def test_what_nobody_could_look_at_is_not_deleted_and_does_not_hold_the_streamjob_for_ever(
    story: FarStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.apply()
    story.rest()
    (revision,) = story.world.processes
    story.world.processes[revision].ending = True
    story.world.kill(revision)
    points = set(story.world.points)
    monkeypatch.setattr(story.world, "_looked_up", lambda *_: False)
    story.store.mark_deleted(KEY)
    story.rest(passes=100, seconds=1.0)
    assert story.store.get(KEY) is not None
    story.rest(passes=300, seconds=1.0)
    assert story.store.get(KEY) is None
    assert set(story.world.points) == points


def test_processes_that_never_end_hold_a_deleted_streamjob_for_five_minutes(
    story: FarStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.apply()
    story.rest()

    def time_only(seconds: float) -> None:
        story.world.now += timedelta(seconds=seconds)

    monkeypatch.setattr(story.world, "pass_time", time_only)
    story.store.mark_deleted(KEY)
    story.rest(passes=290, seconds=1.0)
    assert story.store.get(KEY) is not None
    story.rest(passes=30, seconds=1.0)
    assert story.store.get(KEY) is None


def test_a_deletion_amid_a_deployment_leaves_no_process_however_late_it_is_seen(story: FarStory) -> None:
    story.apply()
    story.until("Deploying")
    story.operate()
    assert story.world.processes
    story.store.mark_deleted(KEY)
    story.world.now += timedelta(hours=1)
    story.rest()
    assert story.store.get(KEY) is None and not story.world.processes


def test_one_that_was_never_started_goes_without_a_look_at_its_state(story: FarStory) -> None:
    story.apply("refused")
    story.rest()
    story.store.mark_deleted(KEY)
    story.rest()
    assert story.store.get(KEY) is None and story.world.looks == 0


def test_an_image_that_cannot_be_pulled_degrades_it_and_the_next_spec_proceeds(
    story: FarStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.apply()
    story.rest()
    first = story.running().config.revision
    seen = story.world.observe

    with monkeypatch.context() as patched:
        patched.setattr(story.world, "observe", lambda _, watch: _with_trouble(seen(KEY, watch), first))
        story.apply(number=1)
        story.rest(20)
        assert story.is_in("Degraded", "Deploying")
        assert story.said("Ready") == ("True", "PreviousRevisionRuns")
        assert (story.said("Deployed"), story.message("Deployed")) == (("False", "DeployFailed"), "no such image")
        assert story.running().config.revision == first
    story.apply(number=2)
    story.rest()
    assert story.is_in("Running") and story.running().config.program.tables[0].endswith("2")


def test_a_new_revision_that_crashes_after_its_start_is_rolled_back_at_once(
    story: FarStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.apply()
    story.rest()
    first = story.running().config.revision
    story.apply("slow", number=1)
    story.until("Stabilizing")
    seen = story.world.observe
    with monkeypatch.context() as patched:
        patched.setattr(story.world, "observe", lambda _, watch: _with_trouble(seen(KEY, watch), first))
        story.operate()
    rollover = story.status.rollover
    assert rollover is not None and (rollover.step, rollover.message) == ("RollingBack", "no such image")
    story.rest()
    assert story.is_in("Degraded", "RolledBack") and story.running().config.revision == first
