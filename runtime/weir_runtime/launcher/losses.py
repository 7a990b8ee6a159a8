"""When a launcher can do nothing more here, and has to be started again."""

import time
from dataclasses import dataclass
from typing import Final

from .flink_rest import FlinkRest, Job

_ALONE_SECONDS: Final = 5.0


class LostError(Exception):
    """The JVM, all that runs tasks in it, or the process that started us is gone: nothing can be done here any more."""


@dataclass
class Alone:
    """Tells when there is no TaskManager for a job that does not run, in a cluster that gets no other.

    A task that fails while it is closed takes its TaskManager along. The job then waits for slots for ever; this
    process started again goes on from the last checkpoint.
    """

    rest: FlinkRest
    heals: bool
    since: float | None = None
    """When the job ceased to run, or was last looked at."""

    def check(self, job: Job, job_id: str) -> None:
        """Raises LostError, with what the job failed for, and FlinkRestError."""
        if self.heals or job.all_running:
            self.since = None
            return
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        if now - self.since <= _ALONE_SECONDS:
            return
        self.since = now
        if self.rest.overview().task_managers == 0:
            raise LostError(f"Flink's TaskManager has ended with a task: {self.rest.root_cause(job_id)}")
