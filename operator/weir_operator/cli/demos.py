"""`weir demo`: the story in order. What it needs (folder, engine, stream) is put up and taken down around it."""

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import consoles, sessions
from .demo_stages import Stage
from .demo_stories import Story
from .failures import CommandError
from .ups import log_to


def demo(rate: int, seed: int, directory: Path | None) -> None:
    """Run it to its end. Raises CommandError (failed) when the audit is not equal, or anything else went wrong."""
    with _interruptible(), _folder(directory) as folder, sessions.held(folder) as places:
        log_to(places.root / "weir.log")
        stage = Stage(folder, places, consoles.out())
        story = Story(stage, rate, seed)
        try:
            story.tell()
        finally:
            stage.down()
        story.farewell()


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """An empty folder. One of our own is removed, unless something went wrong: then it says what."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        if any(given.iterdir()):
            raise CommandError.unavailable(f"{given} is not empty", "the demo wants a folder of its own")
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="weir-demo-"))
    try:
        yield folder
    except CommandError as error:
        logs = f"its files and logs are kept in {folder}"
        raise CommandError(
            error.code, error.message, advice="; ".join(filter(None, (error.advice, logs))), problems=error.problems
        ) from error
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: in order."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
