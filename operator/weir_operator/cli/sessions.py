"""The `weir up` of a folder: its lock, and what it tells other commands. One at a time per folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from weir_api.base import Model

from ..fleet.store import WriteError, write_atomically
from .failures import CommandError
from .folders import STATE

LOCK: Final = "lock"
RECORD: Final = "up.json"
KAFKA: Final = "kafka"


class Session(Model):
    """What `weir up` writes down when it has Kafka, and leaves there when it ends: the next one goes on with it."""

    pid: int
    started_at: datetime
    bootstrap_servers: str
    embedded: bool


def state(folder: Path) -> Path:
    """Where everything of Weir's is kept; remove it, and nothing is known of what ran."""
    return folder / STATE


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel drops it when this process ends, however it does.

    Raises CommandError (unavailable): another `weir up` holds it, or the folder cannot be written.
    """
    directory = state(folder)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ".gitignore").write_text("*\n")  # state is no source; nobody should have to think of it
        lock = (directory / LOCK).open("a+")
    except OSError as error:
        raise CommandError.unavailable(
            f"{directory} cannot be written: {error.strerror or error}", "weir keeps its state there"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError.unavailable(
                f"another `weir up` is at work on {folder} (pid {_holder(directory)})",
                "one is enough: it sees every change of the files; `weir get` shows what it does",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_up(folder: Path) -> bool:
    """Whether a `weir up` is at work on the folder."""
    try:
        with (state(folder) / LOCK).open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def record(folder: Path, session: Session) -> None:
    """Write it down. Raises CommandError (unavailable)."""
    try:
        write_atomically(state(folder) / RECORD, session.model_dump_json(by_alias=True, indent=1) + "\n")
    except WriteError as error:
        raise CommandError.unavailable(str(error)) from error


def last(folder: Path) -> Session | None:
    """What the running or the last `weir up` wrote down."""
    try:
        return Session.model_validate_json((state(folder) / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def bootstrap_servers(folder: Path | None, given: str | None) -> str:
    """Kafka's address: the one given, else that of the folder. Raises CommandError: not found, unreachable."""
    if given is not None:
        return given
    from ..fleet import broker  # noqa: PLC0415 - pays for librdkafka only where it is needed
    from . import folders  # noqa: PLC0415

    found = folders.find(folder)
    session = last(found)
    if session is not None and not session.embedded:
        return session.bootstrap_servers
    running = broker.running(state(found) / KAFKA)
    if running is None:
        raise CommandError.unreachable(
            f"the Kafka of {found} does not run", "start it with `weir up`, or name another with --bootstrap-servers"
        )
    return running.bootstrap_servers


def _holder(directory: Path) -> str:
    try:
        return (directory / LOCK).read_text().strip() or "unknown"
    except OSError:
        return "unknown"
