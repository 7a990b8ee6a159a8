"""State jobs on a directory: what is found, what a Job tells of it, and what is deleted."""

import os
from pathlib import Path

import pytest

from weir_api import states
from weir_api.launchers import RestorePoint
from weir_runtime.states.__main__ import main
from weir_runtime.states.directories import StateDirectory

OLD, NEW = "a" * 32, "b" * 32


def make(root: Path, directory: str, at: int, size: int = 5) -> str:
    metadata = root / directory / "_metadata"
    metadata.parent.mkdir(parents=True)
    metadata.write_bytes(b"x" * size)
    os.utime(metadata, (at, at))
    return (root / directory).as_uri()


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A state directory after a rollover, with everything that may lie in one."""
    root = tmp_path / "state"
    make(root, f"checkpoints/{OLD}/chk-7", 100)
    make(root, f"savepoints/{OLD}/g2-a1-000000000000/savepoint-aaaaaa-0", 200)
    make(root, f"checkpoints/{NEW}/chk-8", 300)
    make(root, f"checkpoints/{NEW}/chk-9", 400, size=0)  # still being written
    for extra in (f"checkpoints/{NEW}/shared", f"checkpoints/{OLD}/shared", "work/0123456789/65000000", "ha/cluster"):
        (root / extra).mkdir(parents=True)
        (root / extra / "file").write_text("x")
    return root


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_complete_points_are_found_with_their_jobs_newest_first(full: Path) -> None:
    found = StateDirectory(full.as_uri()).points()
    assert [(one.kind, one.job_id, one.taken_at.timestamp()) for one in found] == [
        ("checkpoint", NEW, 300),
        ("savepoint", OLD, 200),
        ("checkpoint", OLD, 100),
    ]
    assert found[1].location == f"{full.as_uri()}/savepoints/{OLD}/g2-a1-000000000000/savepoint-aaaaaa-0"


def test_what_a_job_tells_is_what_the_operator_hears(full: Path, tmp_path: Path) -> None:
    assert main(["list", full.as_uri(), "--answer", str(tmp_path / "answer")]) == 0
    heard = states.heard(full.as_uri(), (tmp_path / "answer").read_text())
    assert heard == StateDirectory(full.as_uri()).points()


def test_an_empty_place_is_told_as_such(tmp_path: Path) -> None:
    assert main(["list", (tmp_path / "none").as_uri(), "--answer", str(tmp_path / "answer")]) == 0
    assert states.heard("file:///x", (tmp_path / "answer").read_text()) == ()


def test_of_very_many_points_the_newest_are_told_and_kubernetes_keeps_them_all(tmp_path: Path) -> None:
    uri = tmp_path.as_uri()
    for number in range(100):
        make(tmp_path, f"checkpoints/{OLD}/chk-{number}", number)
    text = states.told(uri, StateDirectory(uri).points())
    heard = states.heard(uri, text)
    assert len(text) <= 4096 and len(heard) > 40
    assert [one.taken_at.timestamp() for one in heard] == [*range(99, 99 - len(heard), -1)]


@pytest.mark.parametrize("text", ["", "checkpoints/x 1 2\n", "nonsense\nend\n", "Traceback (most recent call last)"])
def test_an_answer_that_was_cut_off_is_none(text: str) -> None:
    with pytest.raises(states.UnreadableAnswer):
        states.heard("file:///x", text)


def test_pruning_leaves_the_running_job_what_is_kept_and_the_newest_savepoints(full: Path) -> None:
    for number in range(6):
        make(full, f"savepoints/{OLD}/g1-a{number}-000000000000/savepoint-aaaaaa-0", number)
    kept = f"file:{full}/savepoints/{OLD}/g1-a0-000000000000/savepoint-aaaaaa-0"  # as Flink writes it
    assert main(["prune", full.as_uri(), "--job", NEW, "--keep", kept]) == 0
    assert left(full) == [
        f"checkpoints/{NEW}/chk-8/_metadata",
        f"checkpoints/{NEW}/chk-9/_metadata",
        f"checkpoints/{NEW}/shared/file",
        "ha/cluster/file",
        f"savepoints/{OLD}/g1-a0-000000000000/savepoint-aaaaaa-0/_metadata",
        *(f"savepoints/{OLD}/g1-a{number}-000000000000/savepoint-aaaaaa-0/_metadata" for number in (2, 3, 4, 5)),
        f"savepoints/{OLD}/g2-a1-000000000000/savepoint-aaaaaa-0/_metadata",
        "work/0123456789/65000000/file",
    ]


def test_pruning_keeps_a_checkpoint_with_what_it_shares(full: Path) -> None:
    kept = f"{full.as_uri()}/checkpoints/{OLD}/chk-7"
    assert main(["prune", full.as_uri(), "--job", NEW, "--keep", kept]) == 0
    assert {f"checkpoints/{OLD}/chk-7/_metadata", f"checkpoints/{OLD}/shared/file"} <= set(left(full))


def test_clearing_leaves_what_is_kept(full: Path) -> None:
    kept = f"{full.as_uri()}/savepoints/{OLD}/g2-a1-000000000000/savepoint-aaaaaa-0"
    assert main(["clear", full.as_uri(), "--keep", kept]) == 0
    assert left(full) == [f"savepoints/{OLD}/g2-a1-000000000000/savepoint-aaaaaa-0/_metadata"]


def test_clearing_keeps_a_checkpoint_with_what_it_shares(full: Path) -> None:
    assert main(["clear", full.as_uri(), "--keep", f"{full.as_uri()}/checkpoints/{NEW}/chk-8"]) == 0
    assert left(full) == [f"checkpoints/{NEW}/chk-8/_metadata", f"checkpoints/{NEW}/shared/file"]


def test_clearing_everything_twice(full: Path) -> None:
    assert [main(["clear", full.as_uri()]), main(["clear", full.as_uri()])] == [0, 0]
    assert not full.exists()


def test_what_cannot_be_written_ends_with_an_error(
    full: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", full.as_uri(), "--answer", str(tmp_path / "no" / "answer")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_launchers_point_gets_its_job_and_three_slashes() -> None:
    told = StateDirectory("file:///s").points()
    assert told == ()
    place = f"savepoints/{OLD}/g1-a1-0/savepoint-aaaaaa-0"
    found = states.completed("file:///s/", _point(f"file:/s/{place}"))
    assert (found.location, found.job_id) == (f"file:///s/{place}", OLD)
    assert states.completed("s3://b/s", _point("s3://b/elsewhere/x")).location == "s3://b/elsewhere/x"


def _point(location: str) -> RestorePoint:
    return RestorePoint.model_validate({"location": location, "kind": "savepoint", "takenAt": "2026-01-01T00:00:00Z"})
