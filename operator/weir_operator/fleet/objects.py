"""What reconcile needs of the place where objects are kept: a laptop's files, or an API server."""

from collections.abc import Callable
from typing import Protocol

from weir_api.statuses import Status

from .store import Applied, Key, OwnerReference, Spec, StoredObject, UnreadableError


class Objects(Protocol):
    """Resources and StreamJobs with their status. Every call is bounded in time and may be repeated.

    All raise StoreError; the ones below say which kinds of it mean what.
    """

    def list(
        self, kind: str | None = None, unreadable: Callable[[UnreadableError], None] | None = None
    ) -> tuple[StoredObject, ...]:
        """All objects, or those of one kind. What is none raises UnreadableError, or is handed over and left out."""
        ...

    def get(self, key: Key) -> StoredObject | None:
        """The object as it is now, or None."""
        ...

    def apply(
        self,
        key: Key,
        spec: Spec,
        *,
        annotations: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        owners: tuple[OwnerReference, ...] = (),
    ) -> tuple[StoredObject, Applied]:
        """Make the object, or give it this spec and metadata. Raises DeletingError while it is on its way out."""
        ...

    def mark_deleted(self, key: Key) -> StoredObject | None:
        """Ask for the object's removal. None when there is no such object."""
        ...

    def remove(self, key: Key) -> None:
        """Let the object go: nothing of it is left to take care of."""
        ...

    def write_status(self, key: Key, uid: str, status: Status, version: str | None = None) -> StoredObject:
        """Replace the status of the object with this uid, if it still is as it was read; kept when this returns.

        Raises GoneError, and StaleError when it is of another version.
        """
        ...
