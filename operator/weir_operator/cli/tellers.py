"""What a long-running command says while it works: a line per event with the time, colours on a terminal only."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from ..fleet import artifacts
from .narrations import Line


class Teller:
    """Writes lines; safe to use from several threads."""

    def __init__(self, console: Console, width: int = 20) -> None:
        self._console = console
        self._width = width
        self._lock = threading.Lock()

    def tell(self, text: str, style: str = "") -> None:
        """A line about no resource in particular."""
        self.line(Line("", text, style))

    def line(self, line: Line) -> None:
        """A line with the time and, in a column of its own, whom it is about."""
        with self._lock:
            self._width = max(self._width, len(line.subject))
            text = Text(f"{datetime.now():%H:%M:%S}  ", style="dim")
            if line.subject:
                text.append(f"{line.subject.ljust(self._width)}  ", style="bold")
            text.append(line.text, style=line.style)
            self._console.print(text)

    def problem(self, text: str) -> None:
        """Something the user has to do something about."""
        self.tell(text, "red")

    @contextmanager
    def downloads(self, title: str) -> Iterator[artifacts.Progress]:
        """Progress over files: a bar on a terminal, elsewhere a line at the beginning and one at the end.

        Nothing is shown as long as nothing is fetched.
        """
        bar = Progress(
            TextColumn("          {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[file]}", style="dim"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        try:
            yield self._progress(bar, title)
        finally:
            bar.stop()

    def _progress(self, bar: Progress, title: str) -> Callable[[str, int, int], None]:
        known: list[int] = []

        def progress(file: str, done: int, total: int) -> None:
            if not known:
                self.tell(f"fetching {title}: {total} files, at first use only")
                bar.start()
                known.append(bar.add_task(title, total=total, file=""))
            bar.update(known[0], completed=done, total=total, file=file)  # type: ignore[arg-type]

        return progress
