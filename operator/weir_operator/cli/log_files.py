"""`weir logs`: what the processes of a StreamJob's revisions, or of a service beside it, print."""

import contextlib
import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ..fleet.directories import Directories
from ..fleet.store import Key
from . import consoles
from .failures import CommandError
from .sessions import directories

_PAUSE: Final = 0.2


Logs = Callable[[], Iterable[Path]]
"""Those there are now, of which the newest is shown."""


def show(folder: Path, key: Key, follow: bool, lines: int, service: str | None = None) -> None:
    """Print the newest revision's log, or the service's; with `follow`, go on as it grows and over to later ones."""
    places = directories(folder)
    logs = _of_service(places, key, service) if service is not None else _of_revisions(places, key)
    log = newest(logs)
    if log is None and service is not None:
        known = sorted({path.parent.name.rpartition("-")[0] for path in places.services(key).glob("*/log")})
        others = f"there are: {', '.join(known)}" if known else "it has none"
        raise CommandError.not_found(f"{key.name} has no service '{service}' that printed anything", others)
    if log is None:
        raise CommandError.not_found(f"{key.name} has no log yet", f"`weir describe {key.name}` says what it waits for")
    if not follow:
        with log.open("rb") as file:
            _write(b"".join(_last(file, lines)))
        return
    for chunk in _following(logs, log, lines):
        _write(chunk)


def _of_revisions(places: Directories, key: Key) -> Logs:
    """The logs of a StreamJob's revisions."""
    return lambda: places.revisions(key).glob("*/log")


def _of_service(places: Directories, key: Key, service: str) -> Logs:
    return lambda: places.services(key).glob(f"{service}-*/log")


def newest(logs: Logs) -> Path | None:
    """The log that was written to last: that of the revision which runs or is about to."""
    written: list[tuple[float, Path]] = []
    for log in logs():
        with contextlib.suppress(FileNotFoundError):  # a revision is removed while we look
            written.append((log.stat().st_mtime, log))
    return max(written)[1] if written else None


def _following(logs: Logs, log: Path, lines: int) -> Iterator[bytes]:
    started = _began(log)
    file = log.open("rb")
    with contextlib.ExitStack() as stack:
        stack.enter_context(file)
        yield b"".join(_last(file, lines))
        while True:
            if chunk := file.read():
                yield chunk
                continue
            later = _later(logs, started)
            if later is not None:
                consoles.note(f"--- {later.parent.name} ---")
                started, log = _began(later), later
                file = stack.enter_context(later.open("rb"))
                continue
            time.sleep(_PAUSE)


def _later(logs: Logs, than: float) -> Path | None:
    """The log of the next revision that was deployed after the one that is shown."""
    found = [(_began(log), log) for log in logs()]
    return min(((began, log) for began, log in found if began > than), default=(0.0, None))[1]


def _began(log: Path) -> float:
    """When the revision's directory got its configuration: before its first line, and not changed since."""
    try:
        return (log.parent / "config.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _last(file: BinaryIO, lines: int) -> list[bytes]:
    """The last lines, and the file at its end; a negative number: all."""
    if lines < 0:
        return list(file)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1000 * max(lines, 1)))  # more than logs need per line; what is cut off is the first
    kept = deque(file, maxlen=lines)
    return list(kept)


def _write(text: bytes) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
