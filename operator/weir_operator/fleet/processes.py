"""Processes that outlive us: started in a session of their own, found again by pid and creation time."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import psutil
from pydantic import ValidationError

from weir_api.base import Model

from .store import write_atomically

_CLOCK_TICK = 0.05  # seconds by which two readings of a creation time may differ
_LONGEST_LOG = 64 * 1024 * 1024


class ProcessRecord(Model):
    """The process a revision runs in; it leads a process group of its own."""

    pid: int
    created: float
    spawned_at: datetime
    starts: int = 1
    quick_exits: int = 0


def read_record(path: Path) -> ProcessRecord | None:
    """The record; None when there is none that can be used."""
    try:
        return ProcessRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(path: Path, record: ProcessRecord) -> None:
    """Raises WriteError."""
    write_atomically(path, record.model_dump_json(by_alias=True) + "\n")


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> psutil.Process:
    """Start it detached from us, its output going to the end of `log`. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LONGEST_LOG:
            log.replace(log.with_name(log.name + ".1"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
        )
    child.returncode = 0  # it is meant to outlive this handle: without this Popen warns when it is collected
    return psutil.Process(child.pid)


def find(command: Sequence[str]) -> psutil.Process | None:
    """The living process that was started with exactly this command by the same user."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[1:] == list(command[1:]) and not _zombie(process):
                return process
    return None


def is_leader_alive(record: ProcessRecord) -> bool:
    """Whether the very process on record still runs."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)  # ours to bury when we started it
    try:
        process = psutil.Process(record.pid)
        return abs(process.create_time() - record.created) <= _CLOCK_TICK and not _zombie(process)
    except psutil.Error:
        return False


def members(record: ProcessRecord) -> tuple[psutil.Process, ...]:
    """What still runs of the record's process group; empty when another process has its number by now."""
    try:
        if abs(psutil.Process(record.pid).create_time() - record.created) > _CLOCK_TICK:
            return ()
    except psutil.Error:
        pass  # the leader is gone; as long as its group is not, no other process can get its number
    return tuple(process for process in psutil.process_iter() if _group(process) == record.pid and not _zombie(process))


def signal_leader(record: ProcessRecord, number: signal.Signals) -> None:
    """Signal the process on record, if it still is that one."""
    if is_leader_alive(record):
        with contextlib.suppress(psutil.Error):
            psutil.Process(record.pid).send_signal(number)


def signal_group(record: ProcessRecord, number: signal.Signals) -> None:
    """Signal all of the group, if it is still the record's."""
    for process in members(record):
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _group(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except OSError:
        return -1


def _zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True
