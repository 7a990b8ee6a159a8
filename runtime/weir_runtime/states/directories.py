"""Restore points below a URI: found, and deleted, through whatever file system fsspec knows for it."""

from collections.abc import Iterable

import fsspec
from fsspec import AbstractFileSystem

from weir_api import states
from weir_api.launchers import RestorePoint

_PARTS = ("checkpoints", "savepoints")


class StateDirectory:
    """The state of one StreamJob."""

    def __init__(self, uri: str) -> None:
        self.uri = states.uri_of(uri)
        found: tuple[AbstractFileSystem, str] = fsspec.url_to_fs(self.uri)
        self._files, root = found
        self._root = root.rstrip("/")

    def points(self) -> tuple[RestorePoint, ...]:
        """All complete checkpoints and savepoints, newest first."""
        found = [self._point(path) for part in _PARTS for path in self._metadata(part)]
        return tuple(sorted((one for one in found if one), key=lambda one: one.taken_at, reverse=True))

    def prune(self, job_id: str, keep: Iterable[str]) -> None:
        """Delete what `weir_api.states.outdated` says, never what to keep."""
        saved = [self._below_uri(one.location) for one in self.points() if one.kind == "savepoint"]
        jobs = [directory.rpartition("/")[2] for directory in self._below("checkpoints")]
        kept = [self._below_uri(states.uri_of(place)) for place in keep]
        for directory in states.outdated(job_id, jobs, saved, kept):
            self._delete(directory)

    def clear(self, keep: str | None) -> None:
        """Delete everything, except the one place to keep and what it shares with others of its job."""
        if keep is None:
            self._delete("")
            return
        for part in self._below(""):
            if part not in _PARTS:
                self._delete(part)
        found = [directory for part in _PARTS for job in self._below(part) for directory in self._below(job)]
        for directory in states.unkept(found, self._below_uri(states.uri_of(keep))):
            self._delete(directory)

    def _metadata(self, part: str) -> list[str]:
        try:
            paths: list[str] = self._files.find(f"{self._root}/{part}")
        except FileNotFoundError:
            return []
        return [path for path in paths if path.endswith(f"/{states.METADATA}")]

    def _point(self, metadata: str) -> RestorePoint | None:
        try:
            size, taken_at = int(self._files.size(metadata) or 0), self._files.modified(metadata)
        except FileNotFoundError:  # Flink drops an old checkpoint while we look
            return None
        directory = self._relative(metadata).rpartition("/")[0]
        return states.point(self.uri, directory, taken_at, size) if size else None

    def _below(self, directory: str) -> list[str]:
        try:
            found: list[dict[str, str]] = self._files.ls(f"{self._root}/{directory}".rstrip("/"), detail=True)
        except FileNotFoundError:
            return []
        return sorted(self._relative(one["name"]) for one in found if one["type"] == "directory")

    def _delete(self, directory: str) -> None:
        path = f"{self._root}/{directory}".rstrip("/")
        try:
            self._files.rm(path, recursive=True)
        except FileNotFoundError:
            return

    def _relative(self, path: str) -> str:
        return path.rstrip("/").removeprefix(self._root).lstrip("/")

    def _below_uri(self, location: str) -> str:
        return location.removeprefix(f"{self.uri}/")
