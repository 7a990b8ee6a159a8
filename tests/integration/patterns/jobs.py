"""Bounded Flink jobs over what is in Kafka or in a file now, in a process of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weir_operator.fleet import artifacts, java

_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx768m"
"""Most of such a job is class loading and generated code: the best compiler would only be in the way."""
_SCRIPT = Path(__file__).with_name("bounded_job.py")


@dataclass(frozen=True)
class Job:
    """SQL to run in one job that ends when its input does."""

    statements: Sequence[str]
    inserts: Sequence[str]
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, directory: Path, timeout: float = 280) -> None:
        """Runs it to its end; fails the test with Flink's message."""
        jars = ";".join(jar.as_uri() for jar in artifacts.connector_jars())
        settings = {"table.local-time-zone": "UTC", "parallelism.default": "1", "pipeline.jars": jars, **self.settings}
        path = directory / "job.json"
        content = {"statements": list(self.statements), "inserts": list(self.inserts), "settings": settings}
        path.write_text(json.dumps(content))
        environment = os.environ | {"JAVA_HOME": str(java.java_home()), "JVM_ARGS": _SHORT_LIVED}
        done = subprocess.run(
            [sys.executable, str(_SCRIPT), str(path)],
            env=environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, "\n".join(
            line[:800] for line in done.stderr.splitlines() if not line.startswith("\tat ")
        )[-6000:]


def bounded(statement: str, servers: str) -> str:
    """A statement of a program, with the variables filled in and sources that end at what is there now."""
    statement = statement.replace("${weir:bootstrapServers}", servers)
    return statement.replace("'scan.startup.mode' =", "'scan.bounded.mode' = 'latest-offset',\n  'scan.startup.mode' =")
