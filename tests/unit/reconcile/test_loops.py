"""The loop: many objects at once, and nobody's trouble is anybody else's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.waiting import wait_until
from unit.reconcile.worlds import World
from weir_api.resources import Resource
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.actions import Action, Forget
from weir_operator.fleet.fleets import Locations
from weir_operator.fleet.observations import Observation, Watch
from weir_operator.fleet.store import Key, Spec, Store
from weir_operator.reconcile.loops import Loop
from weir_operator.reconcile.passes import Reconciler
from weir_operator.reconcile.resources import ResourceReconciler

SPEC: Spec = {"program": {"tables": ["-- good k 0"], "inserts": [{"name": "a", "sql": "INSERT"}]}}


class Worlds:
    """A world per StreamJob; time passes with every look. `before` may wait, or raise, for one of them."""

    bootstrap_servers = "kafka:9092"

    def __init__(self, before: Callable[[Key], None] = lambda _: None) -> None:
        self._worlds: dict[Key, World] = {}
        self._before = before

    def _of(self, key: Key) -> World:
        return self._worlds.setdefault(key, World(datetime.now(UTC)))

    def locations(self, key: Key, revision: str) -> Locations:
        """As the world's."""
        return self._of(key).locations(key, revision)

    def observe(self, key: Key, watch: Watch) -> Observation:
        """As the world's, a moment later."""
        self._before(key)
        self._of(key).pass_time(0.1)
        return self._of(key).observe(key, watch)

    def perform(self, key: Key, action: Action) -> None:
        """As the world's; one that is forgotten begins anew."""
        self._of(key).perform(key, action)
        if isinstance(action, Forget):
            del self._worlds[key]


def _nothing(_: Resource) -> StreamJobSpec:
    raise AssertionError("only StreamJobs are written here")


@contextmanager
def looping(store: Store, fleet: Worlds) -> Iterator[tuple[Loop, list[str]]]:
    told: list[str] = []
    loop = Loop(
        Reconciler(store, fleet), ResourceReconciler(store, _nothing), lambda key, error: told.append(f"{key}: {error}")
    )
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop, told
    finally:
        loop.stop()
        thread.join(20)
        assert not thread.is_alive()


def key(name: str) -> Key:
    return Key(kind="StreamJob", name=name)


def phase(store: Store, name: str) -> str:
    found = store.get(key(name))
    return found.status.phase if found else "gone"


def test_one_that_hangs_delays_no_other(tmp_path: Path) -> None:
    store, let_go, hangs = Store(tmp_path), threading.Event(), threading.Event()

    def before(one: Key) -> None:
        if one.name == "slow":
            hangs.set()
            assert let_go.wait(30)

    store.apply(key("slow"), SPEC)
    try:
        with looping(store, Worlds(before)) as (loop, _):
            assert hangs.wait(10)
            store.apply(key("fast"), SPEC)
            loop.wake()
            wait_until(lambda: phase(store, "fast") == "Running", 20, "fast runs")
            assert phase(store, "slow") == "Pending"
            let_go.set()
            wait_until(lambda: phase(store, "slow") == "Running", 20, "slow runs")
    finally:
        let_go.set()


def test_a_fault_in_one_is_told_once_and_stops_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def before(one: Key) -> None:
        if one.name == "bad":
            raise RuntimeError("a fault")

    store.apply(key("bad"), SPEC)
    store.apply(key("good"), SPEC)
    with looping(store, Worlds(before)) as (loop, told):
        wait_until(lambda: phase(store, "good") == "Running", 20, "good runs")
        loop.wake()
        wait_until(lambda: bool(told), 20, "the fault is told")
    assert told == ["StreamJob/default/bad: a fault"]


def test_a_file_that_is_no_object_is_told_and_stops_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.apply(key("good"), SPEC)
    (tmp_path / "StreamJob.default.bad.json").write_text("{")
    with looping(store, Worlds()) as (_, told):
        wait_until(lambda: phase(store, "good") == "Running", 20, "good runs")
    assert len(told) == 1 and "StreamJob.default.bad.json" in told[0]


@pytest.mark.parametrize("apply_again", [True, False])
def test_deleted_objects_are_forgotten_and_may_come_again(tmp_path: Path, apply_again: bool) -> None:
    store = Store(tmp_path)
    store.apply(key("one"), SPEC)
    with looping(store, Worlds()) as (loop, _):
        wait_until(lambda: phase(store, "one") == "Running", 20, "it runs")
        store.mark_deleted(key("one"))
        loop.wake(key("one"))
        wait_until(lambda: phase(store, "one") == "gone", 20, "it is gone")
        if apply_again:
            store.apply(key("one"), SPEC)
            loop.wake()
            wait_until(lambda: phase(store, "one") == "Running", 20, "it runs again")
