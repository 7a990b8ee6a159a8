"""A loop that is woken instead of looking around: as in a cluster, where watches tell of what has changed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.waiting import wait_until
from unit.reconcile.test_loops import SPEC, Worlds, key, phase
from weir_api.resources import Resource
from weir_api.statuses import Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.store import Key, OwnerReference, StaleError, Store, StoredObject
from weir_operator.reconcile.loops import Loop
from weir_operator.reconcile.passes import Paces, Reconciler
from weir_operator.reconcile.resources import ResourceReconciler

NEVER = 3600.0


def _nothing(_: Resource) -> StreamJobSpec:
    raise AssertionError("only StreamJobs are written here")


@contextmanager
def looping(
    store: Store, passed: Callable[[Key, float, Exception | None], None] = lambda *_: None, calm: float = 2.0
) -> Iterator[Loop]:
    streamjobs = Reconciler(store, Worlds(), paces=Paces(calm=calm))
    kinds = ResourceReconciler(store, _nothing)
    loop = Loop(streamjobs, kinds, passed=passed, rescan=NEVER, collect=False)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(20)
        assert not thread.is_alive()


def test_an_object_that_nobody_listed_is_reconciled_when_it_is_woken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with looping(store) as loop:
        store.apply(key("new"), SPEC)
        loop.wake(key("new"))
        wait_until(lambda: phase(store, "new") == "Running", 20, "it runs")


def test_waking_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    heard: list[Key] = []
    with looping(Store(tmp_path), lambda one, *_: heard.append(one)) as loop:
        loop.wake(key("gone"))
        wait_until(lambda: heard, 20, "it was looked for")
    assert heard == [key("gone")]


def test_what_is_at_rest_is_looked_at_when_it_is_woken_and_not_before(tmp_path: Path) -> None:
    store, passes = Store(tmp_path), list[Key]()
    store.apply(key("one"), SPEC)
    with looping(store, lambda one, *_: passes.append(one), calm=NEVER) as loop:
        loop.wake(key("one"))
        wait_until(lambda: _rests(store) and loop._pause() > NEVER / 2, 20, "it is at rest")
        seen = len(passes)
        loop.wake(key("one"))
        wait_until(lambda: len(passes) > seen, 20, "it was looked at")
        assert len(passes) == seen + 1


def test_an_owner_that_is_not_listed_yet_costs_no_child_its_life(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.apply(key("child"), SPEC, owners=(OwnerReference(kind="Pattern", name="p", uid="unknown"),))
    with looping(store):
        wait_until(lambda: phase(store, "child") == "Running", 20, "it runs")
    found = store.get(key("child"))
    assert found is not None and not found.deleting


class Contended(Store):
    """Somebody else writes between the first read and the first write."""

    refusals = 1

    def write_status(self, key: Key, uid: str, status: Status, version: str | None = None) -> StoredObject:
        """As Store's, but for the first."""
        self.refusals -= 1
        if self.refusals == 0:
            raise StaleError("the object has changed")
        return super().write_status(key, uid, status, version)


def test_a_write_that_came_too_late_is_no_error_and_the_object_is_looked_at_again(tmp_path: Path) -> None:
    store, errors = Contended(tmp_path), list[Exception]()
    store.apply(key("one"), SPEC)
    with looping(store, lambda _, __, error: errors.extend([error] if error else [])):
        wait_until(lambda: phase(store, "one") == "Running", 20, "it runs")
    assert not errors and store.refusals < 0


def _rests(store: Store) -> bool:
    found = store.get(key("one"))
    rollover = found.status.rollover if found is not None else None
    return rollover is not None and rollover.step == "Done" and phase(store, "one") == "Running"
