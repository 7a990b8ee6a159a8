"""One look at a StreamJob's revisions: Deployments, their pods where something is amiss, launchers, and Flink."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from weir_api import states
from weir_api.launchers import RestorePoint, RevisionAnswer, RevisionConfig

from .. import jobs, metrics
from ..flink import FlinkClient
from ..launchers import LauncherClient
from ..observations import JobObservation, RevisionObservation, SavepointObservation, ServiceObservation, Watch
from ..store import Key
from . import names, seen
from .api import CONFIG_MAP, DEPLOYMENT, POD, SERVICE, KubernetesApi
from .configs import JsonObject
from .seen import Deployment, Metadata, Pod
from .states import States

_REMEMBERED: Final = 2_000

Addresses = Callable[[str, str, int], str]
"""The URL of a port of a Service: namespace, Service, port."""


def in_cluster(namespace: str, service: str, port: int) -> str:
    """As pods of the same cluster reach it."""
    return f"http://{service}.{namespace}.svc:{port}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look saw; `points` is None when nobody could tell."""

    revisions: tuple[RevisionObservation, ...]
    savepoint: SavepointObservation | None
    points: tuple[RestorePoint, ...] | None
    services: tuple[ServiceObservation, ...]


@dataclass(slots=True)
class Found:
    """What the API server has of a revision. Without a JobManager to be kept up, only its pods say that it lives."""

    revision: str
    record: Metadata | None = None
    deployments: dict[str, Deployment] = field(default_factory=dict)

    @property
    def jobmanager(self) -> Deployment | None:
        """Its Deployment."""
        return self.deployments.get("jobmanager")

    @property
    def healthy(self) -> bool:
        """Whether all of it is there, up and ready: then its pods have nothing to tell."""
        return self.complete and all(one.ready for one in self.deployments.values())

    @property
    def complete(self) -> bool:
        """Whether nothing has to be made again."""
        return self.record is not None and len(self.deployments) == 2

    @property
    def wanted(self) -> bool:
        """Whether Kubernetes keeps it up, or has not taken it down yet."""
        return self.jobmanager is not None and self.jobmanager.wanted


