"""The two streams a command writes to. Colours and movement only on a terminal: piped output is plain text."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

PHASE_STYLES: Final[dict[str, str]] = {
    "Running": "green",
    "Suspended": "cyan",
    "Failed": "bold red",
    "Degraded": "red",
    "Pending": "yellow",
    "Deploying": "yellow",
    "Updating": "yellow",
    "Suspending": "yellow",
    "Deleting": "yellow",
}
FATE_STYLES: Final[dict[str, str]] = {
    "kept": "green",
    "added": "cyan",
    "dropped": "bold red",
    "incompatible": "bold red",
}


@cache
def out() -> "Console":
    """Standard output: results. Long lines are never cut or folded when they go into a pipe or a file."""
    return _console(stderr=False)


@cache
def notes() -> "Console":
    """Standard error: progress, errors and remarks, so that results can be piped on."""
    return _console(stderr=True)


def _console(stderr: bool) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that plain commands need not pay

    terminal = (sys.stderr if stderr else sys.stdout).isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        force_terminal=terminal,
        no_color=None if terminal else True,
    )


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """A line that moves on a terminal while something takes long; elsewhere one line for each new text.

    Gives the function that changes the text.
    """
    console = notes()
    if console.is_terminal:
        with console.status(text, spinner="dots") as status:
            yield status.update
        return
    said = ""

    def say(new: str) -> None:
        nonlocal said
        if new != said:
            note(new)
            said = new

    yield say


def print_lines(*lines: str) -> None:
    """Write results as they are, without rich: the fast way for plain commands."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a remark to standard error, as it is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
