"""A folder of YAML files as the desired state: every resource in it, and everything that is wrong with it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from weir_api.blocks import Spec
from weir_api.documents import Document, load, load_file
from weir_api.errors import FieldError, Origin, SpecError
from weir_api.resources import Resource, parse

from .failures import CommandError, Exit

SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class Written:
    """A valid resource, the values it was read from, and where it stands."""

    resource: Resource[Spec]
    document: Document
    file: Path

    @property
    def place(self) -> str:
        """The file and the line the resource begins on."""
        return f"{self.file}:{self.document.origin.line('kind') or 1}"

    @property
    def spec(self) -> dict[str, object]:
        """The spec as the user wrote it, without defaults."""
        value = self.document.value
        spec = value.get("spec") if isinstance(value, dict) else None
        return spec if isinstance(spec, dict) else {}


@dataclass(frozen=True)
class Contents:
    """What a folder says. Files in `broken` say something that cannot be trusted: nothing they held may be removed."""

    written: tuple[Written, ...] = ()
    problems: tuple[str, ...] = ()
    broken: frozenset[Path] = frozenset()


def files(folder: Path) -> tuple[Path, ...]:
    """The folder's YAML files, in order, those in folders below too; hidden ones and links to folders are left out."""
    found: list[Path] = []
    for parent, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += (Path(parent) / name for name in names if Path(name).suffix in SUFFIXES and not name.startswith("."))
    return tuple(sorted(found))


def read(folder: Path) -> Contents:
    """Everything the folder says. A folder that is gone is a problem, not an empty one."""
    if not folder.is_dir():
        return Contents(problems=(f"{folder} is no directory any more: everything stays as it is",))
    return read_files(files(folder))


def read_files(paths: Iterable[Path]) -> Contents:
    """The resources of these files."""
    written: list[Written] = []
    problems: list[str] = []
    broken: set[Path] = set()
    for path in paths:
        for found in _read_file(path):
            if isinstance(found, Written):
                written.append(found)
            else:
                problems.append(found)
                broken.add(path)
    return _without_doubles(Contents(tuple(written), tuple(problems), frozenset(broken)))


def read_text(text: str, name: str) -> Contents:
    """The resources of a text that stands in no file, as standard input."""
    path = Path(name)
    try:
        found = [item for document in load(text, name) for item in _parsed(document, path)]
    except SpecError as error:
        found = [*_lines(error)]
    problems = tuple(item for item in found if isinstance(item, str))
    written = tuple(item for item in found if isinstance(item, Written))
    return _without_doubles(Contents(written, problems, frozenset({path} if problems else ())))


def require_valid(contents: Contents) -> tuple[Written, ...]:
    """The resources, or a refusal that lists every problem."""
    if contents.problems:
        count = len(contents.problems)
        raise CommandError(
            Exit.REFUSED,
            contents.problems[0] if count == 1 else f"{count} things are wrong; nothing was changed",
            problems=contents.problems if count > 1 else (),
        )
    return contents.written


def _read_file(path: Path) -> Iterator[Written | str]:
    try:
        for document in load_file(path):
            yield from _parsed(document, path)
    except SpecError as error:
        yield from _lines(error)
    except FileNotFoundError:  # removed since the folder was listed: then it says nothing
        return
    except OSError as error:
        yield f"{path}: cannot be read: {error.strerror or error}"


def _parsed(document: Document, path: Path) -> Iterator[Written | str]:
    try:
        yield Written(parse(document.value, document.origin), document, path)
    except SpecError as error:
        yield from _lines(error)


def _lines(error: SpecError) -> Iterator[str]:
    for problem in error.errors:
        yield error.origin.locate(problem)


def _without_doubles(contents: Contents) -> Contents:
    """Of two resources with the same name neither counts: which one was meant is not ours to guess."""
    by_key: dict[tuple[str, str, str], list[Written]] = {}
    for item in contents.written:
        by_key.setdefault(item.resource.key, []).append(item)
    doubles = [items for items in by_key.values() if len(items) > 1]
    if not doubles:
        return contents
    problems = [_double(items) for items in doubles]
    return Contents(
        tuple(items[0] for items in by_key.values() if len(items) == 1),
        (*contents.problems, *problems),
        contents.broken | {item.file for items in doubles for item in items},
    )


def _double(items: list[Written]) -> str:
    kind, _, name = items[0].resource.key
    second = items[1]
    error = FieldError(path="metadata.name", message=f"{kind} '{name}' is already written at {items[0].place}")
    return Origin(second.document.origin.name, second.document.origin.lines).locate(error)
