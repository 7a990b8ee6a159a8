"""A resource of a kind and its StreamJob: compiled, mirrored, deleted, and what happens when names clash."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir_api.errors import FieldError, SpecError
from weir_api.resources import Resource
from weir_api.statuses import Condition, Job, Status
from weir_api.streamjobs import Insert, Program, StreamJobSpec
from weir_operator.fleet.store import Applied, InvalidError, Key, OwnerReference, Spec, Store, StoredObject
from weir_operator.reconcile import resources
from weir_operator.reconcile.resources import ResourceReconciler

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = Key(kind="Pattern", name="loads")
CHILD = Key(kind="StreamJob", name="loads")


def pattern(within: str = "45s") -> Spec:
    return {
        "source": {"topic": "in", "fields": {"id": "STRING", "metric": "STRING"}},
        "keyBy": ["id"],
        "sequence": [{"name": "a", "where": "metric = 'a'"}, {"name": "b", "where": "metric = 'b'"}],
        "within": within,
        "emit": {"id": "id"},
        "sink": {"topic": "out"},
    }


def compiled(resource: Resource) -> StreamJobSpec:
    assert resource.kind == "Pattern"
    return StreamJobSpec(program=Program(tables=(str(resource.spec),), inserts=(Insert(name="a", sql="INSERT"),)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, now=lambda: NOW)


def reconciled(store: Store, compile_: resources.Compile = compiled) -> StoredObject | None:
    found = store.get(KEY)
    if found is not None:
        ResourceReconciler(store, compile_).reconcile(found)
    return store.get(KEY)


def test_a_change_reaches_the_child_and_its_status_comes_back_in_the_parents_generation(store: Store) -> None:
    store.apply(KEY, pattern(), annotations={"weir.dev/restore-from": "empty", "other": "x"})
    reconciled(store)
    store.apply(KEY, pattern("50s"), annotations={"weir.dev/restore-from": "empty", "other": "x"})
    reconciled(store)
    child = store.get(CHILD)
    assert child is not None and child.metadata.generation == 2
    assert child.metadata.annotations == {"weir.dev/restore-from": "empty"}
    ready = Condition(type="Ready", status="True", reason="Running", observed_generation=2, last_transition_time=NOW)
    running = Status(phase="Running", observed_generation=2, conditions=(ready,), job=Job(id="j", state="RUNNING"))
    store.write_status(CHILD, child.metadata.uid, running)
    store.apply(KEY, pattern(), annotations={"weir.dev/restore-from": "empty"})
    store.apply(KEY, pattern("50s"), annotations={"weir.dev/restore-from": "empty"})  # generation 4, same program
    parent = reconciled(store)
    assert parent is not None
    condition = parent.status.condition("Ready")
    assert (parent.status.phase, parent.status.observed_generation) == ("Running", 4)
    assert condition is not None and condition.observed_generation == 4


class Picky(Store):
    """Takes no StreamJob, as an API server that finds it too large."""

    def apply(self, key: Key, spec: Spec, **_: object) -> tuple[StoredObject, Applied]:
        if key.kind == "StreamJob":
            raise InvalidError("patch streamjobs: etcdserver: request is too large")
        return super().apply(key, spec)


def test_a_child_that_the_store_refuses_is_told_of(tmp_path: Path) -> None:
    store = Picky(tmp_path, now=lambda: NOW)
    store.apply(KEY, pattern())
    parent = reconciled(store)
    assert parent is not None and parent.status.phase == "Failed"
    validated = parent.status.condition("Validated")
    assert validated is not None and validated.status == "False"
    assert validated.message == "spec: what it becomes is refused: patch streamjobs: etcdserver: request is too large"


def test_a_parent_does_not_claim_what_its_child_has_not_seen(store: Store) -> None:
    store.apply(KEY, pattern())
    parent = reconciled(store)
    assert parent is not None and (parent.status.phase, parent.status.observed_generation) == ("Pending", 0)


@pytest.mark.parametrize("runs", [True, False])
def test_what_does_not_compile_is_told_by_path_and_leaves_the_child_alone(store: Store, runs: bool) -> None:
    store.apply(KEY, pattern())
    reconciled(store)
    before = store.get(CHILD)
    assert before is not None
    if runs:
        status = Status(phase="Running", observed_generation=1, job=Job(id="j", state="RUNNING"))
        before = store.write_status(CHILD, before.metadata.uid, status)

    def failing(_: Resource) -> StreamJobSpec:
        raise SpecError([FieldError(path="spec.emit.id", message="no such field")])

    store.apply(KEY, pattern("50s"))
    parent = reconciled(store, failing)
    assert parent is not None and store.get(CHILD) == before
    validated = parent.status.condition("Validated")
    assert validated is not None and (validated.status, validated.message) == ("False", "spec.emit.id: no such field")
    assert (parent.status.phase, parent.status.observed_generation) == ("Degraded" if runs else "Failed", 2)
    assert reconciled(store, failing) == parent, "stable while nothing changes"


def test_a_name_that_is_taken_is_refused_and_the_other_job_never_touched(store: Store) -> None:
    mine, _ = store.apply(CHILD, {"program": {}})
    store.apply(KEY, pattern())
    parent = reconciled(store)
    assert parent is not None and parent.status.phase == "Failed"
    assert "the name is taken by StreamJob loads" in str(parent.status.errors[0])
    assert store.get(CHILD) == mine
    store.mark_deleted(KEY)
    assert reconciled(store) is None and store.get(CHILD) == mine


def test_a_parent_goes_after_its_child(store: Store) -> None:
    store.apply(KEY, pattern())
    reconciled(store)
    store.mark_deleted(KEY)
    parent, child = reconciled(store), store.get(CHILD)
    assert parent is not None and parent.status.phase == "Deleting"
    assert child is not None and child.deleting
    store.remove(CHILD)
    assert reconciled(store) is None


def test_orphans_are_those_whose_owner_is_gone(store: Store) -> None:
    store.apply(KEY, pattern())
    reconciled(store)
    assert resources.orphans(store.list()) == ()
    store.remove(KEY)
    store.apply(KEY, pattern())  # another one of the same name is another one
    assert resources.orphans(store.list()) == (CHILD,)
    owner = OwnerReference(kind="Pattern", name="loads", uid="gone")
    store.apply(Key(kind="StreamJob", name="x"), {}, owners=(owner,))
    assert resources.orphans(store.list()) == (CHILD, Key(kind="StreamJob", name="x"))
