"""What is seen of one StreamJob: processes, launchers' answers, Flink's jobs, savepoints on disk. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from weir_api.launchers import RestorePoint, RevisionAnswer
from weir_api.statuses import Records

ENDED: Final = frozenset({"FINISHED", "FAILED", "CANCELED"})
"""Flink's states from which a job never comes back by itself."""


@dataclass(frozen=True, slots=True)
class JobObservation:
    """A job as Flink's REST API shows it."""

    id: str
    state: str
    started_at: datetime | None = None
    running_since: datetime | None = None
    """When the last of its tasks began to run; None unless all of them do."""
    ended_at: datetime | None = None
    checkpoints: int = 0
    """Completed by this run of the job, without what it was restored from."""
    restarts: int = 0
    """By Flink itself, within this process."""
    records: Records | None = None
    """As Flink counts them: from zero at each start of the process. None when not asked for."""


@dataclass(frozen=True, slots=True)
class RevisionObservation:
    """A deployed revision. `answer` is None while its launcher does not answer (yet)."""

    revision: str
    alive: bool
    spawned_at: datetime
    starts: int = 1
    quick_exits: int = 0
    """How often in a row its process ended soon after it was started."""
    answer: RevisionAnswer | None = None
    job: JobObservation | None = None
    log_tail: str = ""
    """The last lines of its log when it is dead."""
    trouble: str = ""
    """Why whoever keeps its processes up cannot, in words: an image that cannot be pulled, one crash after another."""
    complete: bool = True
    """Whether nothing of what a Deploy makes is missing."""


@dataclass(frozen=True, slots=True)
class SavepointObservation:
    """What Flink says of a trigger id; `unknown` also when it has forgotten it or does not answer."""

    state: Literal["unknown", "inProgress", "completed", "failed"]
    location: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServiceObservation:
    """A service that was asked for. `digest`: of the Service it was asked for with."""

    name: str
    digest: str
    replicas: int
    ready: int = 0
    """How many of the replicas can do their work."""
    url: str | None = None
    complete: bool = True
    """Whether nothing of what a Serve makes is missing, or dead."""
    trouble: str = ""
    """Why not all are ready, in words, as far as anybody knows."""


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is seen of one StreamJob in one pass."""

    revisions: tuple[RevisionObservation, ...] = ()
    savepoint: SavepointObservation | None = None
    points: tuple[RestorePoint, ...] = ()
    """Complete savepoints and checkpoints on disk, newest first."""
    points_known: bool = True
    """Whether `points` could be looked at; otherwise it says nothing."""
    topics_ready: frozenset[str] = frozenset()
    """Revisions whose topics were seen to be there."""
    services: tuple[ServiceObservation, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    """Why actions did not succeed when they were last tried, by the action's name."""
    refused: frozenset[str] = frozenset()
    """Of those, the ones that were turned down for good: trying the same again is of no use."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What to look at beyond processes and launchers."""

    trigger: tuple[str, str, str] | None = None
    """(revision, job id, trigger id) of the savepoint under way."""
    records: bool = False
    """Also count records: some more requests, so only when nothing is in a hurry."""
    points: bool = False
    """Restore points are needed even where looking at them is work of its own, because no launcher answers."""

    @property
    def brief(self) -> bool:
        """Whether only the state of jobs matters: every request adds to the time without one."""
        return self.trigger is not None
