"""Objects as files: what a reader sees after each kind of write, and what a refused write leaves behind."""

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir_api.statuses import Status
from weir_operator.fleet import store as stores
from weir_operator.fleet.store import Key, Store

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
KEY = Key(kind="StreamJob", name="big-orders")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "objects", now=lambda: NOW)


def test_first_apply_makes_generation_one_with_a_uid(store: Store) -> None:
    made, what = store.apply(KEY, {"suspended": False})
    assert (what, made.metadata.generation, made.metadata.creation_timestamp) == ("created", 1, NOW)
    assert store.get(KEY) == made
    assert len(made.metadata.uid) == 36


@pytest.mark.parametrize(
    ("spec", "annotations", "generation", "what"),
    [
        pytest.param({"a": 1}, {}, 1, "unchanged", id="the same again"),
        pytest.param({"a": 2}, {}, 2, "changed", id="another spec"),
        pytest.param({"a": None}, {}, 2, "changed", id="a null is content"),
        pytest.param({"a": 1}, {"weir.dev/x": "y"}, 1, "changed", id="only an annotation"),
    ],
)
def test_generation_counts_changes_of_spec_only(
    store: Store, spec: stores.Spec, annotations: dict[str, str], generation: int, what: str
) -> None:
    store.apply(KEY, {"a": 1})
    after, applied = store.apply(KEY, spec, annotations=annotations)
    assert (after.metadata.generation, applied) == (generation, what)
    assert store.get(KEY) == after


def test_status_and_spec_do_not_touch_each_other(store: Store) -> None:
    made, _ = store.apply(KEY, {"a": 1})
    store.write_status(KEY, made.metadata.uid, Status(phase="Deploying"))
    changed, _ = store.apply(KEY, {"a": 2})
    assert (changed.status.phase, changed.metadata.generation) == ("Deploying", 2)
    after = store.write_status(KEY, made.metadata.uid, Status(phase="Running"))
    assert (after.spec, after.metadata.generation) == ({"a": 2}, 2)


def test_status_of_a_replaced_object_is_refused(store: Store) -> None:
    first, _ = store.apply(KEY, {})
    store.remove(KEY)
    store.apply(KEY, {})
    with pytest.raises(stores.GoneError):
        store.write_status(KEY, first.metadata.uid, Status())


def test_an_object_being_deleted_takes_status_but_no_spec(store: Store) -> None:
    made, _ = store.apply(KEY, {})
    assert store.mark_deleted(KEY) == store.mark_deleted(KEY)
    with pytest.raises(stores.DeletingError):
        store.apply(KEY, {"a": 1})
    assert store.write_status(KEY, made.metadata.uid, Status(phase="Deleting")).deleting
    store.remove(KEY)
    store.remove(KEY)
    assert store.get(KEY) is None


def test_list_is_by_kind_and_names_what_it_cannot_read(store: Store) -> None:
    job, _ = store.apply(KEY, {})
    pattern, _ = store.apply(Key(kind="Pattern", name="a.b", namespace="team"), {})
    assert store.list() == (pattern, job)
    assert store.list("StreamJob") == (job,)
    bad = store.directory / "StreamJob.default.bad.json"
    bad.write_text('{"kind": "StreamJob", "metadata"')
    with pytest.raises(stores.UnreadableError, match=r"StreamJob\.default\.bad\.json"):
        store.list()
    seen: list[stores.UnreadableError] = []
    assert store.list("StreamJob", seen.append) == (job,)
    assert len(seen) == 1


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content_and_no_litter(
    store: Store, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    made, _ = store.apply(KEY, {"a": 1})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync", full) if failing == "fsync" else (Path, "replace", full)))
        with pytest.raises(stores.WriteError, match=r"cannot write .*big-orders\.json: No space left on device"):
            store.apply(KEY, {"a": 2})
    assert store.get(KEY) == made
    assert [path.name for path in store.directory.iterdir()] == ["StreamJob.default.big-orders.json"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(stores.StoreError, match="Not a directory"):
        Store(tmp_path / "file" / "objects").apply(KEY, {})


def test_the_file_looks_as_kubernetes_would_show_it(store: Store) -> None:
    store.apply(KEY, {"where": "a > 1 AND b = 'ü'", "null": None})
    document = json.loads(store.path(KEY).read_text())
    assert list(document) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert document["apiVersion"] == "weir.dev/v1alpha1"
    assert document["metadata"]["creationTimestamp"] == "2026-11-21T08:30:00Z"
    assert document["spec"] == {"where": "a > 1 AND b = 'ü'", "null": None}
