"""A process for each work directory: started, found again after we were killed, and ended."""

import signal
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from weir_api.launchers import Endpoint

from . import processes
from .processes import ProcessRecord
from .store import utc_now

QUICK: Final = timedelta(seconds=30)  # a process that ends sooner did not get as far as doing any work
_PATIENCE: Final = 5.0  # seconds for a process to end by itself before it is killed
_RECORD: Final = "process.json"


class Keeper:
    """Keeps what `command` makes of a work directory, which has to be unlike any other's, running in it."""

    def __init__(self, command: Callable[[Path], list[str]], environment: Callable[[], Mapping[str, str]]) -> None:
        self._command, self._environment = command, environment
        self._ending: dict[Path, float] = {}

    def record(self, work: Path) -> ProcessRecord | None:
        """The process on record, or one that was started just before we were killed and could not record it."""
        record = processes.read_record(work / _RECORD)
        if record is not None and record.pid:
            return record
        found = processes.find(self._command(work))
        if found is None:
            return record
        known = record or ProcessRecord(pid=0, created=0, spawned_at=utc_now())
        adopted = known.model_copy(update={"pid": found.pid, "created": found.create_time()})
        processes.write_record(work / _RECORD, adopted)
        return adopted

    def url(self, work: Path, record: ProcessRecord) -> str | None:
        """Where it says that it answers; None while what it says is another process's."""
        try:
            endpoint = Endpoint.model_validate_json((work / "endpoint.json").read_bytes())
        except (OSError, ValidationError):
            return None
        return endpoint.url if endpoint.pid == record.pid else None

    def alive(self, work: Path, record: ProcessRecord) -> bool:
        """Whether anything of it runs. What it leaves behind when it dies is nobody's any more and goes too."""
        if not record.pid:
            return False
        if processes.is_leader_alive(record):
            return True
        rest = processes.members(record)
        for process in rest:
            process.kill()
        if not rest:
            self._ending.pop(work, None)
        return bool(rest)

    def start(self, work: Path) -> None:
        """Start it; its output goes to `log` in the work directory. Raises OSError, WriteError."""
        record = self.record(work)
        now = utc_now()
        quick = record is not None and now - record.spawned_at < QUICK
        spawned = ProcessRecord(
            pid=0,  # until it is known: whoever reads this has to look for the process by its command
            created=0,
            spawned_at=now,
            starts=record.starts + 1 if record else 1,
            quick_exits=record.quick_exits + 1 if record and quick else 0,
        )
        processes.write_record(work / _RECORD, spawned)
        process = processes.spawn(self._command(work), self._environment(), work / "log")
        found = {"pid": process.pid, "created": process.create_time()}
        processes.write_record(work / _RECORD, spawned.model_copy(update=found))

    def end(self, work: Path) -> bool:
        """Ask it to end, and kill it when it takes too long. Whether all of it is gone."""
        record = self.record(work)
        if record is None or not self.alive(work, record):
            return True
        asked = self._ending.get(work)
        if asked is None:
            self._ending[work] = time.monotonic()
            processes.signal_leader(record, signal.SIGTERM)
        elif time.monotonic() - asked > _PATIENCE:
            processes.signal_group(record, signal.SIGKILL)
        return False
