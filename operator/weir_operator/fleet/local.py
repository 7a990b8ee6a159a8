"""Revisions as processes of this machine: a launcher each, found again after we were killed and started anew."""

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

from pydantic import ValidationError

from weir_api.launchers import RevisionAnswer, RevisionConfig

from . import jobs, metrics, processes, secrets, snapshots
from .actions import (
    Action,
    Deploy,
    EnsureTopics,
    Forget,
    PruneState,
    Recycle,
    Remove,
    RemoveState,
    Serve,
    Start,
    StopWithSavepoint,
    TakeSavepoint,
)
from .directories import Directories
from .fleets import FleetError, Locations, RefusedError
from .flink import FlinkClient
from .keepers import QUICK, Keeper
from .launchers import LauncherClient
from .local_services import NOTHING, LocalServices, Overrides
from .observations import JobObservation, Observation, RevisionObservation, Watch
from .processes import ProcessRecord
from .store import Key, WriteError, utc_now, write_atomically
from .turns import Turns

_COMING_UP = ("compiling", "waitingForSlots", "warmingUp")
_LOG_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class LauncherEnvironment:
    """What launchers are started with."""

    java_home: Path
    jars: tuple[Path, ...] = ()
    secrets: Path | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def of_process(self) -> dict[str, str]:
        """The environment of a launcher's process."""
        own = {"JAVA_HOME": str(self.java_home), "WEIR_JARS": ":".join(map(str, self.jars)), "PYTHONUNBUFFERED": "1"}
        secrets = {"WEIR_SECRETS_DIR": str(self.secrets)} if self.secrets else {}
        return {**self.variables, **own, **secrets}


