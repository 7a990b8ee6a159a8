"""Launchers as processes, talked to as the fleet does."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from support.waiting import wait_until
from weir_api.launchers import Endpoint, Phase, RestorePoints, RevisionAnswer, RevisionConfig, StartRequest

DEADLINE = 240.0


class Refused(Exception):
    """An HTTP answer that is no success: its status and its body."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status


def request(url: str, body: object = None) -> bytes:
    """GET without a body, POST with one; raises Refused."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        with error:
            raise Refused(error.code, error.read().decode()) from error


class LauncherProcess:
    """A launcher run from a config, or with `command` in the JobManager which that starts. Killed at the end."""

    def __init__(self, config: RevisionConfig, jars: Sequence[Path], command: Sequence[str] = ()) -> None:
        self.work = Path(config.work_directory)
        self.work.mkdir(parents=True, exist_ok=True)
        file = self.work / "config.json"
        file.write_text(config.model_dump_json(by_alias=True))
        (self.work / "endpoint.json").unlink(missing_ok=True)
        environment = os.environ | {"WEIR_JARS": ":".join(map(str, jars))}
        with (self.work / "log").open("a") as log:
            self.process = subprocess.Popen(
                list(command) or [sys.executable, "-m", "weir_runtime.launcher", str(file)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What it had started ends by itself, a moment later: until then it writes where the next may clear up.
        _, left = psutil.wait_procs(self.kill(), timeout=30)
        for process in left:
            process.kill()

    def kill(self) -> list[psutil.Process]:
        """kill -9; returns the processes it had started."""
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        self.process.kill()
        self.process.wait()
        return children

    @property
    def endpoint(self) -> Endpoint:
        path = self.work / "endpoint.json"

        def written() -> bool:
            assert self.process.poll() is None, f"the launcher ended: {(self.work / 'log').read_text()[-3000:]}"
            return path.exists()

        wait_until(written, DEADLINE, "the launcher writes where it answers")
        return Endpoint.model_validate_json(path.read_text())

    def answer(self) -> RevisionAnswer:
        return RevisionAnswer.model_validate_json(request(f"{self.endpoint.url}/v1/revision"))

    def wait_for(self, *phases: Phase) -> RevisionAnswer:
        """The answer once it is in one of these phases."""

        def reached() -> RevisionAnswer | None:
            answer = self.answer()
            assert answer.phase not in {"failed", "refused"} - set(phases), answer.errors
            return answer if answer.phase in phases else None

        answer = wait_until(reached, DEADLINE, f"phase {' or '.join(phases)}")
        assert answer is not None
        return answer

    def start(self, job_id: str, restore_from: str | None = None) -> RevisionAnswer:
        body = StartRequest(job_id=job_id, restore_from=restore_from).document()
        return RevisionAnswer.model_validate_json(request(f"{self.endpoint.url}/v1/start", body))

    def shutdown(self) -> None:
        request(f"{self.endpoint.url}/v1/shutdown", {})

    def restore_points(self) -> RestorePoints:
        return RestorePoints.model_validate_json(request(f"{self.endpoint.url}/v1/restore-points"))

    def stop_with_savepoint(self, job_id: str, directory: str) -> str:
        """Stops the job as the operator does, over Flink's REST API; returns the savepoint's place."""
        url = self.answer().flink_url
        body = {"targetDirectory": directory, "drain": False, "formatType": "CANONICAL", "triggerId": "f" * 32}
        request(f"{url}/jobs/{job_id}/stop", body)

        def location() -> str | None:
            operation = json.loads(request(f"{url}/jobs/{job_id}/savepoints/{'f' * 32}")).get("operation") or {}
            assert "failure-cause" not in operation, operation
            found: str | None = operation.get("location")
            return found

        saved = wait_until(location, DEADLINE, "the savepoint is complete")
        assert saved is not None
        return saved
