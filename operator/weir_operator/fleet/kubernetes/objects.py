"""The objects of one revision, as they should be. Pure: the same revision gives the same objects."""

from dataclasses import dataclass
from typing import Final, Literal

from weir_api.base import API_VERSION
from weir_api.launchers import RevisionConfig

from . import names, pods
from .configs import ClusterConfig, JsonObject

_APPLICATION: Final = "weir_runtime.launcher.application"
_LAUNCHERS_OWN: Final = 256
"""MiB of a JobManager's memory that the launcher's Python needs beside Flink."""
_LEAST: Final = 768
"""MiB below which Flink's parts do not add up."""
_ANNOUNCED: Final = "/v1/revision"


@dataclass(frozen=True, slots=True)
class Owner:
    """The StreamJob: what belongs to it goes with it."""

    name: str
    uid: str

    def reference(self) -> JsonObject:
        """As metadata has it."""
        return {
            "apiVersion": API_VERSION,
            "kind": "StreamJob",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(frozen=True, slots=True)
class Deployed:
    """A revision in one life of it. `config` says with its work directory which; `workers`: with its TaskManagers."""

    cluster: ClusterConfig
    owner: Owner
    config: RevisionConfig
    life: str
    workers: bool = True

    @property
    def image(self) -> str:
        """The runtime's."""
        return self.config.runtime.image or self.cluster.image

    def metadata(self, name: str, component: names.Component) -> JsonObject:
        """Name, labels, life and owner."""
        return {
            "name": name,
            "namespace": self.config.namespace,
            "labels": names.labels(self.config.name, component, self.config.revision),
            "annotations": {names.LIFE: self.life},
            "ownerReferences": [self.owner.reference()],
        }


def of_revision(deployed: Deployed) -> tuple[JsonObject, ...]:
    """All of them, in the order they are made: the Service first, because it says that the revision is there."""
    return service(deployed), config_map(deployed), jobmanager(deployed), taskmanager(deployed)


def service(deployed: Deployed) -> JsonObject:
    """The way to launcher and Flink, open before they are ready: they are asked how far they are."""
    config = deployed.config
    metadata = deployed.metadata(names.revision_name(config.name, config.revision), "revision")
    ports = {"launcher": names.LAUNCHER_PORT, "rest": names.REST_PORT}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "selector": names.selector(config.name, "jobmanager", config.revision),
            "publishNotReadyAddresses": True,
            "ports": [
                {"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in ports.items()
            ],
        },
    }


def config_map(deployed: Deployed) -> JsonObject:
    """What the launcher is told. Secrets are in it by name only."""
    config = deployed.config
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": deployed.metadata(names.revision_name(config.name, config.revision), "revision"),
        "data": {names.CONFIG_FILE: config.model_dump_json(by_alias=True, exclude_none=True, indent=1) + "\n"},
    }


