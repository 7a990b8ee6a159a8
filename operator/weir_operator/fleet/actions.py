"""What can be done to the world for one StreamJob. Each may be done again at any time without doing it twice."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from weir_api.launchers import RevisionConfig, StartRequest
from weir_api.services import Service


class _Action(ABC):
    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """What failures of this action are kept under."""


@dataclass(frozen=True, slots=True)
class EnsureTopics(_Action):
    """Make the topics the revision needs; the fleet remembers that they are there."""

    config: RevisionConfig

    @property
    def name(self) -> str:
        return f"topics {self.config.revision}"


@dataclass(frozen=True, slots=True)
class Deploy(_Action):
    """See that the revision's launcher runs.

    Without `config` it is the one the revision was deployed with before. With `go_on` false a launcher that has to be
    started again forgets what it was told to run and only stands by. With `workers` false it need do no more than
    compile: what would run the job's tasks is made by a later Deploy.
    """

    revision: str
    config: RevisionConfig | None = None
    go_on: bool = True
    workers: bool = True

    @property
    def name(self) -> str:
        return f"deploy {self.revision}"


@dataclass(frozen=True, slots=True)
class Recycle(_Action):
    """End the revision's processes and keep its record, so that a later Deploy starts it afresh."""

    revision: str

    @property
    def name(self) -> str:
        return f"recycle {self.revision}"


@dataclass(frozen=True, slots=True)
class Remove(_Action):
    """End the revision's processes and forget it; state stays. It is observed until it is gone, some passes later."""

    revision: str

    @property
    def name(self) -> str:
        return f"remove {self.revision}"


@dataclass(frozen=True, slots=True)
class StopWithSavepoint(_Action):
    """Have Flink save and stop the job: canonical format, no drain, this trigger id, this directory."""

    revision: str
    job_id: str
    trigger_id: str
    target_directory: str

    @property
    def name(self) -> str:
        return f"savepoint {self.trigger_id}"


@dataclass(frozen=True, slots=True)
class TakeSavepoint(_Action):
    """Have Flink save the job, which goes on: canonical format, this trigger id, this directory."""

    revision: str
    job_id: str
    trigger_id: str
    target_directory: str

    @property
    def name(self) -> str:
        return f"savepoint {self.trigger_id}"


@dataclass(frozen=True, slots=True)
class Start(_Action):
    """Tell the revision's launcher to start the job."""

    revision: str
    request: StartRequest

    @property
    def name(self) -> str:
        return f"start {self.request.job_id}"


@dataclass(frozen=True, slots=True)
class Serve(_Action):
    """Have exactly these services run beside the job; None: those that were asked for last."""

    services: tuple[Service, ...] | None = None

    @property
    def name(self) -> str:
        return "services"


@dataclass(frozen=True, slots=True)
class PruneState(_Action):
    """Delete checkpoints of jobs that are no longer needed and all but the newest savepoints.

    The checkpoints of `job_id` and everything in `keep` stay whatever their age.
    """

    job_id: str
    keep: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"prune {self.job_id}"


@dataclass(frozen=True, slots=True)
class RemoveState(_Action):
    """Delete the StreamJob's checkpoints and savepoints, except the one to keep."""

    keep: str | None = None

    @property
    def name(self) -> str:
        return "state"


@dataclass(frozen=True, slots=True)
class Forget(_Action):
    """Remove the StreamJob itself from the store: nothing of it is left to take care of."""

    @property
    def name(self) -> str:
        return "forget"


Action = (
    EnsureTopics
    | Deploy
    | Recycle
    | Remove
    | StopWithSavepoint
    | TakeSavepoint
    | Start
    | Serve
    | PruneState
    | RemoveState
    | Forget
)
