"""Stored objects for commands that only read: which kinds a word means, and the object a name means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weir_api.resources import KINDS, Kind

from ..fleet.store import Store, StoredObject, UnreadableError
from . import consoles
from .failures import CommandError
from .sessions import directories

PIPELINES: Final = "pipelines"


@dataclass(frozen=True)
class Name:
    """A resource as it is named on the command line: `carts`, `pattern/carts`, with a namespace or without."""

    name: str
    kind: Kind | None = None
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.kind.name} '{self.name}'" if self.kind else f"'{self.name}'"


def store(folder: Path) -> Store:
    """The objects of a folder that was brought up."""
    return Store(directories(folder).objects)


def words(kind: Kind) -> tuple[str, ...]:
    """Everything this kind may be called on a command line."""
    return (kind.plural, kind.name.lower(), kind.short_name, f"{kind.plural}.weir.dev")


def kinds(word: str) -> tuple[Kind, ...]:
    """The kinds a word means: `pipelines`, a plural, a singular or a short name. Raises CommandError (usage)."""
    word = word.lower()
    if word in {PIPELINES, "pipeline"}:
        return tuple(kind for kind in KINDS.values() if kind.pipeline)
    if word == "all":
        return tuple(KINDS.values())
    found = tuple(kind for kind in KINDS.values() if word in words(kind))
    if not found:
        known = ", ".join((PIPELINES, *(f"{kind.plural} ({kind.short_name})" for kind in KINDS.values()), "all"))
        raise CommandError.not_found(f"there is no kind '{word}'", f"known are {known}")
    return found


def name(text: str, namespace: str | None = None) -> Name:
    """Parse `NAME` or `KIND/NAME`."""
    kind, slash, rest = text.rpartition("/")
    if not slash:
        return Name(text, None, namespace)
    found = kinds(kind)
    return Name(rest, found[0] if len(found) == 1 else None, namespace)


def everything(folder: Path) -> tuple[StoredObject, ...]:
    """All objects; a file that cannot be read is named on standard error and left out."""

    def say(error: UnreadableError) -> None:
        consoles.note(f"warning: {error}")

    return store(folder).list(unreadable=say)


def matching(objects: tuple[StoredObject, ...], wanted: Name) -> tuple[StoredObject, ...]:
    """The objects a name may mean. A StreamJob that a resource was compiled to is meant only when asked for."""
    found = tuple(
        item
        for item in objects
        if item.metadata.name == wanted.name
        and (wanted.kind is None or item.kind == wanted.kind.name)
        and wanted.namespace in {None, item.metadata.namespace}
    )
    own = tuple(item for item in found if not item.metadata.owner_references)
    return own if own and wanted.kind is None else found


def get(folder: Path, wanted: Name) -> StoredObject:
    """The one object a name means. Raises CommandError: not found, or usage when it may mean several."""
    objects = everything(folder)
    found = matching(objects, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{item.kind.lower()}/{item.metadata.name} -n {item.metadata.namespace}" for item in found)
        raise CommandError.not_found(f"{wanted} may mean several resources", f"say which: {choices}")
    names = sorted({item.metadata.name for item in objects})
    advice = f"there are: {', '.join(names[:8])}" if names else "nothing has been brought up in this folder yet"
    raise CommandError.not_found(f"{wanted} is not there", advice)


def streamjob(folder: Path, wanted: Name) -> StoredObject:
    """The StreamJob of a resource, or the one named. Raises CommandError."""
    found = get(folder, wanted)
    if found.kind == "StreamJob":
        return found
    jobs = (item for item in everything(folder) if item.kind == "StreamJob")
    for job in jobs:
        if any(owner.uid == found.metadata.uid for owner in job.metadata.owner_references):
            return job
    raise CommandError.not_found(
        f"{wanted} runs no job yet", f"`weir describe {found.metadata.name}` says what keeps it"
    )


def label(wanted: tuple[Kind, ...]) -> str:
    """The kinds in words, for a message."""
    return wanted[0].name if len(wanted) == 1 else "pipeline"


def known(folder: Path, wanted: tuple[Kind, ...]) -> str:
    """What there is instead."""
    names = sorted({item.metadata.name for item in everything(folder) if item.kind in {kind.name for kind in wanted}})
    return f"there are: {', '.join(names[:8])}" if names else "none has been brought up in this folder yet"
