"""A folder of YAML files as the desired state: every resource in it, and everything that is wrong with it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from weir_api.blocks import Spec
from weir_api.documents import Document, load, load_file
from weir_api.errors import FieldError, Origin, SpecError
from weir_api.resources import Resource, parse

from ..fleet.store import DEFAULT_NAMESPACE
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
class Refused:
    """What stands in a file and is wrong. `key` is None where it cannot be told whose it is."""

    file: Path
    key: tuple[str, str, str] | None
    error: SpecError

    @property
    def lines(self) -> tuple[str, ...]:
        """For people, with file and line."""
        return tuple(self.error.origin.locate(problem) for problem in self.error.errors)


@dataclass(frozen=True)
class Contents:
    """What a folder says. Files in `broken` say something that cannot be trusted: nothing they held may be removed."""

    written: tuple[Written, ...] = ()
    problems: tuple[str, ...] = ()
    broken: frozenset[Path] = frozenset()
    refused: tuple[Refused, ...] = ()

    def errors(self, key: tuple[str, str, str], file: Path) -> tuple[FieldError, ...]:
        """What is wrong with this resource where it is written now, or with all of the file it stood in."""
        of_it = [one for one in self.refused if one.key == key] or [
            one for one in self.refused if one.key is None and one.file == file
        ]
        return tuple(error for one in of_it for error in one.error.errors)


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
    refused: list[Refused] = []
    for path in paths:
        for found in _read_file(path):
            match found:
                case Written():
                    written.append(found)
                    continue
                case Refused():
                    refused.append(found)
                    problems += found.lines
                case _:
                    problems.append(found)
            broken.add(path)
    return _without_doubles(Contents(tuple(written), tuple(problems), frozenset(broken), tuple(refused)))


def read_text(text: str, name: str) -> Contents:
    """The resources of a text that stands in no file, as standard input."""
    path = Path(name)
    found: list[Written | Refused]
    try:
        found = [_parsed(document, path) for document in load(text, name)]
    except SpecError as error:
        found = [Refused(path, None, error)]
    problems = tuple(line for item in found if isinstance(item, Refused) for line in item.lines)
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


def _read_file(path: Path) -> Iterator[Written | Refused | str]:
    try:
        for document in load_file(path):
            yield _parsed(document, path)
    except SpecError as error:
        yield Refused(path, None, error)
    except FileNotFoundError:  # removed since the folder was listed: then it says nothing
        return
    except OSError as error:
        yield f"{path}: cannot be read: {error.strerror or error}"


def _parsed(document: Document, path: Path) -> Written | Refused:
    try:
        return Written(parse(document.value, document.origin), document, path)
    except SpecError as error:
        return Refused(path, _named(document.value), error)


def _named(value: object) -> tuple[str, str, str] | None:
    """(kind, namespace, name) of a document that is no resource, as far as it says."""
    match value:
        case {"kind": str(kind), "metadata": {"name": str(name), **more}}:
            namespace = more.get("namespace", DEFAULT_NAMESPACE)
            return kind, str(namespace), name
    return None


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
        contents.refused,
    )


def _double(items: list[Written]) -> str:
    kind, _, name = items[0].resource.key
    second = items[1]
    error = FieldError(path="metadata.name", message=f"{kind} '{name}' is already written at {items[0].place}")
    return Origin(second.document.origin.name, second.document.origin.lines).locate(error)
