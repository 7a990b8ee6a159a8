"""From files to the store: nothing is removed that might still be wanted."""

from pathlib import Path

import pytest

from weir_operator.cli.syncs import CERTAIN_AFTER, Sync
from weir_operator.fleet.store import Store
from weir_operator.reconcile import rejections

from .test_folders import pattern, write


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return write(tmp_path / "folder", a=pattern("a"), b=pattern("b"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "objects")


@pytest.fixture
def sync(folder: Path, store: Store, clock: Clock) -> Sync:
    return Sync(folder, store, clock)


def state(store: Store) -> dict[str, bool]:
    """Whether each resource is on its way out."""
    return {item.metadata.name: item.deleting for item in store.list()}


def test_files_become_objects_and_changes_become_generations(folder: Path, store: Store, sync: Sync) -> None:
    assert len(sync().changes) == 2
    assert sync().changes == ()
    write(folder, a=pattern("a").replace("5s", "6s"))
    (change,) = sync().changes
    assert change.startswith("pattern/a changed (")
    assert {item.metadata.name: item.metadata.generation for item in store.list()} == {"a": 2, "b": 1}


def test_a_resource_must_be_missing_for_a_while_to_be_deleted(
    folder: Path, store: Store, sync: Sync, clock: Clock
) -> None:
    sync()
    (folder / "a.yaml").write_text("")  # as an editor does before it writes
    assert sync().again
    assert state(store) == {"a": False, "b": False}
    write(folder, a=pattern("a"))
    clock.now = CERTAIN_AFTER + 1
    sync()
    (folder / "a.yaml").unlink()
    assert sync().again
    clock.now += CERTAIN_AFTER
    assert sync().changes == ("pattern/a deleted",)
    assert state(store) == {"a": True, "b": False}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("kind: [\n", id="broken-yaml"),
        pytest.param(pattern("a").replace("5s", "soon"), id="wrong-value"),
        pytest.param(pattern("b"), id="a-name-twice"),
    ],
)
def test_a_broken_file_removes_nothing_that_was_in_it(
    folder: Path, store: Store, sync: Sync, clock: Clock, text: str
) -> None:
    sync()
    (folder / "a.yaml").write_text(text)
    for _ in range(3):
        clock.now += CERTAIN_AFTER
        assert sync().problems
    assert state(store) == {"a": False, "b": False}


def test_a_folder_that_is_gone_removes_nothing(folder: Path, store: Store, sync: Sync, clock: Clock) -> None:
    sync()
    folder.rename(folder.with_name("elsewhere"))
    for _ in range(3):
        clock.now += CERTAIN_AFTER
        assert sync().problems
    assert state(store) == {"a": False, "b": False}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("kind: [\n", "", id="broken-yaml"),
        pytest.param(pattern("a").replace("5s", "soon"), "spec.within", id="wrong-value"),
    ],
)
def test_what_is_wrong_in_a_file_is_noted_on_what_stays_as_it_was(
    folder: Path, store: Store, sync: Sync, text: str, path: str
) -> None:
    sync()
    (folder / "a.yaml").write_text(text)
    sync()
    a, b = store.list("Pattern")
    assert [error.path for error in rejections.of(a)] == [path]
    assert (a.metadata.generation, a.spec["within"]) == (1, "5s")
    assert rejections.of(b) == ()
    write(folder, a=pattern("a"))
    sync()
    assert not any(map(rejections.of, store.list("Pattern")))
