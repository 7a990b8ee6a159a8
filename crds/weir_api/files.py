"""Files that are there as a whole or not at all."""

import contextlib
import os
import threading
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace the file, or make it and its directories, only when all of it is on disk.

    Raises OSError; the file then holds what it held before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError:
        with contextlib.suppress(OSError):  # where the directory is not writable, the file was never made
            temporary.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Makes renames and deletions in it last: they may be lost with the power although files were synced."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
