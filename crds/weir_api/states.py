"""How a StreamJob's state directory is laid out, and how a state job tells what it found in few bytes.

`checkpoints/<job>/chk-<n>/_metadata` is Flink's way, `savepoints/<job>/<attempt>/savepoint-.../_metadata` is Weir's.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from .launchers import RestorePoint

METADATA: Final = "_metadata"
MOST_BYTES: Final = 4096
"""What Kubernetes keeps of a container's termination message."""

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
