"""What the demo plays on: a folder that is up, in this process, and ways to wait for what happens there."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

import psutil
from rich.console import Console
from rich.text import Text

from weir_api.statuses import Rollover, Status

from ..demo.reviews import PIPELINES
from ..fleet.directories import Directories
from ..fleet.store import Key, StoredObject
from . import changes, listings, tables
from .ages import utc_now
from .consoles import PHASE_STYLES
from .engines import Engine, Settings
from .failures import CommandError
from .tellers import Teller
from .ups import Watcher
from .ups import changes as file_changes

Value = TypeVar("Value")
_POLL: Final = 0.05
STOP_WITHIN: Final = 60.0


class Stage:
    """The folder, its engine, and the terminal."""

    def __init__(self, folder: Path, places: Directories, console: Console) -> None:
        self.folder = folder
        self.console = console
        self.began = time.monotonic()
        self.teller = Teller(console)
        self.engine = Engine(Settings(folder), places, self.teller)
        self._stopping = threading.Event()
        self._failure: CommandError | None = None
        self._watcher: threading.Thread | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self.began

    def up(self) -> None:
        """Write the pipelines, and bring the folder up as `weir up` does."""
        pipelines = resources.files("weir_operator.demo").joinpath("pipelines")
        for name in self.names:
            text = pipelines.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
            (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        self.engine.start()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._watcher.start()

    def down(self) -> None:
        """Stop everything in order; what does not stop, or what nobody wants to wait for, at once.

        Raises CommandError when something had to be killed.
        """
        self._stopping.set()
        try:
            self.engine.stop(STOP_WITHIN)
        finally:  # interrupted again: then nothing is waited for
            left = self.processes()
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        if left:
            raise CommandError.failed(f"{len(left)} processes did not stop and were killed")

    def processes(self) -> list[psutil.Process]:
        """What was started for this folder and still runs."""
        own = str(self.folder.resolve())
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if process.pid != os.getpid()
            and process.info["status"] != psutil.STATUS_ZOMBIE
            and any(own in part for part in process.info["cmdline"] or ())
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """The pipelines' names."""
        return tuple(pipeline.name for pipeline in PIPELINES)

    def edit(self, name: str, before: str, after: str) -> None:
        """Change a pipeline's file as a user would."""
        file = self.folder / f"{name}.yaml"
        text = file.read_text(encoding="utf-8")
        assert before in text, before
        changes.write(file, text.replace(before, after))

    def resource(self, name: str) -> StoredObject | None:
        """A pipeline as it is recorded."""
        return self.engine.store.get(Key(kind="Pattern", name=name))

    def status(self, name: str) -> Status:
        """Its status; an empty one when nothing is recorded yet."""
        found = self.resource(name)
        return found.status if found else Status()

    def job(self, name: str) -> Status:
        """The status of its StreamJob, which is a step ahead."""
        found = self.engine.store.get(Key(kind="StreamJob", name=name))
        return found.status if found else Status()

    def await_(self, condition: Callable[[], Value | None], seconds: float, what: str) -> Value:
        """What the condition gives once it gives something. Raises CommandError."""
        ends = time.monotonic() + seconds
        while not (found := condition()):
            if self._failure is not None:
                raise self._failure
            if time.monotonic() > ends:
                raise CommandError.timeout(f"waited {seconds:g} s in vain for {what}")
            time.sleep(_POLL)
        return found

    def rolled_over(self, name: str, generation: int) -> Rollover | None:
        """The finished rollover to this generation of the resource."""
        found = self.resource(name)
        if found is None or found.metadata.generation < generation:
            return None
        status = found.status
        done = status.observed_generation == found.metadata.generation and status.phase == "Running"
        return status.rollover if done and status.rollover and status.rollover.step == "Done" else None

    def heading(self, text: str) -> None:
        """A new part of the story."""
        self.console.print()
        self.console.print(Text(text, style="bold"))

    def say(self, text: str, style: str = "") -> None:
        """A line of the story."""
        self.console.print(Text(f"  {text}" if text else "", style=style))

    def table(self) -> None:
        """The resources as `weir get` shows them."""
        found = [item for name in self.names if (item := self.resource(name)) is not None]
        rows = [listings.header(False, False), *listings.rows(found, utc_now(), wide=False, namespaces=False)]
        widths = tables.widths(rows)
        for row in rows:
            text = Text("  " + tables.line(row, widths), style="dim" if row[0] == "NAME" else "")
            text.highlight_words([row[listings.PHASE_COLUMN]], PHASE_STYLES.get(row[listings.PHASE_COLUMN], ""))
            self.console.print(text)

    def _watch(self) -> None:
        watcher = Watcher(self.folder, self.engine, self.teller)
        try:
            for changed in file_changes(self.folder, self._stopping):
                watcher.look(changed)
        except CommandError as error:
            self._failure = error
