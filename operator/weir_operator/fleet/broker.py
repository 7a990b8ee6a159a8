"""An embedded Kafka: the real broker (KRaft, broker and controller in one) as a process of its own.

It outlives whoever started it. Its directory holds all there is: `broker.json` (which process, which port),
`server.properties`, `log4j2.yaml`, `broker.log`, `data/`. Started again on the same directory it keeps the port, so
that clients and jobs which know its address go on.
"""

import base64
import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from weir_api.base import Model

from . import artifacts, broker_files, java
from .ports import comes_free, free_port

HOST = "127.0.0.1"  # this broker asks nobody who they are: another address only where all who reach it may use it


class BrokerError(RuntimeError):
    """The broker cannot be started or does not answer; the message names the directory, the port or the log."""


class _Ended(BrokerError):
    """The process ended before it answered."""


class PortTaken(BrokerError):
    """Another process listens on the port the broker must have."""


class Record(Model):
    """What is written beside the data, so that a later process finds the broker again."""

    host: str = HOST
    port: int
    pid: int
    created_at: float


@dataclass(frozen=True)
class Broker:
    """A broker that answered when it was started or found."""

    directory: Path
    port: int
    process: psutil.Process
    host: str = HOST

    @property
    def bootstrap_servers(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory / "broker.log"

    def running(self) -> bool:
        """Whether this very process is alive (a reused pid is not it)."""
        return _alive(self.process)

    def stop(self, deadline: float = 30) -> None:
        """End it in order, so that the next start has nothing to repair; kill it after `deadline` seconds."""
        stop(self.process, deadline)


def running(directory: Path) -> Broker | None:
    """The broker that runs on this directory, whoever started it."""
    directory = directory.absolute()
    record = _record(directory)
    if record is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(record.pid)
            if abs(process.create_time() - record.created_at) < 1 and _alive(process):
                return Broker(directory, record.port, process, record.host)
    return _unrecorded(directory)


def _unrecorded(directory: Path) -> Broker | None:
    """A broker whose starter died before it could write down its pid: known by its command line."""
    host, port = broker_files.address(directory) or (HOST, None)
    arguments = broker_files.run_arguments(directory)
    for process in psutil.process_iter(["cmdline"]):
        if port and (process.info["cmdline"] or [])[-2:] == arguments and _alive(process):
            _write_record(directory, Record(host=host, port=port, pid=process.pid, created_at=process.create_time()))
            return Broker(directory, port, process, host)
    return None


def ensure(
    directory: Path,
    port: int | None = None,
    heap_megabytes: int = 512,
    deadline: float = 120,
    progress: artifacts.Progress | None = None,
    *,
    host: str = HOST,
) -> Broker:
    """The broker of this directory, ready to answer: the one that runs, else a new one on the same data and port.

    Without `port`, the one it had before, else a free one. `host` is the address it listens on when it is started.
    `deadline` is seconds from the process's start to its first answer. Raises BrokerError, PortTaken,
    artifacts.ArtifactError, java.JavaNotFound.
    """
    directory = directory.absolute()
    with _alone(directory):
        if (found := running(directory)) is not None:
            if port not in (None, found.port):
                raise BrokerError(f"The broker on {directory} runs with port {found.port}, not {port}: stop it first.")
            # It may be dying just now, killed a moment ago: then a new one takes its place.
            with contextlib.suppress(_Ended):
                return _ready(found, deadline)
        record = _record(directory)
        chosen = port or (record.port if record else None)
        # A port picked here can be taken by somebody else before the broker has it; a port asked for is never changed.
        for attempt in range(3):
            try:
                return _start(directory, (host, chosen or free_port()), heap_megabytes, deadline, progress)
            except PortTaken:
                if chosen or attempt == 2:
                    raise
    raise AssertionError("unreachable")


def stop(process: psutil.Process, deadline: float = 30) -> None:
    """SIGTERM, and SIGKILL after `deadline` seconds; only ever this very process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(deadline)
            return
        process.kill()
        process.wait(10)


def _start(
    directory: Path,
    address: tuple[str, int],
    heap_megabytes: int,
    deadline: float,
    progress: artifacts.Progress | None,
) -> Broker:
    host, port = address
    if not comes_free(host, port, 3):
        raise PortTaken(_taken(host, port))
    runtime = java.java_home()
    jars = artifacts.broker_classpath(progress)
    # The voter is known by its id, so the controller's port may differ at every start.
    broker_files.write(directory, host, port, free_port())
    command = broker_files.command(runtime, jars, directory, heap_megabytes)
    if not (directory / "data" / "meta.properties").exists():  # the last file that formatting writes
        arguments = broker_files.format_arguments(directory, _cluster_id())
        formatting = _spawn([*command, *arguments], directory / "broker.log")
        if formatting.wait(deadline) != 0:
            raise BrokerError(f"Kafka cannot prepare {directory / 'data'}: {_last_error(directory)}")
    process = _spawn([*command, *broker_files.run_arguments(directory)], directory / "broker.log")
    _write_record(directory, Record(host=host, port=port, pid=process.pid, created_at=process.create_time()))
    return _ready(Broker(directory, port, process, host), deadline)


def _cluster_id() -> str:
    """A new cluster's id: a UUID in Kafka's base64. Never one that begins like an option of the command line."""
    while (drawn := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return drawn


def _spawn(command: list[str], log: Path) -> psutil.Process:
    """Run it in a session of its own, so that neither the end of this process nor its Ctrl-C reaches it."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    return psutil.Process(pid)


def _ready(broker: Broker, deadline: float) -> Broker:
    """Wait until the broker answers a client; one that died or stays silent is an error, and is not left behind."""
    ends = time.monotonic() + deadline
    settings = {
        "bootstrap.servers": broker.bootstrap_servers,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 100,
        "log_level": 0,  # a refused connection is what is waited out here, no news
    }
    admin = AdminClient(settings)
    while time.monotonic() < ends:
        if not broker.running():
            reason = _last_error(broker.directory)
            if "Address already in use" in reason:
                raise PortTaken(_taken(broker.host, broker.port))
            raise _Ended(f"Kafka ended while it started: {reason}. Its log: {broker.log}")
        with contextlib.suppress(KafkaException):
            admin.list_topics(timeout=0.5)
            return broker
    broker.stop()
    raise BrokerError(f"Kafka on {broker.bootstrap_servers} did not answer in {deadline:g} s. Its log: {broker.log}")


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        process.wait(0)  # a child of ours that has ended stays a zombie until somebody asks for its exit code
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One starter at a time on a directory; the kernel drops the lock when its holder dies."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise BrokerError(f"The broker's directory {directory} cannot be used: {error.strerror or error}") from error


def _record(directory: Path) -> Record | None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValidationError):
        return Record.model_validate_json((directory / "broker.json").read_bytes())
    return None


def _write_record(directory: Path, record: Record) -> None:
    whole = directory / "broker.json.new"
    whole.write_text(record.model_dump_json(by_alias=True))
    whole.replace(directory / "broker.json")


def _taken(host: str, port: int) -> str:
    return f"Port {port} on {host} is taken by another process; Kafka needs it. Free it or name another port."


def _last_error(directory: Path) -> str:
    """The last error in the broker's log, in one line."""
    with contextlib.suppress(OSError):
        lines = (directory / "broker.log").read_text(errors="replace").splitlines()[-400:]
        errors = [line for line in lines if " ERROR " in line or "Exception" in line or " FATAL " in line]
        if errors or lines:
            return (errors or lines)[-1].strip()[:300]
    return "it wrote nothing"
