"""A service beside a job as a process, on real Kafka."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from weir_api.launchers import Endpoint
from weir_api.services import Service, ServiceConfig

from .waiting import wait_until

DEADLINE = 60.0


@dataclass
class Running:
    """A service as a process; killed at the end."""

    servers: str
    work: Path
    program: str
    settings: Mapping[str, Any]
    name: str = "metrics"
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)

    def start(self, *, ready: bool = True) -> None:
        """Returns when it is ready, or answers at all."""
        self.work.mkdir(parents=True, exist_ok=True)
        service = Service(name="one", program=self.program, settings=json.dumps(dict(self.settings)))
        config = ServiceConfig(
            namespace=self.work.name, name=self.name, service=service, bootstrap_servers=self.servers,
            work_directory=str(self.work),
        )  # fmt: skip
        file = self.work / "service.json"
        file.write_text(config.model_dump_json(by_alias=True))
        (self.work / "endpoint.json").unlink(missing_ok=True)
        environment = os.environ | {"WEIR_SECRETS_DIR": str(self.work / "secrets")}
        with (self.work / "log").open("a") as log:
            command = [sys.executable, "-m", f"weir_runtime.services.{self.program}", str(file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait_until(lambda: self._answers(ready=ready), DEADLINE, f"{self.program} is ready", every=0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    @property
    def url(self) -> str:
        return Endpoint.model_validate_json((self.work / "endpoint.json").read_text()).url

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def metric(self, series: str) -> float:
        """A number it tells of itself; 0 when it does not."""
        lines = (line.rpartition(" ") for line in self.get("/metrics").splitlines())
        return next((float(number) for name, _, number in lines if name == series), 0.0)

    def log(self) -> str:
        return (self.work / "log").read_text()

    def secret(self, name: str, **keys: str) -> None:
        """A secret as it is mounted."""
        folder = self.work / "secrets" / name
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in keys.items():
            (folder / key).write_text(value)

    def seconds(self) -> tuple[float, int]:
        """Processor time so far, and memory in bytes."""
        assert self.process is not None
        own = psutil.Process(self.process.pid)
        times = own.cpu_times()
        return times.user + times.system, own.memory_info().rss

    def _answers(self, *, ready: bool) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-2000:]
        if not (self.work / "endpoint.json").exists():
            return False
        try:
            self.get("/readyz" if ready else "/healthz")
        except urllib.error.HTTPError as error:
            with error:
                return False
        return True
