"""`weir up` as a user runs it: a process, a folder of YAML files, and what it records there."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from faults.pipelines import Pipeline
from weir_api.launchers import Endpoint
from weir_api.statuses import Status
from weir_operator.fleet.store import Key, Store


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


class LocalPipeline(Pipeline):
    """A resource's file in the folder, and what is recorded of it."""

    def __init__(self, weir: Weir, name: str) -> None:
        super().__init__(name)
        self._weir = weir
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

    def check(self) -> None:
        """Fails when `weir up` has ended."""
        assert self._weir.alive, f"weir up has ended\n{self._weir.said()}"

    def process(self) -> psutil.Process:
        """The launcher of the running job."""
        assert self.job.revision is not None
        path = self._weir.directory / ".weir" / "revisions" / self.name / self.job.revision / "endpoint.json"
        endpoint = Endpoint.model_validate_json(path.read_bytes())
        process = psutil.Process(endpoint.pid)
        assert abs(process.create_time() - endpoint.started_at) < 1, "the endpoint file is about another process"
        return process
