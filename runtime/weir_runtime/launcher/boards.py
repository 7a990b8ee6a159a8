"""What is known of this launcher, shared between the thread that works and the one that answers."""

import threading
from collections.abc import Callable
from typing import Final

from weir_api.launchers import Phase, RestorePoint, RevisionAnswer, RevisionConfig, StartRequest

from .records import StartRecord, StartRecords

_READY: Final[frozenset[Phase]] = frozenset({"standby", "ended", "failed"})


class NotReadyError(Exception):
    """A start that cannot be taken now; the message says why."""


class Board:
    """The current answer, the recorded start, and what was asked for. Safe to use from any thread."""

    def __init__(self, config: RevisionConfig, records: StartRecords, record: StartRecord | None) -> None:
        self._changed = threading.Condition()
        self._answer = RevisionAnswer(revision=config.revision, phase="compiling")
        self._plan_only = config.plan_only
        self._records = records
        self._record = record
        self._shutdown = False
        self.restore_points: Callable[[], tuple[RestorePoint, ...]] | None = None

    @property
    def answer(self) -> RevisionAnswer:
        """What GET /v1/revision answers."""
        with self._changed:
            return self._answer

    @property
    def record(self) -> StartRecord | None:
        """The start that was taken last."""
        with self._changed:
            return self._record

    @property
    def shutting_down(self) -> bool:
        """Whether this launcher was asked to end."""
        with self._changed:
            return self._shutdown

    def update(self, **changes: object) -> None:
        """Replaces fields of the answer."""
        with self._changed:
            self._answer = self._answer.model_copy(update=changes)
            self._changed.notify_all()

    def note(self, **changes: object) -> None:
        """Replaces fields of the record, on disk first; raises OSError."""
        with self._changed:
            assert self._record is not None
            record = self._record.model_copy(update=changes)
            self._records.write(record)
            self._record = record

    def start(self, request: StartRequest) -> RevisionAnswer:
        """Takes a start, recorded before anyone acts on it; the same one again changes nothing.

        Raises NotReadyError when it cannot be taken now, OSError when it cannot be recorded.
        """
        with self._changed:
            if self._record is not None and self._record.request == request:
                return self._answer
            if self._plan_only:
                raise NotReadyError("this launcher only plans")
            if self._answer.phase not in _READY:
                raise NotReadyError(f"no start is possible while the phase is {self._answer.phase}")
            if self._record is not None and self._record.request.job_id == request.job_id:
                raise NotReadyError(f"job {request.job_id} was started before, from another place: use a new id")
            record = StartRecord(revision=self._answer.revision, request=request)
            self._records.write(record)
            self._record = record
            self._answer = self._answer.model_copy(update={"phase": "starting", "job": None, "errors": ()})
            self._changed.notify_all()
            return self._answer

    def shutdown(self) -> None:
        """Asks the launcher to end."""
        with self._changed:
            self._shutdown = True
            self._changed.notify_all()

    def wait(self, seconds: float, *, until_starting: bool = False) -> None:
        """Waits for so long at most; ends early for a shutdown, or for a start where that is waited for."""

        def done() -> bool:
            return self._shutdown or (until_starting and self._answer.phase == "starting")

        with self._changed:
            self._changed.wait_for(done, timeout=seconds)
