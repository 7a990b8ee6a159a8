"""Revisions as pods: a JobManager with the launcher inside, its TaskManagers, and the Service that leads to them."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from weir_api.launchers import RevisionConfig

from .. import jobs
from ..actions import (
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
from ..fleets import FleetError, Locations, RefusedError
from ..flink import FlinkClient
from ..launchers import LauncherClient
from ..observations import Observation, Watch
from ..store import Key, utc_now
from . import names, objects, secrets, service_objects
from .api import CONFIG_MAP, DEPLOYMENT, OWN, POD, SERVICE, ClusterError, KubernetesApi
from .apply import apply_and_prune
from .configs import ClusterConfig
from .looks import Addresses, Looks, config_in, in_cluster
from .objects import Deployed, Owner
from .seen import Deployment, Metadata, Pod
from .states import States


class KubernetesFleet:
    """A Fleet (see fleets.py) of Deployments. Safe to use from several threads; holds nothing that matters."""

    def __init__(
        self,
        api: KubernetesApi,
        cluster: ClusterConfig,
        addresses: Addresses = in_cluster,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._api, self._cluster, self._addresses, self._now = api, cluster, addresses, now
        self._launchers, self._flink = LauncherClient(), FlinkClient()
        self._states = States(api, cluster)
        self._looks = Looks(api, self._launchers, self._flink, self._states, addresses, service_objects.place(cluster))
        self._lock = threading.Lock()
        self._topics_ready: dict[Key, set[str]] = {}

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address for programs that name none."""
        return self._cluster.bootstrap_servers

    def locations(self, key: Key, revision: str) -> Locations:
        """Where the revision of this StreamJob lives: its files on the state claim where there is one."""
        place = f"state/{key.namespace}/{key.name}"
        if self._cluster.state.uri is not None:
            return Locations(f"{self._cluster.state.uri.rstrip('/')}/{place}", f"{names.RUN_DIRECTORY}/work/{revision}")
        mounted = f"{names.STATE_MOUNT}/{place}"
        return Locations(f"file://{mounted}", f"{mounted}/work/{revision}")

    def close(self) -> None:
        """Give back connections; pods go on."""
        self._launchers.close()
        self._flink.close()

    def observe(self, key: Key, watch: Watch) -> Observation:
        """What is there of this StreamJob. Raises ClusterError when the API server does not say."""
        state = self.locations(key, "").state_directory
        seen = self._looks.look(key, watch, state, self._now())
        with self._lock:
            ready = frozenset(self._topics_ready.get(key, ()))
        return Observation(
            revisions=seen.revisions,
            savepoint=seen.savepoint,
            points=seen.points or (),
            points_known=seen.points is not None,
            topics_ready=ready,
            services=seen.services,
        )

    def perform(self, key: Key, action: Action) -> None:
        """Do it. Raises FleetError, RefusedError."""
        try:
            self._perform(key, action)
        except ClusterError as error:
            raise FleetError(str(error)) from error

    def _perform(self, key: Key, action: Action) -> None:
        state = self.locations(key, "").state_directory
        match action:
            case EnsureTopics(config=config):
                jobs.ensure_topics(self.bootstrap_servers, config, secrets.in_cluster(self._api))
                with self._lock:
                    self._topics_ready.setdefault(key, set()).add(config.revision)
            case Deploy():
                self._deploy(key, action)
            case Recycle(revision=revision):
                self._scale_down(key, revision)
            case Remove(revision=revision):
                self._remove(key, revision)
            case StopWithSavepoint(revision=revision):
                url = self._flink_url(key, revision)
                self._flink.stop_with_savepoint(url, action.job_id, action.trigger_id, action.target_directory)
            case TakeSavepoint():
                url = self._flink_url(key, action.revision)
                self._flink.take_savepoint(url, action.job_id, action.trigger_id, action.target_directory)
            case Start(revision=revision, request=request):
                self._launchers.start(self._url(key, revision, names.LAUNCHER_PORT), request)
            case Serve(services=services):
                if services is not None:  # those there are, Kubernetes keeps up
                    wanted = service_objects.of_services(self._cluster, self._owner(key), key.namespace, services)
                    beside = {names.STREAMJOB: names.bounded(key.name), **names.BESIDE}
                    apply_and_prune(self._api, key.namespace, beside, wanted)
            case PruneState():
                self._states.prune(self._owner(key), key, state, action)
            case RemoveState(keep=keep):
                self._states.clear(self._owner(key), key, state, keep)
            case Forget():
                with self._lock:
                    self._topics_ready.pop(key, None)

    def _deploy(self, key: Key, action: Deploy) -> None:
        """A revision that is kept up keeps its life, and so what it was told; one that must forget it gets a new one.

        Raises FleetError while a JobManager is still ending: two would answer by the same name.
        """
        owner, record = self._owner(key), self._record(key, action.revision)
        up = self._kept_up(key, action.revision)
        if not up and any(one.active for one in self._pods(key, action.revision, names.JOBMANAGER)):
            raise FleetError(f"the JobManager of revision {action.revision} is still ending")
        keeps = record is not None and (up or action.go_on)
        life = record.annotations.get(names.LIFE, "") if record is not None and keeps else names.life(self._now())
        config = self._config(key, action.revision) if keeps else None
        if config is None:
            given = action.config or self._config(key, action.revision)
            if given is None:
                raise RefusedError(f"revision {action.revision} was removed and cannot be deployed again")
            work = f"{self.locations(key, action.revision).work_directory}/{life}"
            config = given.model_copy(update={"work_directory": work})
        self._states.forget_list(key, owner)  # from here on something may run that makes an older list wrong
        deployed = Deployed(self._cluster, owner, config, life, action.workers)
        apply_and_prune(self._api, key.namespace, _labels(key, action.revision), objects.of_revision(deployed))

    def _scale_down(self, key: Key, revision: str) -> None:
        patch: dict[str, object] = {"spec": {"replicas": 0}}
        for document in self._api.list(DEPLOYMENT, key.namespace, _labels(key, revision)):
            found = Deployment.model_validate(document)
            if found.spec.replicas > 0:
                self._api.merge(DEPLOYMENT, key.namespace, found.metadata.name, patch)

    def _remove(self, key: Key, revision: str) -> None:
        """Deployments first; with the last pod goes what Flink kept for a restart, and then the rest."""
        labels = _labels(key, revision)
        deployments = [Metadata.of(one).name for one in self._api.list(DEPLOYMENT, key.namespace, labels)]
        for name in deployments:
            self._api.delete(DEPLOYMENT, key.namespace, name, foreground=True)
        if deployments or any(pod.active for pod in self._pods(key, revision)):
            return
        if (record := self._record(key, revision)) is not None:
            cluster = names.cluster_id(self._owner(key).uid, revision, record.annotations.get(names.LIFE, ""))
            kept = {"app": cluster, "configmap-type": "high-availability"}
            for document in self._api.list(CONFIG_MAP, key.namespace, kept):
                self._api.delete(CONFIG_MAP, key.namespace, Metadata.of(document).name)
        apply_and_prune(self._api, key.namespace, labels, ())

    def _owner(self, key: Key) -> Owner:
        found = self._api.get(OWN[key.kind], key.namespace, key.name)
        if found is None:
            raise FleetError(f"{key} is no longer there")
        return Owner(key.name, Metadata.of(found).uid)

    def _record(self, key: Key, revision: str) -> Metadata | None:
        """The Service; where someone has deleted it, a Deployment remembers as well."""
        for kind in (SERVICE, DEPLOYMENT):
            for found in self._api.list(kind, key.namespace, _labels(key, revision)):
                return Metadata.of(found)
        return None

    def _config(self, key: Key, revision: str) -> RevisionConfig | None:
        return config_in(self._api.get(CONFIG_MAP, key.namespace, names.revision_name(key.name, revision)))

    def _kept_up(self, key: Key, revision: str) -> bool:
        labels = {**_labels(key, revision), **names.JOBMANAGER}
        found = [Deployment.model_validate(one) for one in self._api.list(DEPLOYMENT, key.namespace, labels)]
        return any(one.spec.replicas > 0 and one.metadata.deletion_timestamp is None for one in found)

    def _pods(self, key: Key, revision: str, only: Mapping[str, str] = names.ANY) -> list[Pod]:
        found = self._api.list(POD, key.namespace, {**_labels(key, revision), **only})
        return [Pod.model_validate(document) for document in found]

    def _url(self, key: Key, revision: str, port: int) -> str:
        return self._addresses(key.namespace, names.revision_name(key.name, revision), port)

    def _flink_url(self, key: Key, revision: str) -> str:
        answer = self._launchers.revision(self._url(key, revision, names.LAUNCHER_PORT))
        if answer is None or answer.flink_url is None:
            raise FleetError(f"Flink of revision {revision} does not answer")
        return self._url(key, revision, names.REST_PORT)


def _labels(key: Key, revision: str) -> dict[str, str]:
    return {names.STREAMJOB: names.bounded(key.name), names.REVISION: revision}
