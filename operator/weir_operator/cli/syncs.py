"""From the folder's files to the store: what is written is wanted, what is written no more is to go."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weir_api.resources import KINDS

from ..fleet.store import DeletingError, Key, Spec, Store, StoredObject, StoreError
from ..reconcile import rejections
from ..reconcile.rejections import REJECTED
from . import folders
from .folders import Contents, Written

FILE: Final = "weir.dev/file"
"""Annotation: the file a resource was written in."""
CERTAIN_AFTER: Final = 1.0
"""Seconds a resource must be missing before it counts as deleted: an editor may empty a file before it fills it."""


@dataclass(frozen=True)
class Synced:
    """What a pass did. `again`: something is not done yet, look once more soon."""

    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    again: bool = False


class Sync:
    """Carries a folder's files into a store; call it whenever a file may have changed."""

    def __init__(self, folder: Path, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._missing: dict[Key, float] = {}

    def __call__(self) -> Synced:
        """One pass. Raises nothing that a later pass could not mend: it is among the problems."""
        contents = folders.read(self._folder)
        changes: list[str] = []
        problems = list(contents.problems)
        again = False
        for item in contents.written:
            try:
                changes += self._apply(item)
            except DeletingError:
                again = True  # it is on its way out under the same name: the new one comes after it
            except StoreError as error:
                problems.append(str(error))
                again = True
        try:
            self._note(contents)
            removed, unsure = self._remove(contents)
        except StoreError as error:
            return Synced(tuple(changes), (*problems, str(error)), True)
        return Synced((*changes, *removed), tuple(problems), again or unsure)

    def _apply(self, item: Written) -> list[str]:
        metadata = item.resource.metadata
        annotations = {**metadata.annotations, FILE: str(item.file.relative_to(self._folder))}
        key = Key(kind=item.resource.kind, name=metadata.name, namespace=metadata.namespace)
        found = self._store.get(key)
        if found is not None and found.metadata.owner_references:
            owner = found.metadata.owner_references[0]
            raise StoreError(f"{item.place}: {owner.kind} '{owner.name}' is compiled to a {key.kind} of the same name")
        _, applied = self._store.apply(key, _json(item.spec), annotations=annotations, labels=dict(metadata.labels))
        return [] if applied == "unchanged" else [f"{key.kind.lower()}/{key.name} {applied} ({item.place})"]

    def _note(self, contents: Contents) -> None:
        """Objects whose file says something wrong of them stay as they are, and have it noted."""
        if not contents.broken:
            return
        wanted = {Key(kind=kind, name=name, namespace=namespace) for kind, namespace, name in _keys(contents)}
        for item in self._store.list(unreadable=lambda _: None):
            file = item.metadata.annotations.get(FILE)
            if file is None or item.key in wanted or item.deleting or item.metadata.owner_references:
                continue
            key = (item.kind, item.metadata.namespace, item.metadata.name)
            if errors := contents.errors(key, self._folder / file):
                metadata = item.metadata
                noted = {**metadata.annotations, REJECTED: rejections.written(errors)}
                self._store.apply(item.key, item.spec, annotations=noted, labels=metadata.labels)

    def _remove(self, contents: Contents) -> tuple[list[str], bool]:
        """Mark what is in no file; a file that cannot be read, or a folder that is gone, removes nothing."""
        if not self._folder.is_dir():
            return [], False
        wanted = {Key(kind=kind, name=name, namespace=namespace) for kind, namespace, name in _keys(contents)}
        now, removed, unsure = self._clock(), list[str](), False
        for item in self._store.list(unreadable=lambda _: None):
            if item.key in wanted or not self._may_go(item, contents):
                self._missing.pop(item.key, None)
                continue
            if now - self._missing.setdefault(item.key, now) < CERTAIN_AFTER:
                unsure = True
                continue
            del self._missing[item.key]
            self._store.mark_deleted(item.key)
            removed.append(f"{item.kind.lower()}/{item.metadata.name} deleted")
        return removed, unsure

    def _may_go(self, item: StoredObject, contents: Contents) -> bool:
        if item.kind not in KINDS or item.metadata.owner_references or item.deleting:
            return False
        file = item.metadata.annotations.get(FILE)
        broken = {str(path.relative_to(self._folder)) for path in contents.broken}
        return not broken if file is None else file not in broken


def _keys(contents: Contents) -> set[tuple[str, str, str]]:
    return {item.resource.key for item in contents.written}


def _json(spec: dict[str, object]) -> Spec:
    return spec  # type: ignore[return-value]  # documents.load gives JSON's values only
