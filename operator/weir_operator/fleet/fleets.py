"""What reconcile needs of a place where revisions run: a laptop's processes, or pods."""

from dataclasses import dataclass
from typing import Protocol

from .actions import Action
from .observations import Observation, Watch
from .store import Key


class FleetError(Exception):
    """An action had no effect that can be relied on; it is tried again. The message is for people."""


class RefusedError(FleetError):
    """An action was turned down and the same again would be too (Flink: no such job, not all tasks running)."""


@dataclass(frozen=True, slots=True)
class Locations:
    """Where a StreamJob keeps its state (a URI) and a revision its files (a directory of the launcher's machine)."""

    state_directory: str
    work_directory: str


class Fleet(Protocol):
    """Revisions, their launchers and their jobs. Every call is bounded in time and may be repeated."""

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address for programs that name none."""
        ...

    def locations(self, key: Key, revision: str) -> Locations:
        """Where the revision of this StreamJob lives, whether it is deployed or not."""
        ...

    def observe(self, key: Key, watch: Watch) -> Observation:
        """What is there. Never raises for something that does not answer: that is an observation."""
        ...

    def perform(self, key: Key, action: Action) -> None:
        """Do it. Raises FleetError, RefusedError."""
        ...
