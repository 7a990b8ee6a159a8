"""The services beside a job: when they come, change, stay and go."""

from pathlib import Path

import pytest

from unit.reconcile.test_rollover import KEY, Story
from weir_api.services import Service

QUERY: dict[str, object] = {"name": "query", "program": "queries", "settings": '{"views": ["customers"]}'}
MORE: dict[str, object] = {**QUERY, "replicas": 3}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def running(story: Story) -> dict[str, int]:
    """The replicas of each that is alive."""
    return {name: one.replicas for name, (one, alive) in story.world.services.items() if alive}


def test_they_come_once_the_job_was_started(story: Story) -> None:
    story.apply(services=[QUERY])
    story.until("Judging")
    assert running(story) == {}
    story.rest()
    assert running(story) == {"query": 1}
    (told,) = story.status.services
    assert (told.name, told.replicas, told.ready) == ("query", 1, 1)
    assert story.said("Ready") == ("True", "Running")


def test_another_number_of_them_touches_no_job(story: Story) -> None:
    story.apply(services=[QUERY])
    story.rest()
    job = story.running().job
    story.apply(services=[MORE])
    story.rest()
    assert running(story) == {"query": 3}
    assert story.running().job is job and len(story.world.processes) == 1


def test_they_stay_as_they_are_beside_a_refused_change(story: Story) -> None:
    story.apply(services=[QUERY])
    story.rest()
    story.apply(outcome="refused", services=[MORE])
    story.rest()
    assert running(story) == {"query": 1}
    assert story.said("Ready") == ("True", "PreviousRevisionRuns")
    story.world.services["query"] = (Service.model_validate(QUERY), False)
    story.rest()
    assert running(story) == {"query": 1}, "a dead one comes back also then"


def test_one_that_does_not_work_is_told_of(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.apply(services=[QUERY])
    story.rest()
    monkeypatch.setattr(story.world, "services", {"query": (Service.model_validate(QUERY), False)})
    monkeypatch.setattr(story.world, "perform", lambda *_: None)
    story.operate()
    assert story.said("Ready") == ("False", "ServicesNotReady")
    assert story.message("Ready") == "query: 0 of 1 ready"


def test_they_answer_while_the_job_is_suspended(story: Story) -> None:
    story.apply(services=[QUERY])
    story.rest()
    story.apply(services=[QUERY], suspended=True)
    story.rest()
    assert story.is_in("Suspended") and running(story) == {"query": 1}


def test_one_that_is_no_longer_asked_for_goes(story: Story) -> None:
    story.apply(services=[QUERY])
    story.rest()
    story.apply()
    story.rest()
    assert running(story) == {} and story.status.services == ()


def test_nothing_is_left_of_a_deleted_streamjob(story: Story) -> None:
    story.apply(services=[QUERY])
    story.rest()
    story.store.mark_deleted(KEY)
    story.rest()
    assert story.store.get(KEY) is None and story.world.services == {} and story.world.processes == {}