@dataclass(frozen=True, slots=True)
class Looks:
    """What looking is done with."""

    api: KubernetesApi
    launchers: LauncherClient
    flink: FlinkClient
    states: States
    addresses: Addresses
    services_place: str
    _roles: dict[tuple[Key, str], dict[str, metrics.Role]] = field(default_factory=dict)
    """Of revisions whose records were counted: what a revision was deployed with never changes."""

    def look(self, key: Key, watch: Watch, state: str, now: datetime) -> Seen:
        """Raises ClusterError when the API server does not answer: nothing seen is not the same as nothing there."""
        labels = {names.STREAMJOB: names.bounded(key.name)}
        documents = self.api.list(DEPLOYMENT, key.namespace, labels)
        deployments = [Deployment.model_validate(document) for document in documents]
        beside = [one for one in deployments if one.service]
        found = self._found(key, [one for one in deployments if not one.service])
        well = all(one.healthy for one in found) and all(one.served for one in beside)
        pods = [] if well else self._pods(key)
        revisions = tuple(self._revision(key, one, _of(pods, one.revision), watch, now) for one in found)
        savepoint = self._savepoint(key, revisions, watch)
        saving = savepoint is not None and savepoint.state == "inProgress"
        points = None if saving else self._points(key, revisions, watch, state)
        return Seen(revisions, savepoint, points, tuple(self._service(key, one, pods, now) for one in beside))

    def _service(self, key: Key, found: Deployment, pods: list[Pod], now: datetime) -> ServiceObservation:
        own = [pod for pod in pods if pod.metadata.labels.get(names.SERVICE) == found.service]
        why = "" if found.served else seen.trouble(own, now) or seen.last_words(own)
        return ServiceObservation(
            name=found.service,
            digest=found.metadata.annotations.get(names.DIGEST, ""),
            replicas=found.spec.replicas,
            ready=min(found.status.ready_replicas, found.spec.replicas),
            url=self.addresses(key.namespace, found.metadata.name, names.SERVICE_PORT),
            complete=found.metadata.deletion_timestamp is None
            and found.metadata.annotations.get(names.PLACE) == self.services_place,
            trouble=why,
        )

    def _found(self, key: Key, deployments: Iterable[Deployment]) -> list[Found]:
        labels = {names.STREAMJOB: names.bounded(key.name)}
        found: dict[str, Found] = {}
        for document in self.api.list(SERVICE, key.namespace, labels):
            record = Metadata.of(document)
            if (revision := record.labels.get(names.REVISION)) is not None:
                found[revision] = Found(revision, record)
        for deployment in deployments:
            one = found.setdefault(deployment.revision, Found(deployment.revision))
            one.deployments[deployment.component] = deployment
        return [found[revision] for revision in sorted(found)]

    def _pods(self, key: Key) -> list[Pod]:
        labels = {names.STREAMJOB: names.bounded(key.name)}
        return [Pod.model_validate(document) for document in self.api.list(POD, key.namespace, labels)]

    def _revision(self, key: Key, found: Found, pods: list[Pod], watch: Watch, now: datetime) -> RevisionObservation:
        alive = found.wanted or any(pod.active for pod in pods)
        answer = self._answer(key, found) if found.wanted else None
        return RevisionObservation(
            revision=found.revision,
            alive=alive,
            spawned_at=_began(found, now),
            answer=answer,
            job=self._job(key, found.revision, answer, watch) if answer is not None else None,
            log_tail="" if found.healthy else seen.last_words(pods),
            trouble="" if found.healthy or answer_runs(answer) else seen.trouble(pods, now),
            complete=found.complete,
        )

    def _answer(self, key: Key, found: Found) -> RevisionAnswer | None:
        answer = self.launchers.revision(self._url(key, found.revision, names.LAUNCHER_PORT))
        return answer if answer is not None and answer.revision == found.revision else None

    def _job(self, key: Key, revision: str, answer: RevisionAnswer, watch: Watch) -> JobObservation | None:
        url = self._url(key, revision, names.REST_PORT) if answer.flink_url is not None else None
        tables = self._tables(key, revision) if watch.records else None
        return jobs.job_of(self.flink, url, answer, tables, watch.brief)

    def _tables(self, key: Key, revision: str) -> dict[str, metrics.Role]:
        if (known := self._roles.get((key, revision))) is not None:
            return known
        config = config_in(self.api.get(CONFIG_MAP, key.namespace, names.revision_name(key.name, revision)))
        if config is None:
            return {}
        if len(self._roles) > _REMEMBERED:
            self._roles.clear()
        return self._roles.setdefault((key, revision), metrics.roles(config.program))

    def _savepoint(
        self, key: Key, revisions: Iterable[RevisionObservation], watch: Watch
    ) -> SavepointObservation | None:
        if watch.trigger is None:
            return None
        revision, job_id, trigger_id = watch.trigger
        answer = next((one.answer for one in revisions if one.revision == revision and one.alive), None)
        if answer is None or answer.flink_url is None:
            return None
        return self.flink.savepoint(self._url(key, revision, names.REST_PORT), job_id, trigger_id)

    def _points(
        self, key: Key, revisions: tuple[RevisionObservation, ...], watch: Watch, state: str
    ) -> tuple[RestorePoint, ...] | None:
        """From any launcher, of those first that have no job to care for.

        Only where none is left and a decision waits for it, from a pod made for it.
        """
        for one in sorted(revisions, key=_works):
            if one.answer is not None:
                told = self.launchers.restore_points(self._url(key, one.revision, names.LAUNCHER_PORT))
                if told is not None:
                    return tuple(states.completed(state, point) for point in told)
        if watch.points and not any(one.alive for one in revisions):
            return self.states.points(key, state)
        return None

    def _url(self, key: Key, revision: str, port: int) -> str:
        return self.addresses(key.namespace, names.revision_name(key.name, revision), port)


def config_in(config_map: JsonObject | None) -> RevisionConfig | None:
    """What a revision was deployed with, if that is still there and can be read by this version of Weir."""
    match config_map:
        case {"data": {names.CONFIG_FILE: str(text)}}:
            try:
                return RevisionConfig.model_validate_json(text)
            except ValidationError:
                return None
        case _:
            return None


def answer_runs(answer: RevisionAnswer | None) -> bool:
    """Whether records flow, whatever else is amiss: one of several TaskManagers may be without a node."""
    return answer is not None and answer.phase == "running"


def _works(one: RevisionObservation) -> bool:
    return one.answer is not None and one.answer.phase in ("starting", "running", "warmingUp")


def _began(found: Found, now: datetime) -> datetime:
    try:
        return names.began(found.record.annotations[names.LIFE]) if found.record is not None else now
    except (KeyError, ValueError):
        return now


def _of(pods: Iterable[Pod], revision: str) -> list[Pod]:
    return [pod for pod in pods if pod.metadata.labels.get(names.REVISION) == revision]
