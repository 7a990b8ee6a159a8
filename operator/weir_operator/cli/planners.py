"""A program planned by Flink for once, without running anything: a launcher that compiles, answers and goes."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from weir_api.launchers import Endpoint, RevisionAnswer, RevisionConfig
from weir_api.streamjobs import StreamJobSpec

from ..fleet.launchers import LauncherClient
from ..fleet.local import LauncherEnvironment
from .failures import CommandError

DEADLINE: Final = 120.0
_POLL: Final = 0.1


def planned(
    name: str, namespace: str, spec: StreamJobSpec, servers: str, environment: LauncherEnvironment
) -> RevisionAnswer:
    """What Flink makes of the program: its signature and graph, or its errors. Raises CommandError (failed)."""
    with tempfile.TemporaryDirectory(prefix="weir-plan-") as work:
        config = RevisionConfig(
            namespace=namespace,
            name=name,
            revision="plan",
            program=spec.program,
            runtime=spec.runtime,
            bootstrap_servers=servers,
            state_directory=Path(work, "state").as_uri(),
            work_directory=work,
            plan_only=True,
        )
        Path(work, "config.json").write_text(config.model_dump_json(by_alias=True), encoding="utf-8")
        with _launcher(Path(work), environment) as process:
            return _answer(Path(work), process)


@contextlib.contextmanager
def _launcher(work: Path, environment: LauncherEnvironment) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "weir_runtime.launcher", str(work / "config.json")]
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment.of_process(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it has answered; there is nothing it could lose
        process.wait()


def _answer(work: Path, process: "subprocess.Popen[bytes]") -> RevisionAnswer:
    client = LauncherClient()
    ends = time.monotonic() + DEADLINE
    url = ""
    try:
        while time.monotonic() < ends and process.poll() is None:
            if not url:
                with contextlib.suppress(FileNotFoundError):
                    url = Endpoint.model_validate_json((work / "endpoint.json").read_bytes()).url
            answer = client.revision(url) if url else None
            if answer is not None and answer.phase in {"refused", "standby"}:
                return answer
            time.sleep(_POLL)
    finally:
        client.close()
    last = (work / "log").read_text(errors="replace").strip().splitlines()[-1:] or ["it wrote nothing"]
    raise CommandError.failed(f"Flink did not plan the program: {last[0]}")
