"""Which folder a command works on. Light, because every command asks."""

from pathlib import Path
from typing import Final

from .failures import CommandError

STATE: Final = ".weir"


def find(given: Path | None) -> Path:
    """The folder commands work on: the one given (`--dir`, WEIR_DIR), else the nearest one upwards with a `.weir`.

    Raises CommandError (not found).
    """
    if given is not None:
        if not given.is_dir():
            raise CommandError.not_found(f"{given} is no directory", "name the folder that `weir up` was given")
        return given
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / STATE).is_dir():
            return folder
    raise CommandError.not_found(
        f"neither {here} nor a folder above it has been brought up",
        "run `weir up DIR` first, or name the folder with --dir or WEIR_DIR",
    )
