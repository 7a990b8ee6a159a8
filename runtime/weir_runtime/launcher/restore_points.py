"""Savepoints and retained checkpoints in a state directory, and from which of them a killed job goes on."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from weir_api.launchers import RestorePoint

from .gateways import Gateway, JavaError, JavaObject, java_errors
from .records import StartRecord

LOGGER: Final = logging.getLogger(__name__)

_CHECKPOINT: Final = re.compile(r"chk-([0-9]+)")
_SAVEPOINT: Final = re.compile(r"savepoint-([0-9a-f]{6})-.+")
_METADATA: Final = "_metadata"
_SAVEPOINT_DEPTH: Final = 3
_LOOKS: Final = 10
_VANISHED: Final = frozenset({"java.io.FileNotFoundException", "java.nio.file.NoSuchFileException"})


@dataclass(frozen=True)
class Entry:
    """A file or directory."""

    path: str
    name: str
    is_directory: bool
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """A completed checkpoint or savepoint of one job; `number` counts both, in the order they were taken."""

    location: str
    kind: Literal["checkpoint", "savepoint"]
    number: int
    stops_job: bool


@dataclass(frozen=True)
class GoOn:
    """Start the recorded job again from here."""

    restore_from: str | None


@dataclass(frozen=True)
class HasEnded:
    """The recorded job was stopped with a savepoint; only its end was not recorded any more."""


@dataclass(frozen=True)
class StateMissing:
    """The recorded job had state, and none is found: never start it empty."""


def after_kill(record: StartRecord, snapshots: Sequence[Snapshot]) -> GoOn | HasEnded | StateMissing:
    """What to do with a started job whose process was killed, given its completed snapshots.

    A savepoint that stops its job has committed what it holds: going on from a checkpoint before it would write that
    twice, and going on from it would run beside the job that whoever asked for the savepoint starts from it.
    """
    newest = max(snapshots, key=lambda snapshot: snapshot.number, default=None)
    if newest is not None and newest.stops_job:
        return HasEnded()
    checkpoints = [snapshot for snapshot in snapshots if snapshot.kind == "checkpoint"]
    if checkpoints:
        return GoOn(max(checkpoints, key=lambda snapshot: snapshot.number).location)
    return StateMissing() if record.checkpointed else GoOn(record.request.restore_from)


class StateDirectory:
    """The state directory, read through Flink's file systems so that any address Flink can write to can be listed."""

    def __init__(self, gateway: Gateway, uri: str) -> None:
        self._gateway = gateway
        self._uri = uri.rstrip("/")

    def restore_points(self) -> tuple[RestorePoint, ...]:
        """All completed savepoints and retained checkpoints, newest first; raises JavaError when it cannot look."""
        found = [*self._checkpoint_points(), *self._savepoint_points()]
        return tuple(sorted(found, key=lambda point: point.taken_at, reverse=True))

    def snapshots(self, job_id: str) -> list[Snapshot]:
        """The readable completed snapshots of one job; those with broken metadata do not count."""
        checkpoints = [entry for _, entry in self._checkpoints(job_id)]
        savepoints = [
            entry
            for entry in self._savepoints()
            if (match := _SAVEPOINT.fullmatch(entry.name)) and job_id.startswith(match[1])
        ]
        found = [self._snapshot(entry, "checkpoint") for entry in checkpoints]
        found += [self._snapshot(entry, "savepoint") for entry in savepoints]
        return [snapshot for snapshot in found if snapshot is not None]

    def problem(self, location: str) -> str | None:
        """Why nothing can be started from there, or None when its metadata can be read.

        Flink would say no more than EOFException, and only after the job was submitted.
        """
        place = Entry(location.rstrip("/").removesuffix(f"/{_METADATA}"), "", True, 0, datetime.fromtimestamp(0, UTC))
        if self._metadata(place) is None:
            return f"there is no complete savepoint or checkpoint at {location}"
        if self._snapshot(place, "savepoint") is None:
            return f"the savepoint or checkpoint at {location} is damaged: its metadata cannot be read"
        return None

    def _checkpoint_points(self) -> Iterator[RestorePoint]:
        for directory in self._list(f"{self._uri}/checkpoints"):
            for metadata, entry in self._checkpoints(directory.name):
                yield self._point(metadata, entry, "checkpoint", directory.name)

    def _savepoint_points(self) -> Iterator[RestorePoint]:
        for entry in self._savepoints():
            metadata = self._metadata(entry)
            if metadata is not None:
                yield self._point(metadata, entry, "savepoint", None)

    def _checkpoints(self, job_id: str) -> Iterator[tuple[Entry, Entry]]:
        """(metadata file, directory) of each checkpoint of a job that has metadata."""
        for entry in self._list(f"{self._uri}/checkpoints/{job_id}"):
            if _CHECKPOINT.fullmatch(entry.name) and (metadata := self._metadata(entry)) is not None:
                yield metadata, entry

    def _savepoints(self) -> Iterator[Entry]:
        """Savepoint directories, at the top or in the directory of an attempt."""
        level = [entry for entry in self._list(f"{self._uri}/savepoints") if entry.is_directory]
        for _ in range(_SAVEPOINT_DEPTH):
            yield from (entry for entry in level if _SAVEPOINT.fullmatch(entry.name))
            others = [entry for entry in level if not _SAVEPOINT.fullmatch(entry.name)]
            level = [inner for entry in others for inner in self._list(entry.path) if inner.is_directory]

    def _metadata(self, directory: Entry) -> Entry | None:
        entries = self._list(directory.path)
        return next((entry for entry in entries if entry.name == _METADATA and entry.size_bytes > 0), None)

    def _point(
        self, metadata: Entry, directory: Entry, kind: Literal["savepoint", "checkpoint"], job_id: str | None
    ) -> RestorePoint:
        return RestorePoint(
            location=directory.path,
            kind=kind,
            taken_at=metadata.modified_at,
            job_id=job_id,
            size_bytes=sum(entry.size_bytes for entry in self._list(directory.path)),
        )

    def _snapshot(self, directory: Entry, kind: Literal["checkpoint", "savepoint"]) -> Snapshot | None:
        checkpoints = self._gateway.java_class("org.apache.flink.runtime.checkpoint.Checkpoints")
        try:
            with java_errors():
                path = self._path(f"{directory.path}/{_METADATA}")
                stream = self._gateway.new("java.io.DataInputStream", path.getFileSystem().open(path))
                try:
                    loader = self._gateway.jvm.Thread.currentThread().getContextClassLoader()
                    metadata = checkpoints.loadCheckpointMetadata(stream, loader, directory.path)
                finally:
                    stream.close()
                properties = metadata.getCheckpointProperties()
                return Snapshot(
                    location=directory.path,
                    kind=kind,
                    number=int(metadata.getCheckpointId()),
                    stops_job=properties is not None and bool(properties.isSynchronous()),
                )
        except JavaError as error:
            LOGGER.warning("%s cannot be read: %s", directory.path, error)
            return None

    def _list(self, uri: str) -> list[Entry]:
        """What is in a directory. Flink deletes checkpoints at the same time: what vanishes on the way is not there."""
        looks = 1
        while True:
            try:
                return self._look(uri)
            except JavaError as error:
                # One file that vanishes fails the listing of all that are beside it.
                if looks == _LOOKS or not any(cause.type in _VANISHED for cause in error.chain):
                    raise
                looks += 1

    def _look(self, uri: str) -> list[Entry]:
        with java_errors():
            path = self._path(uri)
            file_system = path.getFileSystem()
            found = file_system.listStatus(path) if file_system.exists(path) else None
            return [_entry(status) for status in found or ()]

    def _path(self, uri: str) -> JavaObject:
        return self._gateway.new("org.apache.flink.core.fs.Path", uri)


def _entry(status: JavaObject) -> Entry:
    path = status.getPath()
    return Entry(
        path=str(path.toString()),
        name=str(path.getName()),
        is_directory=bool(status.isDir()),
        size_bytes=int(status.getLen()),
        modified_at=datetime.fromtimestamp(int(status.getModificationTime()) / 1000, UTC),
    )
