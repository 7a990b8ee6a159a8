"""What `weir up` runs for a folder: Kafka, a fleet of processes, and the loop that keeps both as the files say."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from pydantic import ValidationError

from weir_api.resources import Resource
from weir_api.streamjobs import StreamJobSpec

from ..compiler import compile_resource
from ..compiler.shares import SHARINGS
from ..fleet import artifacts, broker, java, ports, secrets, topics
from ..fleet.broker import Broker
from ..fleet.directories import Directories
from ..fleet.followers import KafkaTables
from ..fleet.local import LauncherEnvironment, LocalFleet
from ..fleet.store import Key, Store, StoredObject, StoreError
from ..reconcile.loops import Loop
from ..reconcile.passes import Reconciler
from ..reconcile.resources import STREAMJOB, ResourceReconciler
from ..reconcile.sharing import SharedReconciler
from . import sessions
from .ages import utc_now
from .failures import CommandError
from .sessions import Session
from .tellers import Teller

_POLL: Final = 0.1


@dataclass(frozen=True)
class Settings:
    """How the folder is brought up. Without `servers` it gets a Kafka of its own, on `port` if that is given."""

    folder: Path
    servers: str | None = None
    port: int | None = None


_ITSELF: Final = {"allowedNetworks": ["127.0.0.0/8", "::1/128"]}
_SERVICES: Final = {"dispatcher": _ITSELF, "prometheus_sender": _ITSELF}
"""A laptop's own services are what its user delivers to first; in a cluster they would be the node's."""


@dataclass
class Engine:
    """Start it with the folder's lock held; then `stop`, or `leave` what runs to a later one."""

    settings: Settings
    places: Directories
    teller: Teller
    broker: Broker | None = None
    servers: str = ""
    _fleet: LocalFleet | None = None
    _loop: Loop | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _failure: CommandError | None = None
    _stopping: bool = False

    def __post_init__(self) -> None:
        self.store = Store(self.places.objects)

    def start(self) -> None:
        """Bring Kafka and the loop up at the same time: most of what a pipeline does at its start needs no Kafka yet.

        Raises CommandError.
        """
        with translated():
            environment = self._environment()
            if self.settings.servers is None:
                self._start_broker()
            else:
                self._reach(self.settings.servers)
            self._fleet = LocalFleet(self.places, self.servers, environment, _SERVICES)
            streamjobs = Reconciler(self.store, self._fleet)
            shared = SharedReconciler(
                self.store,
                KafkaTables(self.servers, secrets.in_directory(environment.secrets)),
                SHARINGS,
                self._adjusted,
                woken=self._woken,
            )
            kinds = ResourceReconciler(self.store, self._compiled, shared)
            self._loop = Loop(streamjobs, kinds, self._report)
            self._spawn(self._loop.run, "loop")

    def check(self) -> None:
        """Raises CommandError when something that runs in the background has failed for good."""
        if self._failure is not None:
            raise self._failure
        if self.broker is not None and not self._stopping and not self.broker.running():
            self.teller.problem(f"Kafka has ended; starting it again (its log: {self.broker.log})")
            with translated():
                self.broker = broker.ensure(self.places.broker, self.broker.port)

    def wake(self) -> None:
        """Something in the store has changed."""
        if self._loop is not None:
            self._loop.wake()

    def _woken(self, key: Key) -> None:
        if self._loop is not None:
            self._loop.wake(key)

    def stop(self, deadline: float, meanwhile: Callable[[], None] = lambda: None) -> tuple[str, ...]:
        """Stop every job with a savepoint, then services and Kafka; the names of those that did not stop in time.

        `meanwhile` is called several times a second.
        The files and the resources stay as they are: the next start goes on from these savepoints.
        """
        self._stopping = True
        for job in self._jobs():
            self._suspend(job)
        self.wake()
        ends = time.monotonic() + deadline
        while (left := self._running()) and time.monotonic() < ends:
            meanwhile()
            time.sleep(_POLL)
        meanwhile()
        self._end_loop()
        if self._fleet is not None and not left:
            self._fleet.end_services()
        self.leave()
        if self.broker is not None and not left:
            self.broker.stop()
        return left

    def leave(self) -> None:
        """End the loop; jobs, services and Kafka go on."""
        self._end_loop()
        if self._fleet is not None:
            self._fleet.close()

    def _end_loop(self) -> None:
        if self._loop is not None:
            self._loop.stop()
        for thread in self._threads:
            thread.join()

    def _environment(self) -> LauncherEnvironment:
        with self.teller.downloads("Flink's Kafka connector") as progress:
            jars = artifacts.connector_jars(progress)
        if self.settings.servers is None:
            with self.teller.downloads("Kafka") as progress:
                artifacts.broker_classpath(progress)
        secrets = self.settings.folder / "secrets"
        return LauncherEnvironment(java.java_home(), jars, secrets.absolute() if secrets.is_dir() else None)

    def _start_broker(self) -> None:
        port = self._port()
        self.servers = f"{broker.HOST}:{port}"
        self._record(embedded=True)
        self._spawn(lambda: self._run_broker(port), "kafka")

    def _port(self) -> int:
        """The port jobs know the folder's Kafka by, or the one asked for; a new folder gets a free one."""
        found = broker.running(self.places.broker)
        if found is not None and self.settings.port in {None, found.port}:
            return found.port
        if self.settings.port is not None:
            return self.settings.port
        with contextlib.suppress(OSError, ValidationError):
            return broker.Record.model_validate_json((self.places.broker / "broker.json").read_bytes()).port
        return ports.free_port()

    def _run_broker(self, port: int) -> None:
        began = time.monotonic()
        try:
            with translated():
                self.broker = broker.ensure(self.places.broker, port)
        except CommandError as error:
            self._failure = error
            return
        self.teller.tell(f"Kafka answers at {self.servers} after {time.monotonic() - began:.1f} s")

    def _reach(self, servers: str) -> None:
        """A first look at a Kafka that is not ours. One that was there before may be away for a while."""
        known = sessions.last(self.settings.folder)
        self.servers = servers
        try:
            topics.connect(servers).list_topics(timeout=5)
        except KafkaException as error:
            if known is None or known.bootstrap_servers != servers:
                raise CommandError.unreachable(
                    f"Kafka at {servers} does not answer", "is it up, and is the address right?"
                ) from error
            self.teller.problem(f"Kafka at {servers} does not answer; what runs goes on when it is back")
        self._record(embedded=False)

    def _record(self, embedded: bool) -> None:
        session = Session(pid=os.getpid(), started_at=utc_now(), bootstrap_servers=self.servers, embedded=embedded)
        sessions.record(self.settings.folder, session)

    def _compiled(self, resource: Resource) -> StreamJobSpec:
        return self._adjusted(compile_resource(resource))

    def _adjusted(self, spec: StreamJobSpec) -> StreamJobSpec:
        """What is to run; while we stop, suspended."""
        return spec.model_copy(update={"suspended": True}) if self._stopping else spec

    def _suspend(self, job: StoredObject) -> None:
        """For jobs written by hand, and those of resources that do not compile just now: nobody else rewrites them."""
        with contextlib.suppress(StoreError):
            metadata = job.metadata
            self.store.apply(
                job.key,
                {**job.spec, "suspended": True},
                annotations=metadata.annotations,
                labels=metadata.labels,
                owners=metadata.owner_references,
            )

    def _jobs(self) -> tuple[StoredObject, ...]:
        return self.store.list(STREAMJOB, unreadable=lambda _: None)

    def _running(self) -> tuple[str, ...]:
        """The StreamJobs of which any process is left, or that are still to be deleted."""
        return tuple(job.metadata.name for job in self._jobs() if job.deleting or self._deployed(job.key))

    def _deployed(self, key: Key) -> bool:
        return any(self.places.revisions(key).glob("*/config.json"))

    def _report(self, key: Key | None, error: Exception) -> None:
        self.teller.problem(f"{key.name}: {error}" if key is not None else str(error))

    def _spawn(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what fleet raises into a command's end."""
    try:
        yield
    except broker.PortTaken as error:
        raise CommandError.unavailable(_text(error), "`weir up --port` names another") from error
    except (broker.BrokerError, artifacts.ArtifactError, java.JavaNotFound) as error:
        raise CommandError.failed(_text(error)) from error


def _text(error: Exception) -> str:
    return str(error).rstrip(".")