def jobmanager(deployed: Deployed) -> JsonObject:
    """Flink's JobManager with the launcher as its program; never two at once."""
    size = deployed.cluster.job_manager
    memory = size.mebibytes
    own = {
        "jobmanager.rpc.address": "$(WEIR_POD_IP)",
        "jobmanager.rpc.port": str(names.RPC_PORT),
        "jobmanager.bind-host": "0.0.0.0",
        "blob.server.port": str(names.BLOB_PORT),
        "rest.address": "$(WEIR_POD_IP)",
        "rest.bind-address": "0.0.0.0",
        "rest.port": str(names.REST_PORT),
        "rest.bind-port": str(names.REST_PORT),
        "jobmanager.memory.process.size": f"{max(_LEAST, memory - _LAUNCHERS_OWN)}m",
    }
    answers: JsonObject = {"httpGet": {"path": _ANNOUNCED, "port": "launcher"}}
    container: JsonObject = {
        **_container(deployed, "jobmanager", own),
        "ports": _ports(launcher=names.LAUNCHER_PORT, rest=names.REST_PORT, rpc=names.RPC_PORT, blob=names.BLOB_PORT),
        "resources": _resources(size.cpu, max(memory, _LEAST + _LAUNCHERS_OWN)),
        # Two minutes: a JVM and a Python come up on a core they share with others.
        "startupProbe": {**answers, "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {**answers, "periodSeconds": 5},
        "livenessProbe": {**answers, "periodSeconds": 10, "failureThreshold": 6, "timeoutSeconds": 5},
    }
    return _deployment(deployed, "jobmanager", container, replicas=1)


def taskmanager(deployed: Deployed) -> JsonObject:
    """Flink's TaskManagers; the size of one is the resource's."""
    runtime = deployed.config.runtime
    own = {
        "taskmanager.host": "$(WEIR_POD_IP)",
        "taskmanager.bind-host": "0.0.0.0",
        "taskmanager.rpc.port": str(names.TASK_PORT),
    }
    answers: JsonObject = {"tcpSocket": {"port": "rpc"}}
    container: JsonObject = {
        **_container(deployed, "taskmanager", own),
        "ports": _ports(rpc=names.TASK_PORT),
        "resources": _resources(runtime.resources.cpu, max(_LEAST, runtime.resources.mebibytes)),
        "startupProbe": {**answers, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {**answers, "periodSeconds": 10, "failureThreshold": 6},
    }
    return _deployment(deployed, "taskmanager", container, replicas=runtime.task_managers if deployed.workers else 0)


def _container(deployed: Deployed, role: Literal["jobmanager", "taskmanager"], own: dict[str, str]) -> JsonObject:
    settings = {**own, **_high_availability(deployed), "io.tmp.dirs": "/tmp"}
    places = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    file = f"{names.CONFIG_DIRECTORY}/{names.CONFIG_FILE}"
    launcher = {"WEIR_LAUNCHER_HOST": "0.0.0.0", "WEIR_LAUNCHER_PORT": str(names.LAUNCHER_PORT)}
    environment = {
        "HOME": "/tmp",
        "WEIR_SECRETS_DIR": names.SECRETS_DIRECTORY,
        **({**launcher, "WEIR_FLINK_HOST": "127.0.0.1"} if role == "jobmanager" else {}),
    }
    return {
        "name": role,
        "image": deployed.image,
        "imagePullPolicy": deployed.cluster.image_pull_policy,
        "command": ["python", "-m", _APPLICATION, role, file, names.RUN_DIRECTORY, *places],
        "env": pods.environment(deployed.cluster, environment),
        "securityContext": pods.security(),
        # The log's end says more than an exit code, and is where the operator may look.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _high_availability(deployed: Deployed) -> dict[str, str]:
    cluster_id = names.cluster_id(deployed.owner.uid, deployed.config.revision, deployed.life)
    return {
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": f"{deployed.config.state_directory}/ha",
        "kubernetes.cluster-id": cluster_id,
        "kubernetes.namespace": deployed.config.namespace,
    }


def _deployment(
    deployed: Deployed,
    component: Literal["jobmanager", "taskmanager"],
    container: JsonObject,
    replicas: int,
) -> JsonObject:
    config = deployed.config
    volumes = [
        *pods.scratch(),
        pods.configuration(config),
        *pods.secrets(names.secrets_of(config.program)),
        *pods.state(deployed.cluster),
    ]
    selector = names.selector(config.name, component, config.revision)
    labels = names.labels(config.name, component, config.revision)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": deployed.metadata(names.deployment_name(config.name, config.revision, component), component),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": pods.template(deployed.cluster, labels, container, volumes, token=True),
        },
    }


def _ports(**ports: int) -> list[JsonObject]:
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]


def _resources(cpu: str, memory: int) -> JsonObject:
    """Processor time is a wish, so that a start may use what is idle; memory is a limit."""
    return {"requests": {"cpu": cpu, "memory": f"{memory}Mi"}, "limits": {"memory": f"{memory}Mi"}}
