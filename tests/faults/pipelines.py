"""A resource under test, wherever it runs: written as a user does, and waited for by its status."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

from support.waiting import wait_until
from weir_api.statuses import ConditionType, Job, Rollover, Status


class Pipeline(ABC):
    """Every wait fails at once when the job has failed, or who looks after it has ended."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def write(self, document: str) -> None:
        """Make this what is wanted."""

    @property
    @abstractmethod
    def status(self) -> Status:
        """What is recorded of the StreamJob; an empty status while there is none."""

    @abstractmethod
    def check(self) -> None:
        """Raises AssertionError when nothing can come any more."""

    @property
    def rollover(self) -> Rollover:
        """The rollover on record."""
        rollover = self.status.rollover
        assert rollover is not None
        return rollover

    @property
    def job(self) -> Job:
        """The job in effect."""
        job = self.status.job
        assert job is not None
        return job

    def await_running(self, other_than: str | None = None, deadline: float = 240) -> Status:
        """The status once a revision other than `other_than` runs and is stable."""

        def stable(status: Status) -> bool:
            settled = status.phase == "Running" and status.rollover is not None and status.rollover.step == "Done"
            return settled and status.revision != other_than

        return self.await_status(stable, deadline, f"a revision other than {other_than} to run")

    def await_status(self, condition: Callable[[Status], bool], deadline: float, what: str) -> Status:
        """The first status for which the condition holds."""

        def held() -> Status | None:
            self.check()
            status = self.status
            assert status.phase != "Failed", "it has failed"
            return status if condition(status) else None

        found = wait_until(held, deadline, f"{self.name}: {what}")
        assert found is not None
        return found

    def await_condition(self, kind: ConditionType, wanted: Literal["True", "False"], deadline: float = 240) -> Status:
        """The first status in which this condition is what is wanted."""

        def is_so(status: Status) -> bool:
            found = status.condition(kind)
            return found is not None and found.status == wanted

        return self.await_status(is_so, deadline, f"{kind} to be {wanted}")

    def await_step(self, steps: frozenset[str], deadline: float = 240) -> str:
        """The recorded step of a rollover, the moment it is one of these."""

        def reached() -> str | None:
            self.check()
            rollover = self.status.rollover
            return rollover.step if rollover is not None and rollover.step in steps else None

        found = wait_until(reached, deadline, f"{self.name}: one of {sorted(steps)}", 0.002)
        assert found is not None
        return found
