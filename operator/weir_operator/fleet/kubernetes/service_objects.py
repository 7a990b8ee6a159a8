"""The objects of the services beside a StreamJob's job, as they should be. Pure."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from weir_api import services
from weir_api.services import Service, ServiceConfig

from . import names, pods
from .configs import ClusterConfig, JsonObject
from .objects import Owner

_DIRECTORY: Final = "/etc/weir/service"


@dataclass(frozen=True, slots=True)
class Beside:
    """A service of a StreamJob."""

    cluster: ClusterConfig
    owner: Owner
    namespace: str
    service: Service

    @property
    def name(self) -> str:
        """Of all its objects."""
        return names.service_name(self.owner.name, self.service.name)

    def metadata(self) -> JsonObject:
        """Name, labels, what it was asked for with, and owner."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "labels": names.service_labels(self.owner.name, self.service.name),
            "annotations": self.marks(),
            "ownerReferences": [self.owner.reference()],
        }

    def marks(self) -> dict[str, str]:
        """What it was asked for with, and what holds for all services here."""
        return {names.DIGEST: self.service.digest, names.PLACE: place(self.cluster)}


def place(cluster: ClusterConfig) -> str:
    """A hash of what the cluster sets for its services: another one makes them all start anew."""
    text = json.dumps([cluster.image, cluster.bootstrap_servers, cluster.services], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def of_services(
    cluster: ClusterConfig, owner: Owner, namespace: str, asked: Sequence[Service]
) -> tuple[JsonObject, ...]:
    """All of them."""
    return tuple(part for one in asked for part in _of_service(Beside(cluster, owner, namespace, one)))


def _of_service(beside: Beside) -> Iterator[JsonObject]:
    yield _service(beside)
    yield _config_map(beside)
    yield _deployment(beside)


def _service(beside: Beside) -> JsonObject:
    """The way to those that are ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": beside.metadata(),
        "spec": {
            "selector": names.service_selector(beside.owner.name, beside.service.name),
            "ports": [{"name": "http", "port": names.SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def _config_map(beside: Beside) -> JsonObject:
    """What it is told. Secrets are in it by name only."""
    config = ServiceConfig(
        namespace=beside.namespace,
        name=beside.owner.name,
        service=beside.service,
        bootstrap_servers=beside.cluster.bootstrap_servers,
        overrides=services.overrides(beside.cluster.services, beside.service.program),
        work_directory=names.RUN_DIRECTORY,
        host="0.0.0.0",
        port=names.SERVICE_PORT,
    )
    text = config.model_dump_json(by_alias=True, exclude_none=True, indent=1) + "\n"
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": beside.metadata(),
        "data": {names.CONFIG_FILE: text},
    }


def _deployment(beside: Beside) -> JsonObject:
    service = beside.service
    volumes = [
        *pods.scratch(),
        pods.Volume("config", _DIRECTORY, {"configMap": {"name": beside.name}}, read_only=True),
        *pods.secrets(dict.fromkeys((*names.secrets_in([service.settings]), *service.secrets))),
    ]
    template = pods.template(
        beside.cluster, names.service_labels(beside.owner.name, service.name), _container(beside), volumes, token=False
    )
    # A pod does not start anew when its ConfigMap changes; with these in its template it does.
    metadata = template["metadata"]
    assert isinstance(metadata, dict)
    annotations = {**metadata.get("annotations", {}), **beside.marks()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": beside.metadata(),
        "spec": {
            "replicas": service.replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": names.service_selector(beside.owner.name, service.name)},
            "template": {**template, "metadata": {**metadata, "annotations": annotations}},
        },
    }


def _container(beside: Beside) -> JsonObject:
    service, memory = beside.service, f"{beside.service.resources.mebibytes}Mi"
    alive: JsonObject = {"httpGet": {"path": "/healthz", "port": "http"}}
    return {
        "name": "service",
        "image": beside.cluster.image,
        "imagePullPolicy": beside.cluster.image_pull_policy,
        "command": ["python", "-m", f"weir_runtime.services.{service.program}", f"{_DIRECTORY}/{names.CONFIG_FILE}"],
        "env": pods.environment(beside.cluster, {"HOME": "/tmp", "WEIR_SECRETS_DIR": names.SECRETS_DIRECTORY}),
        "ports": [{"name": "http", "containerPort": names.SERVICE_PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": service.resources.cpu, "memory": memory}, "limits": {"memory": memory}},
        "startupProbe": {**alive, "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {**alive, "periodSeconds": 10, "failureThreshold": 6, "timeoutSeconds": 5},
        "securityContext": pods.security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
