"""Objects as JSON files, kept as an API server keeps them: uid, generation, spec and status apart.

One process writes (`weir up` holds the directory's lock); any number may read at the same time, because a file is
always replaced as a whole.
"""

import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from weir_api import files
from weir_api.base import API_VERSION, Model
from weir_api.statuses import Status

DEFAULT_NAMESPACE: Final = "default"
NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
KIND_PATTERN: Final = r"^[A-Z][A-Za-z]*$"


class StoreError(Exception):
    """The state directory cannot be used; the message names the file and the system's reason."""


class WriteError(StoreError):
    """Nothing was written (disk full, not writable); the object is as it was. A later try may succeed."""


class UnreadableError(StoreError):
    """A file in the store is no object any more (edited by hand, cut off by another program)."""


class GoneError(StoreError):
    """The object was removed, or replaced by another one of the same name, since it was read."""


class StaleError(StoreError):
    """The object has changed since it was read; nothing was written. Look again."""


class InvalidError(StoreError):
    """The object as it was given is refused, and would be again."""


class DeletingError(StoreError):
    """The object is being deleted; it takes no new spec until it is gone."""


class Key(Model):
    """What names an object. Sorts and prints as kind/namespace/name."""

    kind: str = Field(pattern=KIND_PATTERN)
    name: str = Field(pattern=NAME_PATTERN)
    namespace: str = Field(default=DEFAULT_NAMESPACE, pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class _Document(BaseModel):
    """Like weir_api's Model, but a later version's further fields do not make a file unreadable."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class OwnerReference(_Document):
    """The resource an object was compiled from; the object goes when its owner goes."""

    api_version: str = API_VERSION
    kind: str
    name: str
    uid: str


class Metadata(_Document):
    """As in Kubernetes; `generation` grows by one with every change of the spec and with nothing else."""

    name: str = Field(pattern=NAME_PATTERN)
    namespace: str = DEFAULT_NAMESPACE
    uid: str
    generation: int = Field(ge=1)
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    resource_version: str | None = None
    """Where others may write at the same time; files have one writer."""
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


Spec = dict[str, JsonValue]


class StoredObject(_Document):
    """An object of any kind. `spec` is as the user wrote it; each kind's own module parses it."""

    api_version: str = API_VERSION
    kind: str = Field(pattern=KIND_PATTERN)
    metadata: Metadata
    spec: Spec
    status: Status = Field(default_factory=Status)

    @property
    def key(self) -> Key:
        """What names this object."""
        return Key(kind=self.kind, namespace=self.metadata.namespace, name=self.metadata.name)

    @property
    def deleting(self) -> bool:
        """Whether someone asked for this object's removal."""
        return self.metadata.deletion_timestamp is not None

    def document(self) -> dict[str, JsonValue]:
        """The object as it stands in YAML or JSON."""
        document: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        document["spec"] = self.spec  # a null the user wrote is theirs to keep
        return document


Applied = Literal["created", "changed", "unchanged"]


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)


class Store:
    """The objects below one directory. Safe to use from several threads of one process."""

    def __init__(self, directory: Path, now: Callable[[], datetime] = utc_now) -> None:
        """`directory` is made at the first write; `now` gives the timestamps of metadata."""
        self.directory = directory
        self._now = now
        self._lock = threading.RLock()

    def path(self, key: Key) -> Path:
        """The file that holds this object."""
        return self.directory / f"{key.kind}.{key.namespace}.{key.name}.json"

    def list(
        self, kind: str | None = None, unreadable: Callable[[UnreadableError], None] | None = None
    ) -> tuple[StoredObject, ...]:
        """All objects, or those of one kind, by kind, namespace and name.

        A file that is no object raises UnreadableError, or is handed to `unreadable` and left out.
        """
        objects: list[StoredObject] = []
        for path in sorted(self.directory.glob(f"{kind or '*'}.*.json")):
            try:
                found = _read(path)
            except UnreadableError as error:
                if unreadable is None:
                    raise
                unreadable(error)
            else:
                objects += [found] if found is not None else []
        return tuple(objects)

    def get(self, key: Key) -> StoredObject | None:
        """The object, or None. Raises UnreadableError."""
        return _read(self.path(key))

    def apply(
        self,
        key: Key,
        spec: Spec,
        *,
        annotations: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        owners: tuple[OwnerReference, ...] = (),
    ) -> tuple[StoredObject, Applied]:
        """Make the object, or give it this spec and metadata. Status is left alone.

        Raises DeletingError when it is on its way out, WriteError, UnreadableError.
        """
        with self._lock:
            before = self.get(key)
            if before is not None and before.deleting:
                raise DeletingError(f"{key} is being deleted; apply it again when it is gone")
            metadata = self._metadata(key, before, spec).model_copy(
                update={"annotations": annotations or {}, "labels": labels or {}, "owner_references": owners}
            )
            after = StoredObject(
                kind=key.kind, metadata=metadata, spec=spec, status=before.status if before else Status()
            )
            if after == before:
                return after, "unchanged"
            self._write(after)
            return after, "changed" if before else "created"

    def mark_deleted(self, key: Key) -> StoredObject | None:
        """Ask for the object's removal; the first time counts. None when there is no such object."""
        with self._lock:
            found = self.get(key)
            if found is None or found.deleting:
                return found
            metadata = found.metadata.model_copy(update={"deletion_timestamp": self._now()})
            return self._write(found.model_copy(update={"metadata": metadata}))

    def remove(self, key: Key) -> None:
        """Forget the object. Fine when it is gone already. Raises WriteError."""
        with self._lock:
            try:
                self.path(key).unlink(missing_ok=True)
                files.sync_directory(self.directory)
            except FileNotFoundError:
                return
            except OSError as error:
                raise WriteError(f"cannot remove {self.path(key)}: {error.strerror or error}") from error

    def write_status(self, key: Key, uid: str, status: Status, version: str | None = None) -> StoredObject:  # noqa: ARG002
        """Replace the status of the object with this uid and nothing else of it. On disk when this returns.

        There is one writer, so that `version` says nothing here. Raises GoneError, WriteError, UnreadableError.
        """
        with self._lock:
            found = self.get(key)
            if found is None or found.metadata.uid != uid:
                raise GoneError(f"{key} with uid {uid} is no longer there")
            if found.status == status:
                return found
            return self._write(found.model_copy(update={"status": status}))

    def _metadata(self, key: Key, before: StoredObject | None, spec: Spec) -> Metadata:
        if before is None:
            return Metadata(
                name=key.name,
                namespace=key.namespace,
                uid=str(uuid.uuid4()),
                generation=1,
                creation_timestamp=self._now(),
            )
        if before.spec == spec:
            return before.metadata
        return before.metadata.model_copy(update={"generation": before.metadata.generation + 1})

    def _write(self, written: StoredObject) -> StoredObject:
        write_atomically(self.path(written.key), json.dumps(written.document(), indent=1, ensure_ascii=False) + "\n")
        return written


def write_atomically(path: Path, text: str) -> None:
    """As weir_api.files has it, but raises WriteError; the file then holds what it held before."""
    try:
        files.write_atomically(path, text)
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error


def _read(path: Path) -> StoredObject | None:
    try:
        return StoredObject.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableError(
            f"{path} is not an object of Weir's: {place + ': ' if place else ''}{first['msg']}"
        ) from error