class LocalFleet:
    """A Fleet (see fleets.py) of processes below one state directory. Safe to use from several threads."""

    def __init__(
        self,
        directories: Directories,
        bootstrap_servers: str,
        environment: LauncherEnvironment,
        services: Overrides = NOTHING,
    ) -> None:
        self.directories = directories
        self._bootstrap_servers = bootstrap_servers
        self._environment = environment
        self._launchers = LauncherClient()
        self._flink = FlinkClient()
        self._lock = threading.Lock()
        self._keeper = Keeper(_command, environment.of_process)
        self._services = LocalServices(directories, bootstrap_servers, environment.of_process, services)
        self._turns = Turns(max(1, (os.cpu_count() or 1) // 2))
        self._topics_ready: dict[Key, set[str]] = {}

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address for programs that name none."""
        return self._bootstrap_servers

    def locations(self, key: Key, revision: str) -> Locations:
        """Where the revision of this StreamJob lives."""
        work = self.directories.work(key, revision)
        return Locations(snapshots.location(self.directories.state(key)), str(work.absolute()))

    def close(self) -> None:
        """Give back connections; processes go on."""
        self._launchers.close()
        self._flink.close()
        self._services.close()

    def end_services(self) -> None:
        """End the services of all StreamJobs, until somebody keeps them again. Only while nobody does."""
        self._services.end_all()

    def observe(self, key: Key, watch: Watch) -> Observation:
        """What is there of this StreamJob."""
        folder = self.directories.revisions(key)
        works = sorted(path for path in folder.glob("*") if (path / "config.json").exists())
        revisions = tuple(self._revision(work, watch) for work in works)
        savepoint = None
        if watch.trigger is not None:
            revision, job_id, trigger_id = watch.trigger
            answer = next((one.answer for one in revisions if one.revision == revision and one.alive), None)
            if answer is not None and answer.flink_url is not None:
                savepoint = self._flink.savepoint(answer.flink_url, job_id, trigger_id)
        return Observation(
            revisions=revisions,
            savepoint=savepoint,
            points=snapshots.points(self.directories.state(key)),
            topics_ready=frozenset(self._topics_ready.get(key, ())),
            services=self._services.observe(key),
        )

    def _revision(self, work: Path, watch: Watch) -> RevisionObservation:
        record = self._keeper.record(work)
        if record is None:
            return RevisionObservation(work.name, alive=False, spawned_at=utc_now(), starts=0)
        alive = self._keeper.alive(work, record)
        answer = self._answer(work, record) if alive else None
        if not alive or (answer is not None and answer.phase not in _COMING_UP):
            self._turns.end(work)
        return RevisionObservation(
            revision=work.name,
            alive=alive,
            spawned_at=record.spawned_at,
            starts=record.starts,
            quick_exits=record.quick_exits + (0 if alive or utc_now() - record.spawned_at > QUICK else 1),
            answer=answer,
            job=self._job(work, answer, watch) if answer else None,
            log_tail="" if alive else _tail(work / "log"),
        )

    def _answer(self, work: Path, record: ProcessRecord) -> RevisionAnswer | None:
        url = self._keeper.url(work, record)
        answer = self._launchers.revision(url) if url else None
        return answer if answer is not None and answer.revision == work.name else None

    def _job(self, work: Path, answer: RevisionAnswer, watch: Watch) -> JobObservation | None:
        tables = _tables(work) if watch.records else None
        return jobs.job_of(self._flink, answer.flink_url, answer, tables, watch.brief)

    def perform(self, key: Key, action: Action) -> None:
        """Do it. Raises FleetError, RefusedError."""
        try:
            self._perform(key, action)
        except WriteError as error:
            raise FleetError(str(error)) from error
        except OSError as error:
            raise FleetError(f"{action.name}: {error}") from error

    def _perform(self, key: Key, action: Action) -> None:
        match action:
            case EnsureTopics(config=config):
                self._ensure_topics(key, config)
            case Deploy(revision=revision, config=config, go_on=go_on):
                self._deploy(self.directories.work(key, revision), config, go_on)
            case Recycle(revision=revision):
                self._keeper.end(self.directories.work(key, revision))
            case Remove(revision=revision):
                if self._keeper.end(self.directories.work(key, revision)):
                    rmtree(self.directories.work(key, revision))
            case StopWithSavepoint():
                url = self._flink_url(key, action.revision)
                self._flink.stop_with_savepoint(url, action.job_id, action.trigger_id, action.target_directory)
            case TakeSavepoint():
                url = self._flink_url(key, action.revision)
                self._flink.take_savepoint(url, action.job_id, action.trigger_id, action.target_directory)
            case Start(revision=revision, request=request):
                self._launchers.start(self._url(key, revision), request)
            case Serve(services=services):
                self._services.serve(key, services)
            case PruneState(job_id=job_id, keep=keep):
                snapshots.prune(self.directories.state(key), job_id, keep)
            case RemoveState(keep=keep):
                snapshots.clear(self.directories.state(key), keep)
            case Forget():
                self._topics_ready.pop(key, None)

    def _ensure_topics(self, key: Key, config: RevisionConfig) -> None:
        jobs.ensure_topics(self._bootstrap_servers, config, secrets.in_directory(self._environment.secrets))
        with self._lock:
            self._topics_ready.setdefault(key, set()).add(config.revision)

    def _deploy(self, work: Path, config: RevisionConfig | None, go_on: bool) -> None:
        record = self._keeper.record(work) if work.exists() else None
        if record is not None and self._keeper.alive(work, record):
            return
        if config is None and not (work / "config.json").exists():
            raise RefusedError(f"revision {work.name} was removed and cannot be deployed again")
        if not self._turns.take(work):
            return
        work.mkdir(parents=True, exist_ok=True)
        (work / "endpoint.json").unlink(missing_ok=True)
        if not go_on:
            (work / "start.json").unlink(missing_ok=True)
        if config is not None:
            write_atomically(work / "config.json", config.model_dump_json(by_alias=True, indent=1) + "\n")
        self._keeper.start(work)

    def _url(self, key: Key, revision: str) -> str:
        work = self.directories.work(key, revision)
        record = processes.read_record(work / "process.json")
        url = self._keeper.url(work, record) if record is not None else None
        if url is None:
            raise FleetError(f"the launcher of revision {revision} does not answer yet")
        return url

    def _flink_url(self, key: Key, revision: str) -> str:
        answer = self._launchers.revision(self._url(key, revision))
        if answer is None or answer.flink_url is None:
            raise FleetError(f"Flink of revision {revision} does not answer")
        return answer.flink_url


def _command(work: Path) -> list[str]:
    return [sys.executable, "-m", "weir_runtime.launcher", str((work / "config.json").absolute())]


def _tables(work: Path) -> dict[str, metrics.Role]:
    try:
        return metrics.roles(RevisionConfig.model_validate_json((work / "config.json").read_bytes()).program)
    except (OSError, ValidationError):
        return {}


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
