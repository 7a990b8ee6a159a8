"""`weir up` as a user runs it: a process, a folder of YAML files, and what it records there."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil

from support.waiting import wait_until
from weir_api.launchers import Endpoint
from weir_api.statuses import Rollover, Status
from weir_operator.fleet.store import Key, Store

Value = TypeVar("Value")


class Weir:
    """`weir up DIRECTORY` for one Pattern."""

    def __init__(self, directory: Path, name: str, bootstrap_servers: str) -> None:
        self.directory = directory
        self._name = name
        self._servers = bootstrap_servers
        self._store = Store(directory / ".weir" / "objects")
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start it; again after a kill."""
        command = [str(Path(sys.executable).with_name("weir")), "up", str(self.directory)]
        with (self.directory.parent / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--bootstrap-servers", self._servers], stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL to `weir up` and nothing else."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def down(self, deadline: float = 120) -> None:
        """Ctrl-C: everything stops with a savepoint."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(deadline)

    def write(self, document: str) -> None:
        """Save the resource's file as an editor does: whole."""
        draft = self.directory / ".draft"
        draft.write_text(document)
        draft.replace(self.directory / f"{self._name}.yaml")

    @property
    def status(self) -> Status:
        """What is recorded of the StreamJob; an empty status while there is none."""
        found = self._store.get(Key(kind="StreamJob", name=self._name))
        return found.status if found else Status()

    @property
    def rollover(self) -> Rollover:
        """The rollover on record."""
        rollover = self.status.rollover
        assert rollover is not None
        return rollover

    def await_running(self, other_than: str | None = None, deadline: float = 180) -> Status:
        """The status once a revision other than `other_than` runs and is stable."""

        def stable() -> Status | None:
            status = self.status
            settled = status.phase == "Running" and status.rollover is not None and status.rollover.step == "Done"
            return status if settled and status.revision != other_than else None

        return self._await(stable, deadline, f"a revision other than {other_than} to run")

    def await_refused(self, deadline: float = 180) -> Status:
        """The status once the change is refused for the state it would lose."""

        def refused() -> Status | None:
            status = self.status
            safe = status.condition("StateSafe")
            return status if safe is not None and safe.status == "False" else None

        return self._await(refused, deadline, "the change to be refused")

    def await_step(self, steps: frozenset[str], deadline: float = 180) -> str:
        """The recorded step of a rollover, the moment it is one of these."""

        def reached() -> str | None:
            rollover = self.status.rollover
            return rollover.step if rollover is not None and rollover.step in steps else None

        return self._await(reached, deadline, f"one of {sorted(steps)}", every=0.002)

    def await_phase(self, phase: str, deadline: float = 180) -> None:
        """Until the phase is on record."""
        self._await(lambda: self.status.phase == phase, deadline, phase)

    def job_process(self) -> psutil.Process:
        """The launcher of the running job."""
        job = self.status.job
        assert job is not None and job.revision is not None
        path = self.directory / ".weir" / "revisions" / self._name / job.revision / "endpoint.json"
        endpoint = Endpoint.model_validate_json(path.read_bytes())
        process = psutil.Process(endpoint.pid)
        assert abs(process.create_time() - endpoint.started_at) < 1, "the endpoint file is about another process"
        return process

    def _await(self, condition: Callable[[], Value | None], deadline: float, what: str, every: float = 0.1) -> Value:
        def asked() -> Value | None:
            assert self._process is None or self._process.poll() is None, f"weir up has ended: {self.log()}"
            return condition()

        try:
            found = wait_until(asked, deadline, what, every)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None
        assert found is not None
        return found

    def log(self) -> str:
        """The last of what `weir up` said."""
        path = self.directory.parent / "up.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:]) if path.exists() else ""

    def close(self) -> None:
        """End every process of this folder, whatever became of the test."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        for process in list(self._left()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _left(self) -> Iterator[psutil.Process]:
        """Launchers of this folder and their JVMs."""
        own = str(self.directory) + os.sep
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if any(part.startswith(own) or f"={own}" in part for part in process.cmdline()):
                    yield process
