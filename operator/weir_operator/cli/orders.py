"""`weir apply`, `suspend`, `resume`, `delete`: change the files, say what changed, and wait if asked to."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..fleet.store import Key
from . import changes, consoles, folders, objects, sessions, waits
from .changes import STANDARD_INPUT, Located, label
from .failures import CommandError
from .folders import Contents


def apply(folder: Path, files: Sequence[Path], wait: bool, timeout: str) -> None:
    """Write resources into the folder."""
    patience = waits.seconds(timeout)
    contents, texts = read_sources(files)
    done = list(changes.apply(folder, contents, texts))
    if not done:
        raise CommandError.refused("there is no resource in what was given")
    for item, change in done:
        kind, _, name = item.resource.key
        consoles.print_lines(f"{label(kind, name)} {change}")
    _remark(folder)
    if wait:
        for item, _ in done:
            kind, namespace, name = item.resource.key
            suspended = item.spec.get("suspended") is True
            key = Key(kind=kind, name=name, namespace=namespace)
            waits.until(folder, key, "suspended" if suspended else "ready", patience, item.spec)
            consoles.print_lines(f"{label(kind, name)} {'suspended' if suspended else 'ready'}")


def suspend(folder: Path, name: str, namespace: str | None, suspended: bool, *, wait: bool, timeout: str) -> None:
    """Set or unset `spec.suspended`."""
    patience = waits.seconds(timeout)
    found = changes.suspend(folder, objects.name(name, namespace), suspended)
    word = "suspended" if suspended else "resumed"
    consoles.print_lines(f"{found.label} {word} in {found.file}")
    _remark(folder)
    if wait:
        written = folders.read_files([found.file]).written
        spec = next((item.spec for item in written if item.resource.key == _triple(found)), None)
        waits.until(folder, _key(found), "suspended" if suspended else "ready", patience, spec)
        consoles.print_lines(f"{found.label} {'has stopped, its state is kept' if suspended else 'runs'}")


def delete(folder: Path, name: str, namespace: str | None, wait: bool, timeout: str) -> None:
    """Remove the resource from its file."""
    patience = waits.seconds(timeout)
    found = changes.delete(folder, objects.name(name, namespace))
    consoles.print_lines(f"{found.label} deleted from {found.file}")
    _remark(folder)
    if wait:
        waits.until(folder, _key(found), "gone", patience)
        consoles.print_lines(f"{found.label} is gone")


def read_sources(files: Sequence[Path]) -> tuple[tuple[Contents, ...], dict[Path, str]]:
    """What the files, folders and standard input (`-`) given on the command line say, and their texts.

    Raises CommandError: not found.
    """
    contents: list[Contents] = []
    texts: dict[Path, str] = {}
    for path in files:
        if str(path) == STANDARD_INPUT:
            texts[Path("<stdin>")] = sys.stdin.read()
            contents.append(folders.read_text(texts[Path("<stdin>")], "<stdin>"))
            continue
        if not path.exists():
            raise CommandError.not_found(f"{path} does not exist")
        found = folders.files(path) if path.is_dir() else (path,)
        contents.append(folders.read_files(found))
        texts |= {file: _text(file) for file in found}
    return tuple(contents), texts


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace")  # what is no text is reported by whoever parses it
    except OSError as error:
        raise CommandError.not_found(f"{file}: {error.strerror or error}") from error


def _remark(folder: Path) -> None:
    if not sessions.is_up(folder):
        consoles.note(f"note: no `weir up` is at work on {folder}; the next one will carry it out")


def _triple(found: Located) -> tuple[str, str, str]:
    return found.document.kind, found.document.namespace, found.document.name


def _key(found: Located) -> Key:
    kind, namespace, name = _triple(found)
    return Key(kind=kind, name=name, namespace=namespace)
