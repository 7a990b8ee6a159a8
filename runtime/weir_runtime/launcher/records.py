"""What a launcher was told and what became of it: `<work_directory>/start.json`, written before anything is done."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from weir_api.base import Model
from weir_api.files import write_atomically
from weir_api.launchers import StartRequest


class StartRecord(Model):
    """The last accepted start; `outcome` is set once Flink's job has ended for good."""

    revision: str
    request: StartRequest
    outcome: Literal["ended", "failed"] | None = None
    error: str = ""
    checkpointed: bool = False
    """Whether the job has completed a checkpoint: from then on it must never start again without one."""


class UnreadableRecordError(Exception):
    """The record is there but cannot be read; starting without knowing it could run a job twice."""


class StartRecords:
    """The record of one work directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "start.json"

    def read(self, revision: str) -> StartRecord | None:
        """The record, or None when nothing was started here; raises UnreadableRecordError."""
        try:
            record = StartRecord.model_validate_json(self._path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise UnreadableRecordError(f"{self._path} cannot be read: {error}") from error
        if record.revision != revision:
            raise UnreadableRecordError(f"{self._path} is of revision {record.revision}, not of {revision}")
        return record

    def write(self, record: StartRecord) -> None:
        """Stores the record so that it is there, whole, even after power is lost; raises OSError."""
        write_atomically(self._path, record.model_dump_json(by_alias=True))
