"""Rules on a laptop: `weir up` primes their router, changes reach it while it runs, the last rule takes it down."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .weirs import Weir

pytestmark = pytest.mark.timeout(600)

RULE = """\
apiVersion: weir.dev/v1alpha1
kind: RoutingRule
metadata: {name: NAME}
spec:
  source: {topic: events}
  match: {types: [TYPES]}
  destination: {topic: DESTINATION}
  runtime: {checkpointInterval: 500ms}
"""


def rule(name: str, types: str, destination: str) -> str:
    return RULE.replace("NAME", name).replace("TYPES", types).replace("DESTINATION", destination)


@pytest.fixture
def weir(tmp_path: Path) -> Iterator[Weir]:
    started = Weir(tmp_path / "folder")
    started.folder.mkdir()
    try:
        yield started
    finally:
        started.close()


def routers(weir: Weir) -> list[dict[str, Any]]:
    answer = weir("get", "sj", "-o", "json")
    found: list[dict[str, Any]] = json.loads(answer.out).get("items", []) if answer.code == 0 else []
    return found


def event(kind: str, number: int) -> str:
    return json.dumps({"type": kind, "n": number})


def sent(weir: Weir, *events: str) -> None:
    assert weir("produce", "events", stdin="\n".join(events) + "\n").code == 0


def test_rules_come_change_and_go_under_one_running_job(weir: Weir) -> None:
    file = weir.folder / "rules.yaml"
    one, two = rule("one", "a", "to-one"), rule("two", '"*"', "to-two")
    file.write_text(f"{one}---\n{two}")
    weir.up()
    weir.await_phase("Active", "one", 300)
    weir.await_phase("Active", "two")
    (router,) = routers(weir)
    job = router["status"]["job"]["id"]
    assert {owner["name"] for owner in router["metadata"]["ownerReferences"]} == {"one", "two"}
    revision = weir.resource("one")["status"]["revision"]

    sent(weir, event("a", 1), event("b", 2))
    assert weir("tail", "to-one", "--count", "1").out.split("\n")[0] == event("a", 1)
    assert len(weir("tail", "to-two", "--count", "2").out.splitlines()) == 2

    file.write_text(f"{rule('one', 'b', 'to-other')}---\n{two}")
    weir.wait(
        lambda: weir.resource("one")["status"].get("revision") != revision, 60, "the change to be taken", every=0.3
    )
    weir.await_phase("Active", "one")
    sent(weir, event("b", 3), event("a", 4))
    assert weir("tail", "to-other", "--count", "1").out.split("\n")[0] == event("b", 3)

    file.write_text(f"{rule('one', 'b', 'events')}---\n{two}")
    weir.await_phase("Degraded", "one")
    assert [error["path"] for error in weir.resource("one")["status"]["errors"]] == ["spec.destination.topic"]
    sent(weir, event("b", 6))
    assert len(weir("tail", "to-other", "--count", "2").out.splitlines()) == 2

    file.write_text(two)
    weir.wait(lambda: weir.resource("one") == {}, 60, "the deleted rule to be gone", every=0.3)
    sent(weir, event("b", 5))
    assert len(weir("tail", "to-two", "--count", "6").out.splitlines()) == 6
    (router,) = routers(weir)
    assert router["status"]["job"]["id"] == job
    assert router["status"]["job"]["restarts"] == 0
    assert [owner["name"] for owner in router["metadata"]["ownerReferences"]] == ["two"]

    file.unlink()
    weir.wait(lambda: weir.resource("two") == {} and routers(weir) == [], 120, "rule and router to be gone", every=0.3)
    assert weir.end() == 0, weir.said()
