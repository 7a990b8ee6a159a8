"""Resources and StreamJobs where they are in a cluster: at the API server, whose objects others change as well."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import ValidationError

from weir_api.base import GROUP
from weir_api.resources import KINDS
from weir_api.statuses import Status

from ..store import Applied, DeletingError, Key, OwnerReference, Spec, StoredObject, UnreadableError
from .api import ALL_NAMESPACES, OWN, GoneError, KubernetesApi
from .configs import JsonObject

LOGGER = logging.getLogger(__name__)

FINALIZER: Final = f"{GROUP}/state"
"""Held until a last savepoint is taken and every process is gone."""
FORCE_DELETE: Final = f"{GROUP}/force-delete"
"""Annotation: `true` lets go of the object at once; state stays where it is."""

Written = Callable[[StoredObject, Status], None]
"""Told of each status that was written: the object as it was, and its new status."""


class ClusterObjects:
    """The Objects (see objects.py) of a cluster, in all namespaces or some. Safe to use from several threads."""

    def __init__(self, api: KubernetesApi, namespaces: Sequence[str] = (), written: Written = lambda *_: None) -> None:
        self._api = api
        self._namespaces = tuple(namespaces) or (ALL_NAMESPACES,)
        self._written = written
        self._read: dict[Key, StoredObject] = {}
        # What was written last and the version it became: the API server drops what a kind's schema does not have.
        self._wrote: dict[Key, tuple[str | None, Status]] = {}

    def list(
        self, kind: str | None = None, unreadable: Callable[[UnreadableError], None] | None = None
    ) -> tuple[StoredObject, ...]:
        """All objects, or those of one kind."""
        found: list[StoredObject] = []
        for name in [kind] if kind is not None else KINDS:
            for namespace in self._namespaces:
                for document in self._api.list(OWN[name], namespace):
                    try:
                        found.append(_stored(document, name))
                    except UnreadableError as error:
                        if unreadable is None:
                            raise
                        unreadable(error)
        return tuple(found)

    def get(self, key: Key) -> StoredObject | None:
        """The object as the API server has it now."""
        document = self._api.get(OWN[key.kind], key.namespace, key.name)
        found = self._held(_stored(document, key.kind), document) if document is not None else None
        if found is None:
            self._forget(key)
        else:
            self._read[key] = found
        return found

    def known(self) -> tuple[StoredObject, ...]:
        """The objects as they were read last."""
        return tuple(self._read.copy().values())

    def _held(self, found: StoredObject, document: JsonObject) -> StoredObject | None:
        """With the finalizer on it, so that nothing is begun that could not be ended in order."""
        finalizers = _finalizers(document)
        if found.deleting:
            if FINALIZER not in finalizers:
                return None  # what is left of its end is not ours
            if found.metadata.annotations.get(FORCE_DELETE, "").lower() == "true":
                LOGGER.warning("%s: removed by force; its state stays where it is", found.key)
                self._set_finalizers(found, [one for one in finalizers if one != FINALIZER])
                return None
            return found
        if FINALIZER in finalizers:
            return found
        return _stored(self._set_finalizers(found, [*finalizers, FINALIZER]), found.kind)

    def apply(
        self,
        key: Key,
        spec: Spec,
        *,
        annotations: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        owners: tuple[OwnerReference, ...] = (),
    ) -> tuple[StoredObject, Applied]:
        """Make the object, or give it this spec and metadata; status is left alone."""
        before = self.get(key)
        if before is not None and before.deleting:
            raise DeletingError(f"{key} is being deleted; apply it again when it is gone")
        if before is not None and _as_wanted(before, spec, annotations or {}, labels or {}, owners):
            return before, "unchanged"
        # An object has one controller at most: what is shared has none.
        marks = {"controller": len(owners) == 1, "blockOwnerDeletion": True}
        metadata: JsonObject = {
            "name": key.name,
            "namespace": key.namespace,
            "labels": labels or {},
            "annotations": annotations or {},
            "finalizers": [FINALIZER],
            "ownerReferences": [{**one.model_dump(mode="json", by_alias=True), **marks} for one in owners],
        }
        kind = OWN[key.kind]
        document: JsonObject = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec}
        return _stored(self._api.apply(document), key.kind), "changed" if before is not None else "created"

    def mark_deleted(self, key: Key) -> StoredObject | None:
        """Ask for the object's removal."""
        self._api.delete(OWN[key.kind], key.namespace, key.name)
        return self.get(key)

    def remove(self, key: Key) -> None:
        """Take the finalizer off an object that is on its way out."""
        document = self._api.get(OWN[key.kind], key.namespace, key.name)
        if document is None:
            return
        found = _stored(document, key.kind)
        finalizers = [one for one in _finalizers(document) if one != FINALIZER]
        if found.deleting:
            self._forget(key)
            try:
                self._set_finalizers(found, finalizers)
            except GoneError:
                return

    def write_status(self, key: Key, uid: str, status: Status, version: str | None = None) -> StoredObject:
        """Replace the status, if the object still is of this version. Without a change nothing is sent."""
        read = self._read.get(key)
        if read is not None and (read.metadata.uid, read.metadata.resource_version) == (uid, version):
            if read.status == status or self._wrote.get(key) == (version, status):
                return read
        else:
            read = None
        kind = OWN[key.kind]
        metadata: JsonObject = {"name": key.name, "namespace": key.namespace, "uid": uid, "resourceVersion": version}
        document: JsonObject = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": metadata,
            "spec": read.spec if read is not None else {},
            "status": status.document(),
        }
        after = _stored(self._api.replace_status(document), key.kind)
        self._read[key], self._wrote[key] = after, (after.metadata.resource_version, status)
        if read is not None:
            self._written(read, status)
        return after

    def _forget(self, key: Key) -> None:
        self._read.pop(key, None)
        self._wrote.pop(key, None)

    def _set_finalizers(self, found: StoredObject, finalizers: Sequence[str]) -> JsonObject:
        metadata: JsonObject = {"resourceVersion": found.metadata.resource_version, "finalizers": [*finalizers]}
        return self._api.merge(OWN[found.kind], found.metadata.namespace, found.metadata.name, {"metadata": metadata})


def _stored(document: JsonObject, kind: str) -> StoredObject:
    try:
        return StoredObject.model_validate({**document, "kind": kind})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UnreadableError(f"a {kind} of the cluster cannot be read: {place}: {first['msg']}") from error


def _finalizers(document: JsonObject) -> list[str]:
    match document:
        case {"metadata": {"finalizers": list(finalizers)}}:
            return [str(one) for one in finalizers]
        case _:
            return []


def _as_wanted(
    before: StoredObject,
    spec: Spec,
    annotations: dict[str, str],
    labels: dict[str, str],
    owners: tuple[OwnerReference, ...],
) -> bool:
    """Whether an apply would change nothing; labels and annotations of others may be there too."""
    metadata = before.metadata
    own = {name: text for name, text in metadata.annotations.items() if name.startswith(f"{GROUP}/")}
    same = before.spec == spec and {one.uid for one in owners} == {one.uid for one in metadata.owner_references}
    return same and own == annotations and labels.items() <= metadata.labels.items()
