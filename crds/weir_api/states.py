"""How a StreamJob's state directory is laid out, and how a state job tells what it found in few bytes.

`checkpoints/<job>/chk-<n>/_metadata` is Flink's way, `savepoints/<job>/<attempt>/savepoint-.../_metadata` is Weir's.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from .launchers import RestorePoint

METADATA: Final = "_metadata"
MOST_BYTES: Final = 4096
"""What Kubernetes keeps of a container's termination message."""

SAVEPOINTS_KEPT: Final = 5
"""So many of the newest savepoints stay when a revision has proven itself."""

_SHARED: Final = ("shared", "taskowned")  # what a job's checkpoints have in common
_POINT: Final = re.compile(r"(?:checkpoints/([0-9a-f]{32})/chk-[0-9]+|savepoints/([0-9a-f]{32})/[^/]+/[^/]+)")


class UnreadableAnswer(Exception):
    """What a state job left is no list of restore points."""


def uri_of(location: str) -> str:
    """The location with two slashes after `file:`, as Weir writes it; Flink writes none."""
    return re.sub(r"^file:/+", "file:///", location).rstrip("/")


def point(uri: str, directory: str, taken_at: datetime, size_bytes: int) -> RestorePoint | None:
    """The restore point in this directory, relative to the state directory at `uri`; None where none belongs."""
    match = _POINT.fullmatch(directory)
    if match is None:
        return None
    return RestorePoint(
        location=f"{uri_of(uri)}/{directory}",
        kind="checkpoint" if match[1] else "savepoint",
        taken_at=taken_at,
        job_id=match[1] or match[2],
        size_bytes=size_bytes,
    )


def completed(uri: str, found: RestorePoint) -> RestorePoint:
    """A point as a launcher told it, with its location as Weir writes it and its job, which the path knows."""
    location, base = uri_of(found.location), f"{uri_of(uri)}/"
    known = point(uri, location.removeprefix(base), found.taken_at, found.size_bytes)
    return known if known is not None else found.model_copy(update={"location": location})


def told(uri: str, points: Iterable[RestorePoint]) -> str:
    """A line for each, newest first, as many as Kubernetes keeps; a last line says that these are all it tells."""
    base, text, end = f"{uri_of(uri)}/", "", "end\n"
    for one in sorted(points, key=lambda found: found.taken_at, reverse=True):
        line = f"{one.location.removeprefix(base)} {one.taken_at.timestamp():.3f} {one.size_bytes}\n"
        if len(text) + len(line) + len(end) > MOST_BYTES:
            break
        text += line
    return text + end


def heard(uri: str, text: str) -> tuple[RestorePoint, ...]:
    """The points of such a text. Raises UnreadableAnswer."""
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        raise UnreadableAnswer(f"{text[-200:]!r} does not end as a list of restore points does")
    found = []
    for line in lines[:-1]:
        try:
            directory, seconds, size = line.rsplit(" ", 2)
            one = point(uri, directory, datetime.fromtimestamp(float(seconds), UTC), int(size))
        except ValueError as error:
            raise UnreadableAnswer(f"{line!r} is no restore point") from error
        found += [one] if one is not None else []
    return tuple(found)


def outdated(job_id: str, jobs: Iterable[str], savepoints: Sequence[str], keep: Iterable[str]) -> list[str]:
    """The directories that go when `job_id` runs: checkpoints of other jobs, and savepoints but the newest few.

    All are relative to the state directory. `jobs`: those with checkpoints; `savepoints`: newest first; `keep`: restore
    points that stay whatever else holds.
    """
    kept = tuple(keep)
    checkpoints = [f"checkpoints/{job}" for job in jobs if job != job_id]
    gone = [directory for directory in checkpoints if not any(_within(place, directory) for place in kept)]
    # A savepoint has a directory of its attempt's own around it.
    return gone + [place.rpartition("/")[0] for place in savepoints[SAVEPOINTS_KEPT:] if place not in kept]


def unkept(directories: Iterable[str], keep: str) -> list[str]:
    """Those of `checkpoints/<job>/<any>` and `savepoints/<job>/<any>` that go when only one restore point stays.

    What the checkpoints of its job share stays with it.
    """
    gone = []
    for directory in directories:
        job, _, name = directory.rpartition("/")
        if not _within(keep, directory) and not (name in _SHARED and _within(keep, job)):
            gone.append(directory)
    return gone


def _within(place: str, directory: str) -> bool:
    return f"{place}/".startswith(f"{directory}/")
