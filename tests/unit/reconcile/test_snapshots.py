"""Restore points as files: what counts as complete, and what clearing away must never touch."""

import os
from pathlib import Path

import pytest

from weir_operator.fleet import snapshots

A, B = "a" * 32, "b" * 32


def point(state: Path, name: str, age: float, complete: bool = True) -> str:
    directory = state / name
    directory.mkdir(parents=True)
    (directory / "data").write_text("x" * 10)
    if complete:
        (directory / "_metadata").write_text("m")
        os.utime(directory / "_metadata", (1_000_000 - age, 1_000_000 - age))
    return directory.as_uri()


def places(state: Path) -> list[str]:
    return [one.location.removeprefix(state.as_uri() + "/") for one in snapshots.points(state)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    point(tmp_path, f"checkpoints/{A}/chk-3", age=30)
    point(tmp_path, f"checkpoints/{A}/chk-4", age=20)
    point(tmp_path, f"checkpoints/{A}/chk-5", age=5, complete=False)
    point(tmp_path, f"savepoints/{A}/g2-a1-123/savepoint-aaaaaa-1", age=10)
    point(tmp_path, f"checkpoints/{B}/chk-1", age=1)
    (tmp_path / f"checkpoints/{A}/shared").mkdir()
    return tmp_path


def test_only_what_is_complete_counts_newest_first_with_its_job(state: Path) -> None:
    assert places(state) == [
        f"checkpoints/{B}/chk-1",
        f"savepoints/{A}/g2-a1-123/savepoint-aaaaaa-1",
        f"checkpoints/{A}/chk-4",
        f"checkpoints/{A}/chk-3",
    ]
    assert [one.job_id for one in snapshots.points(state)] == [B, A, A, A]
    assert snapshots.points(state / "nowhere") == ()


def test_prune_keeps_the_job_what_is_named_and_the_newest_savepoints(state: Path) -> None:
    old = point(state, f"savepoints/{A}/g1-a1-12/savepoint-aaaaaa-0", age=99)
    for number in range(2, 8):
        point(state, f"savepoints/{A}/g1-a{number}-13/savepoint-aaaaaa-2", age=90 - number)
    snapshots.prune(state, B, (old,))
    assert places(state) == [
        f"checkpoints/{B}/chk-1",
        f"savepoints/{A}/g2-a1-123/savepoint-aaaaaa-1",
        *(f"savepoints/{A}/g1-a{number}-13/savepoint-aaaaaa-2" for number in (7, 6, 5, 4)),
        f"savepoints/{A}/g1-a1-12/savepoint-aaaaaa-0",
    ]
    assert not (state / f"savepoints/{A}/g1-a3-13").exists()


def test_prune_keeps_a_checkpoint_that_a_start_came_from(state: Path) -> None:
    snapshots.prune(state, B, ((state / f"checkpoints/{A}/chk-4").as_uri(),))
    assert f"checkpoints/{A}/chk-4" in places(state) and (state / f"checkpoints/{A}/shared").is_dir()


@pytest.mark.parametrize("kept", [f"savepoints/{A}/g2-a1-123/savepoint-aaaaaa-1", f"checkpoints/{A}/chk-4"])
def test_clear_keeps_one_place_with_its_shared_files(state: Path, kept: str) -> None:
    snapshots.clear(state, (state / kept).as_uri())
    assert places(state) == [kept]
    assert (state / f"checkpoints/{A}/shared").is_dir() == kept.startswith("checkpoints")


def test_clear_of_everything(state: Path) -> None:
    snapshots.clear(state, None)
    snapshots.clear(state, None)
    assert not state.exists()


@pytest.mark.parametrize("text", ["file:/a%20b/c", "file:///a%20b/c", "/a b/c"])
def test_paths_as_flink_and_people_write_them(text: str) -> None:
    assert snapshots.path_of(text) == Path("/a b/c")
