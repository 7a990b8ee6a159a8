"""Checkpoints and savepoints below a StreamJob's state directory: found, and cleared away, by their files."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from weir_api.launchers import RestorePoint

_METADATA = "_metadata"  # written last and moved into place as a whole: with it, all the rest is there


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
    for metadata in parent.glob(f"*/chk-*/{_METADATA}" if kind == "checkpoint" else f"*/*/*/{_METADATA}"):
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


def prune(state: Path, job_id: str, keep: Iterable[str], savepoints: int) -> None:
    """Delete checkpoints of other jobs than this one, and all savepoints but so many of the newest; never what to keep.

    Raises OSError.
    """
    kept = {path_of(place) for place in keep}
    for directory in (state / "checkpoints").glob("*"):
        if directory.name != job_id and not any(place.is_relative_to(directory) for place in kept):
            shutil.rmtree(directory)
    saved = [point for point in points(state) if point.kind == "savepoint"]
    for point in saved[savepoints:]:
        path = path_of(point.location)
        if path not in kept:
            shutil.rmtree(path.parent)


def clear(state: Path, keep: str | None) -> None:
    """Delete all state, except the one place to keep. Raises OSError."""
    if keep is None:
        if state.exists():
            shutil.rmtree(state)
        return
    kept = path_of(keep)
    for place in [*(state / "checkpoints").glob("*/*"), *(state / "savepoints").glob("*/*")]:
        if place.is_dir() and not kept.is_relative_to(place):
            # A checkpoint's `shared` folder goes only when no checkpoint of its job is kept.
            if place.name in ("shared", "taskowned") and kept.is_relative_to(place.parent):
                continue
            shutil.rmtree(place)
