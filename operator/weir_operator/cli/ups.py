"""`weir up`: bring a folder up, keep it as its files say, and stop it in order."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from watchfiles import watch

from ..fleet.store import Key, Store, StoredObject
from . import consoles, folders, sessions
from .engines import Engine, Settings
from .failures import CommandError
from .narrations import Line, narrate
from .syncs import Sync, Synced
from .tellers import Teller

STOP_WITHIN: Final = 90.0
"""Seconds all jobs together get for their last savepoints."""
LOOK_EVERY: Final = 5.0
"""Seconds after which the files are read although nothing said that they changed: not every file system says so."""
ONE_WISH: Final = 1.0
"""Seconds within which two signals are one: some senders signal the process and then its group."""
_TICK: Final = 200


def up(directory: Path, servers: str | None, port: int | None, leave_running: bool) -> None:
    """Run until interrupted. Raises CommandError."""
    if not directory.is_dir():
        raise CommandError.not_found(f"{directory} is no directory", "make it, and write resources into it")
    if servers is not None and port is not None:
        raise CommandError.usage("--port is for a Kafka of the folder's own, --bootstrap-servers for another")
    with sessions.held(directory) as places:
        log_to(places.root / "weir.log")
        teller = Teller(consoles.notes())
        engine = Engine(Settings(directory, servers, port), places, teller)
        stopping = _on_signals()
        try:
            engine.start()
            watcher = Watcher(directory, engine, teller)
            for changed in changes(directory, stopping):
                watcher.look(changed)
        except CommandError:
            engine.stop(deadline=10)  # nothing of a start that failed is left behind
            raise
        _end(engine, watcher, teller, leave_running)


class Watcher:
    """Reads the files, tells the loop, and tells the user what became of it."""

    def __init__(self, folder: Path, engine: Engine, teller: Teller) -> None:
        self._folder = folder
        self._engine = engine
        self._teller = teller
        self._sync = Sync(folder, engine.store)
        self._synced = Synced()
        self._seen: dict[Key, StoredObject] = {one.key: one for one in _roots(engine.store)}
        self._read_at = 0.0
        for one in self._seen.values():
            if one.status.job is not None:
                job = one.status.job
                teller.line(Line(one.metadata.name, f"taken over: {one.status.phase}, job {job.id[:8]} {job.state}"))

    def look(self, changed: bool) -> None:
        """One turn: at the files when they changed (or may have), at the resources always."""
        self._engine.check()
        if changed or self._synced.again or time.monotonic() - self._read_at > LOOK_EVERY:
            self._read()
        self.narrate()

    def narrate(self) -> None:
        """Tell what became of the resources since the last look."""
        now = {one.key: one for one in _roots(self._engine.store)}
        for key in sorted({*now, *self._seen}, key=str):
            for line in narrate(self._seen.get(key), now.get(key)):
                self._teller.line(line)
        self._seen = now

    def _read(self) -> None:
        synced = self._sync()
        for change in synced.changes:
            self._teller.tell(change)
        for problem in synced.problems:
            if problem not in self._synced.problems:
                self._teller.problem(problem)
        if self._synced.problems and not synced.problems:
            self._teller.tell("all files are fine again")
        if synced.changes:
            self._engine.wake()
        self._synced = synced
        self._read_at = time.monotonic()


def log_to(file: Path) -> None:
    """Write what the program tells itself to a file; the terminal is for people."""
    handler = RotatingFileHandler(file, maxBytes=5_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request would be all there is


def changes(folder: Path, stopping: threading.Event) -> Iterator[bool]:
    """Whether a YAML file may have changed, several times a second; ends when `stopping` is set."""
    yield True
    while not stopping.is_set():
        watched = _visible(folder)
        for found in watch(
            *watched,
            recursive=False,  # below .weir files change all the time
            watch_filter=lambda _, path: Path(path).suffix in folders.SUFFIXES or Path(path).is_dir(),
            stop_event=stopping,
            debounce=200,
            step=50,
            rust_timeout=_TICK,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            yield bool(found)
            if found and _visible(folder) != watched:
                break


def _visible(folder: Path) -> list[Path]:
    found = []
    for parent, below, _ in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        found.append(Path(parent))
    return found or [folder.parent]  # the folder itself is gone: watch for its return


def _end(engine: Engine, watcher: Watcher, teller: Teller, leave_running: bool) -> None:
    if leave_running:
        engine.leave()
        teller.tell("left running: the next `weir up` takes over what runs")
        return
    teller.tell("stopping every pipeline with a savepoint (once more Ctrl-C: leave them running)")
    left = engine.stop(STOP_WITHIN, watcher.narrate)
    if left:
        raise CommandError.timeout(
            f"not stopped in {STOP_WITHIN:g} s and left running: {', '.join(left)}",
            f"`weir up {engine.settings.folder}` takes them over; `weir describe` says what they wait for",
        )
    teller.tell("stopped; the next `weir up` goes on from here")


def _on_signals() -> threading.Event:
    """SIGINT and SIGTERM ask for the end; the second one takes it at once."""
    stopping = threading.Event()
    asked_at = 0.0

    def ask(*_: object) -> None:
        nonlocal asked_at
        if stopping.is_set() and time.monotonic() - asked_at > ONE_WISH:
            raise KeyboardInterrupt
        asked_at = asked_at or time.monotonic()
        stopping.set()

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return stopping


def _roots(store: Store) -> tuple[StoredObject, ...]:
    """What users wrote, without what it was compiled to."""
    found = store.list(unreadable=lambda _: None)
    return tuple(one for one in found if not one.metadata.owner_references)
