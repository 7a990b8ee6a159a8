"""`weir logs`: what the processes of a StreamJob's revisions print."""

import contextlib
import io
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ..fleet.directories import Directories
from ..fleet.store import Key
from . import consoles
from .failures import CommandError
from .sessions import directories

_PAUSE: Final = 0.2


def show(folder: Path, key: Key, follow: bool, lines: int) -> None:
    """Print the newest revision's log; with `follow`, go on as it grows and over to later revisions."""
    places = directories(folder)
    log = newest(places, key)
    if log is None:
        raise CommandError.not_found(f"{key.name} has no log yet", f"`weir describe {key.name}` says what it waits for")
    if not follow:
        with log.open("rb") as file:
            _write(b"".join(_last(file, lines)))
        return
    for chunk in _following(places, key, log, lines):
        _write(chunk)


def newest(places: Directories, key: Key) -> Path | None:
    """The log that was written to last: that of the revision which runs or is about to."""
    written: list[tuple[float, Path]] = []
    for log in places.revisions(key).glob("*/log"):
        with contextlib.suppress(FileNotFoundError):  # a revision is removed while we look
            written.append((log.stat().st_mtime, log))
    return max(written)[1] if written else None


def _following(places: Directories, key: Key, log: Path, lines: int) -> Iterator[bytes]:
    started = _began(log)
    file = log.open("rb")
    with contextlib.ExitStack() as stack:
        stack.enter_context(file)
        yield b"".join(_last(file, lines))
        while True:
            if chunk := file.read():
                yield chunk
                continue
            later = _later(places, key, started)
            if later is not None:
                consoles.note(f"--- revision {later.parent.name} ---")
                started, log = _began(later), later
                file = stack.enter_context(later.open("rb"))
                continue
            time.sleep(_PAUSE)


def _later(places: Directories, key: Key, than: float) -> Path | None:
    """The log of the next revision that was deployed after the one that is shown."""
    found = [(_began(log), log) for log in places.revisions(key).glob("*/log")]
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
