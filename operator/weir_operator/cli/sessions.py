"""The `weir up` of a folder: its lock, and what it tells other commands. One at a time per folder."""

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from weir_api.base import Model

from ..fleet import locks
from ..fleet.directories import Directories
from ..fleet.store import WriteError, write_atomically
from . import places
from .failures import CommandError
from .places import STATE

RECORD: Final = "up.json"


class Session(Model):
    """What `weir up` writes down when it has Kafka, and leaves there when it ends: the next one goes on with it."""

    pid: int
    started_at: datetime
    bootstrap_servers: str
    embedded: bool


def directories(folder: Path) -> Directories:
    """Where everything of Weir's is kept; remove it, and nothing is known of what ran."""
    return Directories((folder / STATE).absolute())


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Directories]:
    """Hold the folder's lock; the kernel drops it when this process ends, however it does.

    Raises CommandError (unavailable): another `weir up` holds it, or the folder cannot be written.
    """
    found = directories(folder)
    try:
        found.root.mkdir(parents=True, exist_ok=True)
        (found.root / ".gitignore").write_text("*\n")  # state is no source; nobody should have to think of it
        with locks.exclusive(found.lock):
            yield found
    except locks.DirectoryInUseError as error:
        raise CommandError.unavailable(
            str(error), "one is enough: it sees every change of the files; `weir get` shows what it does"
        ) from None
    except OSError as error:
        if error.filename is None or not Path(error.filename).is_relative_to(found.root):
            raise
        raise CommandError.unavailable(
            f"{error.filename} cannot be written: {error.strerror}", "weir keeps its state there"
        ) from error


def is_up(folder: Path) -> bool:
    """Whether a `weir up` is at work on the folder."""
    try:
        with directories(folder).lock.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def record(folder: Path, session: Session) -> None:
    """Write it down. Raises CommandError (unavailable)."""
    try:
        write_atomically(directories(folder).root / RECORD, session.model_dump_json(by_alias=True, indent=1) + "\n")
    except WriteError as error:
        raise CommandError.unavailable(str(error)) from error


def last(folder: Path) -> Session | None:
    """What the running or the last `weir up` wrote down."""
    try:
        return Session.model_validate_json((directories(folder).root / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def bootstrap_servers(folder: Path | None, given: str | None) -> str:
    """Kafka's address: the one given, else that of the folder. Raises CommandError: not found, unreachable."""
    if given is not None:
        return given
    from ..fleet import broker  # noqa: PLC0415 - pays for librdkafka only where it is needed

    found = places.find(folder)
    session = last(found)
    if session is not None and not session.embedded:
        return session.bootstrap_servers
    running = broker.running(directories(found).broker)
    if running is None:
        raise CommandError.unreachable(
            f"the Kafka of {found} does not run", "start it with `weir up`, or name another with --bootstrap-servers"
        )
    return running.bootstrap_servers
