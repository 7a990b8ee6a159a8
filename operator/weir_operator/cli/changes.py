"""Changes to the folder's files: what `apply`, `suspend`, `resume` and `delete` do. `weir up` sees them and acts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ruamel.yaml.error import YAMLError

from ..fleet.store import WriteError, write_atomically
from . import edits, folders
from .failures import CommandError
from .folders import Written
from .objects import Name

Change = Literal["created", "configured", "unchanged"]
STANDARD_INPUT: Final = "-"


@dataclass(frozen=True)
class Located:
    """A resource in one of the folder's files."""

    file: Path
    text: str
    document: edits.Document

    @property
    def label(self) -> str:
        """As kubectl names it."""
        return label(self.document.kind, self.document.name)


def label(kind: str, name: str) -> str:
    """As kubectl names it: `pattern.weir.dev/carts`."""
    return f"{kind.lower()}.weir.dev/{name}"


def locate(folder: Path, wanted: Name) -> Located:
    """Where a resource is written. Raises CommandError: not found, or refused when it may mean several."""
    unreadable: list[str] = []
    found = [item for item in _everything(folder, unreadable) if _meant(item.document, wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        places = tuple(f"{item.file}:{item.document.first + 1}: {item.document.kind}" for item in found)
        raise CommandError.refused(f"{wanted} is written more than once", places, "say which: KIND/NAME, --namespace")
    advice = f"not looked into: {'; '.join(unreadable)}" if unreadable else ""
    raise CommandError.not_found(f"{wanted} is in no file below {folder}", advice)


def suspend(folder: Path, wanted: Name, suspended: bool) -> Located:
    """Set `spec.suspended` where the resource is written."""
    found = locate(folder, wanted)
    try:
        text = edits.with_suspended(found.text, found.document, suspended)
    except edits.EditError as error:
        value = "true" if suspended else "false"
        raise CommandError.refused(f"{found.file}: {error}", advice=f"write `suspended: {value}` below spec") from error
    if text != found.text:
        write(found.file, text)
    return found


def delete(folder: Path, wanted: Name) -> Located:
    """Remove the resource from its file, and the file when nothing else is in it."""
    found = locate(folder, wanted)
    text = edits.without(found.text, found.document)
    if text:
        write(found.file, text)
        return found
    try:
        found.file.unlink()
    except OSError as error:
        raise CommandError.unavailable(f"{found.file} cannot be removed: {error.strerror or error}") from error
    return found


def apply(
    folder: Path, sources: tuple[folders.Contents, ...], texts: dict[Path, str]
) -> Iterator[tuple[Written, Change]]:
    """Write each resource into the folder: over the one of its name, else into a file of its own.

    `texts` are the sources' own texts, so that comments come along. Everything is checked before anything is written.
    """
    written = [item for contents in sources for item in folders.require_valid(contents)]
    for item in written:
        yield item, _apply(folder, item, texts[item.file])


def write(file: Path, text: str) -> None:
    """Replace a file as a whole. Raises CommandError (unavailable)."""
    try:
        write_atomically(file, text)
    except WriteError as error:
        raise CommandError.unavailable(str(error)) from error


def _apply(folder: Path, item: Written, text: str) -> Change:
    kind, namespace, name = item.resource.key
    own = edits.part(text, edits.only(text, kind, namespace, name))
    present = [found for found in _everything(folder, []) if _key(found.document) == item.resource.key]
    if not present:
        file = folder / f"{kind.lower()}-{name}.yaml"
        if file.exists():  # it holds something else: add to it
            before = file.read_text(encoding="utf-8")
            own = f"{before.rstrip()}\n---\n{own}"
        write(file, own)
        return "created"
    if len(present) > 1:
        places = tuple(f"{found.file}:{found.document.first + 1}" for found in present)
        raise CommandError.refused(f"{label(kind, name)} is written more than once", places, "remove all but one")
    if edits.part(present[0].text, present[0].document).strip() == own.strip():
        return "unchanged"
    write(present[0].file, edits.with_replaced(present[0].text, present[0].document, own))
    return "configured"


def _everything(folder: Path, unreadable: list[str]) -> Iterator[Located]:
    for file in folders.files(folder):
        try:
            text = file.read_bytes().decode("utf-8")  # not read_text: line ends must stay as they are
            yield from (Located(file, text, document) for document in edits.documents(text))
        except (YAMLError, UnicodeDecodeError, OSError) as error:
            unreadable.append(f"{file} ({str(error).splitlines()[0]})")


def _key(document: edits.Document) -> tuple[str, str, str]:
    return document.kind, document.namespace, document.name


def _meant(document: edits.Document, wanted: Name) -> bool:
    return (
        document.name == wanted.name
        and (wanted.kind is None or document.kind == wanted.kind.name)
        and wanted.namespace in {None, document.namespace}
    )
