"""`weir savepoints`: what a StreamJob could start from."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from weir_api.launchers import RestorePoint

from ..fleet import snapshots
from ..fleet.store import StoredObject
from . import consoles, tables
from .ages import age, utc_now
from .sessions import directories

HEADER = ("KIND", "AGE", "SIZE", "MARKS", "LOCATION")
_KIBI = 1024


def show(folder: Path, job: StoredObject) -> None:
    """Print its savepoints and checkpoints, newest first."""
    points = snapshots.points(directories(folder).state(job.key))
    if not points:
        consoles.note(f"{job.metadata.name} has no savepoint or checkpoint yet.")
        return
    consoles.print_lines(*tables.lines(HEADER, list(_rows(points, job, utc_now()))))


def _rows(points: tuple[RestorePoint, ...], job: StoredObject, now: datetime) -> Iterator[tuple[str, ...]]:
    for point in points:
        size = _size(snapshots.size_bytes(point))
        yield point.kind, age(point.taken_at, now), size, ", ".join(_marks(point, job)) or "-", point.location


def _marks(point: RestorePoint, job: StoredObject) -> Iterator[str]:
    """What the status says of this one."""
    status = job.status
    if status.savepoint is not None and _same(status.savepoint.location, point):
        yield f"generation {status.savepoint.generation}"
    if status.job is not None and status.job.restored_from and _same(status.job.restored_from, point):
        yield "running job started here"
    if status.job is not None and point.job_id == status.job.id and point.kind == "checkpoint":
        yield "of the running job"


def _same(location: str, point: RestorePoint) -> bool:
    return snapshots.path_of(location) == snapshots.path_of(point.location)


def _size(count: int) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 10 * _KIBI or unit == "GiB":
            return f"{count} {unit}"
        count //= _KIBI
    raise AssertionError("unreachable")
