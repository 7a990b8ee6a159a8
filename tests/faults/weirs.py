"""`weir up` as a user runs it: a process, a folder of YAML files, and what it records there."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil

from support.waiting import wait_until
from weir_api.launchers import Endpoint
from weir_api.statuses import Job, Rollover, Status
from weir_operator.fleet.store import Key, Store

Value = TypeVar("Value")


class Weir:
    """`weir up DIRECTORY` on a Kafka that is there."""

    def __init__(self, directory: Path, bootstrap_servers: str) -> None:
        self.directory = directory
        self._servers = bootstrap_servers
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start it; again after a kill."""
        command = [str(Path(sys.executable).with_name("weir")), "up", str(self.directory)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--bootstrap-servers", self._servers], stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL to `weir up` and nothing else."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """The last of what it told its terminal."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-30:]) if self._log.exists() else ""

    def close(self) -> None:
        """End every process of this folder, whatever became of the test."""
        if self.alive:
            self.kill()
        for process in list(self._left()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    @property
    def _log(self) -> Path:
        return self.directory.parent / "up.log"

    def _left(self) -> Iterator[psutil.Process]:
        """Launchers of this folder and their JVMs."""
        own = str(self.directory) + os.sep
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if any(part.startswith(own) or f"={own}" in part for part in process.cmdline()):
                    yield process


class Pipeline:
    """A resource's file in the folder, and what is recorded of it. Every wait fails when `weir up` or the job has."""

    def __init__(self, weir: Weir, name: str) -> None:
        self._weir = weir
        self.name = name
        self._store = Store(weir.directory / ".weir" / "objects")

    def write(self, document: str) -> None:
        """Save the file as an editor does: whole."""
        draft = self._weir.directory / f".{self.name}"
        draft.write_text(document)
        draft.replace(self._weir.directory / f"{self.name}.yaml")

    @property
    def status(self) -> Status:
        """What is recorded of the StreamJob; an empty status while there is none."""
        found = self._store.get(Key(kind="StreamJob", name=self.name))
        return found.status if found else Status()

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
            status = self.status
            assert status.phase != "Failed", "it has failed"
            return status if condition(status) else None

        return self._await(held, deadline, what)

    def await_step(self, steps: frozenset[str], deadline: float = 240) -> str:
        """The recorded step of a rollover, the moment it is one of these."""

        def reached() -> str | None:
            rollover = self.status.rollover
            return rollover.step if rollover is not None and rollover.step in steps else None

        return self._await(reached, deadline, f"one of {sorted(steps)}", every=0.002)

    def process(self) -> psutil.Process:
        """The launcher of the running job."""
        assert self.job.revision is not None
        path = self._weir.directory / ".weir" / "revisions" / self.name / self.job.revision / "endpoint.json"
        endpoint = Endpoint.model_validate_json(path.read_bytes())
        process = psutil.Process(endpoint.pid)
        assert abs(process.create_time() - endpoint.started_at) < 1, "the endpoint file is about another process"
        return process

    def _await(self, condition: Callable[[], Value | None], deadline: float, what: str, every: float = 0.1) -> Value:
        def asked() -> Value | None:
            assert self._weir.alive, "weir up has ended"
            return condition()

        try:
            found = wait_until(asked, deadline, f"{self.name}: {what}", every)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._weir.said()}") from None
        assert found is not None
        return found
