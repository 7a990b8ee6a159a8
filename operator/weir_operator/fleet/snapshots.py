"""Checkpoints and savepoints below a StreamJob's state directory: found, and cleared away, by their files."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from weir_api import states
from weir_api.launchers import RestorePoint
from weir_api.states import METADATA


def location(path: Path) -> str:
    """The path as it is passed to Flink and shown to people."""
    return path.absolute().as_uri()


def path_of(place: str) -> Path:
    """The path of `file:/a/b`, `file:///a/b` or `/a/b`."""
    return Path(unquote(urlsplit(place).path)) if place.startswith("file:") else Path(place)


def points(state: Path) -> tuple[RestorePoint, ...]:
    """All complete checkpoints and savepoints, newest first.

    `checkpoints/<job>/chk-<n>` is Flink's way to lay them out, `savepoints/<job>/<attempt>/savepoint-...` is ours.
    """
    found = [*_points(state / "checkpoints", "checkpoint"), *_points(state / "savepoints", "savepoint")]
    return tuple(sorted(found, key=lambda point: point.taken_at, reverse=True))


def _points(parent: Path, kind: str) -> Iterator[RestorePoint]:
    for metadata in parent.glob(f"*/chk-*/{METADATA}" if kind == "checkpoint" else f"*/*/*/{METADATA}"):
        with contextlib.suppress(FileNotFoundError):  # Flink drops an old checkpoint while we look
            about = metadata.stat()
            yield RestorePoint.model_validate(
                {
                    "location": location(metadata.parent),
                    "kind": kind,
                    "taken_at": datetime.fromtimestamp(about.st_mtime, UTC),
                    "job_id": metadata.relative_to(parent).parts[0],
                    "size_bytes": about.st_size,
                }
            )


def size_bytes(point: RestorePoint) -> int:
    """All of its files; a checkpoint may share more with others of its job."""
    directory = path_of(point.location)
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def prune(state: Path, job_id: str, keep: Iterable[str]) -> None:
    """Delete what `weir_api.states.outdated` says, never what to keep. Raises OSError."""
    saved = [_relative(state, point.location) for point in points(state) if point.kind == "savepoint"]
    jobs = [directory.name for directory in (state / "checkpoints").glob("*")]
    for directory in states.outdated(job_id, jobs, saved, [_relative(state, place) for place in keep]):
        shutil.rmtree(state / directory)


def clear(state: Path, keep: str | None) -> None:
    """Delete all state, except the one place to keep. Raises OSError."""
    if keep is None:
        if state.exists():
            shutil.rmtree(state)
        return
    found = [path for part in ("checkpoints", "savepoints") for path in (state / part).glob("*/*") if path.is_dir()]
    for directory in states.unkept([str(path.relative_to(state)) for path in found], _relative(state, keep)):
        shutil.rmtree(state / directory)


def _relative(state: Path, place: str) -> str:
    """The place as seen from the state directory; one elsewhere keeps its whole path, which no directory here has."""
    path = path_of(place)
    return str(path.relative_to(state.absolute())) if path.is_relative_to(state.absolute()) else str(path)
