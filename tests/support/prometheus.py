"""A real Prometheus, Debian's, as a process: it scrapes, sends by remote write, and receives."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.waiting import wait_until
from weir_operator.fleet.ports import free_port

DEADLINE = 60.0


@dataclass
class Prometheus:
    """One with a configuration (YAML, which is JSON too) and data of its own; killed at the end."""

    work: Path
    config: Mapping[str, Any]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.work.mkdir(parents=True, exist_ok=True)
        file, program = self.work / "prometheus.yml", binary()
        assert program is not None, "there is no prometheus: make prometheus"
        file.write_text(json.dumps(self.config))
        with (self.work / "log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    program, f"--config.file={file}", f"--storage.tsdb.path={self.work / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
                    "--enable-feature=exemplar-storage,native-histograms", "--log.level=warn",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self._ready, DEADLINE, "Prometheus is ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def query(self, expression: str, at: float) -> dict[str, float]:
        """The series of an instant query, by their labels as text, and their values."""
        arguments = urllib.parse.urlencode({"query": expression, "time": f"{at:.3f}"})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{arguments}", timeout=20) as answer:
            told = json.loads(answer.read())
        return {
            json.dumps(dict(sorted(one["metric"].items()))): float(one["value"][1]) for one in told["data"]["result"]
        }

    def samples(self, selector: str, until: float) -> dict[str, list[tuple[float, str]]]:
        """Every sample of some series that is there, as (time, value)."""
        arguments = urllib.parse.urlencode({"query": f"{selector}[10m]", "time": f"{until:.3f}"})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{arguments}", timeout=20) as answer:
            told = json.loads(answer.read())
        return {
            json.dumps(dict(sorted(one["metric"].items()))): [(at, value) for at, value in one["values"]]
            for one in told["data"]["result"]
        }

    def _ready(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.work / "log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def binary() -> str | None:
    """Where it is; `make prometheus` installs it on Debian."""
    return shutil.which("prometheus")
