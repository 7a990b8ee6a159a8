"""Application mode with the commands Kubernetes runs: a JobManager whose main() is the launcher, and a TaskManager."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from weir_api.launchers import RevisionConfig

from .configs import config, tables
from .processes import LauncherProcess
from .test_rollovers import events, produce, running, wait_for_rows

TopicFactory = Callable[..., str]

# Several JVMs start in turn, each taking fifteen seconds of one core's time.
pytestmark = pytest.mark.timeout(600)

JOB, NEXT = "a" * 32, "b" * 32


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def places() -> list[str]:
    rpc, rest = free_ports(2)
    hosts = ["jobmanager.rpc.address", "jobmanager.bind-host", "taskmanager.host", "taskmanager.bind-host"]
    found = dict.fromkeys([*hosts, "rest.address", "rest.bind-address"], "127.0.0.1")
    found |= {"jobmanager.rpc.port": str(rpc), "rest.port": str(rest), "rest.bind-port": str(rest)}
    return [part for name, value in found.items() for part in ("--set", f"{name}={value}")]


def command(role: str, revision: RevisionConfig, settings: Sequence[str]) -> list[str]:
    work = Path(revision.work_directory)
    module = [sys.executable, "-m", "weir_runtime.launcher.application", role]
    return [*module, str(work / "config.json"), str(work / role), *settings]


@contextlib.contextmanager
def task_manager(arguments: list[str], work: Path, environment: dict[str, str]) -> Iterator[None]:
    with (work / "taskmanager.log").open("w") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_standby_start_kill_of_the_jobmanager_savepoint_and_start_from_it(
    kafka: str, topic: TopicFactory, jars: tuple[Path, ...], tmp_path: Path
) -> None:
    source, sums = topic("in"), topic("sums")
    revision = config(tmp_path, servers=kafka, statements=tables(source, sums, "unused"))
    revision = revision.model_copy(update={"warm_up": True})
    settings = places()
    jobmanager = command("jobmanager", revision, settings)
    first, second, third = events(0, 500), events(500, 1000), events(1000, 1500)

    with contextlib.ExitStack() as stack:
        with LauncherProcess(revision, jars, jobmanager) as launcher:
            # Without a TaskManager there are no slots, and it does not pretend to stand by.
            launcher.wait_for("waitingForSlots")
            environment = psutil.Process(launcher.process.pid).environ()
            arguments = command("taskmanager", revision, settings)
            stack.enter_context(task_manager(arguments, launcher.work, environment))
            launcher.wait_for("standby")
            assert "warmed up in" in (launcher.work / "log").read_text()
            produce(kafka, source, first)
            launcher.start(JOB)
            wait_for_rows(kafka, sums, "total", running(first, int))
            produce(kafka, source, second)
            python = launcher.kill()
        _, alive = psutil.wait_procs(python, timeout=30)
        assert not alive

        with LauncherProcess(revision, jars, jobmanager) as launcher:
            answer = launcher.wait_for("running")
            assert answer.job is not None
            assert answer.job.id == JOB
            assert f"/checkpoints/{JOB}/chk-" in (answer.job.restored_from or "")
            wait_for_rows(kafka, sums, "total", running([*first, *second], int))
            savepoint = launcher.stop_with_savepoint(JOB, f"{revision.state_directory}/savepoints/1")
            launcher.wait_for("ended")
            produce(kafka, source, third)
            launcher.start(NEXT, savepoint)
            launcher.wait_for("running")
            wait_for_rows(kafka, sums, "total", running([*first, *second, *third], int))
            launcher.shutdown()
            launcher.process.wait(60)
