"""What lies where below the state directory of `weir up`. Paths only; nothing is made or read here."""

from dataclasses import dataclass
from pathlib import Path

from .store import DEFAULT_NAMESPACE, Key


def folder_name(key: Key) -> str:
    """The folder of a StreamJob: its name, with its namespace when that is not the usual one."""
    return key.name if key.namespace == DEFAULT_NAMESPACE else f"{key.namespace}@{key.name}"


@dataclass(frozen=True, slots=True)
class Directories:
    """The state directory, `<DIR>/.weir`."""

    root: Path

    @property
    def objects(self) -> Path:
        """The store's directory."""
        return self.root / "objects"

    @property
    def lock(self) -> Path:
        """Held by the one `weir up` that may write."""
        return self.root / "lock"

    @property
    def broker(self) -> Path:
        """The embedded Kafka's directory."""
        return self.root / "kafka"

    def revisions(self, key: Key) -> Path:
        """The work directories of a StreamJob's revisions."""
        return self.root / "revisions" / folder_name(key)

    def work(self, key: Key, revision: str) -> Path:
        """One revision's config, endpoint, record and log."""
        return self.revisions(key) / revision

    def log(self, key: Key, revision: str) -> Path:
        """What the revision's processes print."""
        return self.work(key, revision) / "log"

    def services(self, key: Key) -> Path:
        """The work directories of the services beside a StreamJob's job."""
        return self.root / "services" / folder_name(key)

    def state(self, key: Key) -> Path:
        """A StreamJob's checkpoints and savepoints."""
        return self.root / "state" / folder_name(key)
