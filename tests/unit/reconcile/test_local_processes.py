"""Real processes: found again, never mistaken for another, and gone only when all of them are."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.waiting import wait_until
from weir_operator.fleet import processes
from weir_operator.fleet.locks import DirectoryInUseError, exclusive
from weir_operator.fleet.processes import ProcessRecord
from weir_operator.fleet.store import utc_now

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('up', flush=True); time.sleep(600)"  # noqa: E501


def record_of(process: psutil.Process) -> ProcessRecord:
    return ProcessRecord(pid=process.pid, created=process.create_time(), spawned_at=utc_now())


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[ProcessRecord]:
    """A process with a child, as a launcher with its JVM."""
    log = tmp_path / "log"
    record = record_of(processes.spawn([sys.executable, "-c", PARENT], os.environ, log))
    wait_until(lambda: "up" in log.read_text(), 30, "the process is up")
    yield record
    with contextlib.suppress(ProcessLookupError):
        os.killpg(record.pid, signal.SIGKILL)


def test_a_process_is_itself_only_with_its_creation_time(parent: ProcessRecord) -> None:
    assert processes.is_leader_alive(parent)
    stranger = parent.model_copy(update={"created": parent.created - 10})
    assert not processes.is_leader_alive(stranger)
    assert processes.members(stranger) == ()
    processes.signal_group(stranger, signal.SIGKILL)
    assert processes.is_leader_alive(parent)


def test_a_child_that_outlives_its_parent_is_still_there(parent: ProcessRecord) -> None:
    wait_until(lambda: len(processes.members(parent)) == 2, 10, "both run")
    os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not processes.is_leader_alive(parent), 10, "the parent is dead")
    assert len(processes.members(parent)) == 1
    processes.signal_group(parent, signal.SIGKILL)
    wait_until(lambda: processes.members(parent) == (), 10, "all are dead")


def test_a_process_is_found_by_its_command(parent: ProcessRecord) -> None:
    found = processes.find([sys.executable, "-c", PARENT])
    assert found is not None and found.pid == parent.pid
    assert processes.find([sys.executable, "-c", PARENT + " "]) is None


def test_the_second_on_a_directory_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    lock = tmp_path / ".weir" / "lock"
    script = (
        "import sys; from pathlib import Path; from weir_operator.fleet.locks import exclusive\n"
        f"with exclusive(Path({str(lock)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(DirectoryInUseError, match=rf"pid {holder.pid}\)"), exclusive(lock):
            pass
        holder.kill()
        holder.wait()
        with exclusive(lock):
            assert lock.read_text() == f"{os.getpid()}\n"
