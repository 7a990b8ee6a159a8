"""What all of Weir's pods have in common: no rights, no writable root, and where things are mounted. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weir_api.launchers import RevisionConfig

from . import names
from .configs import ClusterConfig, JsonObject

GRACE = 30


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and where it is mounted."""

    name: str
    path: str
    source: JsonObject
    read_only: bool = False

    def volume(self) -> JsonObject:
        """As the pod has it."""
        return {"name": self.name, **self.source}

    def mount(self) -> JsonObject:
        """As the container has it."""
        return {"name": self.name, "mountPath": self.path, **({"readOnly": True} if self.read_only else {})}


def scratch() -> tuple[Volume, ...]:
    """The only places that may be written to, besides the state."""
    empty: JsonObject = {"emptyDir": {}}
    return Volume("tmp", "/tmp", empty), Volume("run", names.RUN_DIRECTORY, empty)


def state(cluster: ClusterConfig) -> tuple[Volume, ...]:
    """The claim, unless state is under a URI."""
    if cluster.state.claim is None:
        return ()
    return (Volume("state", names.STATE_MOUNT, {"persistentVolumeClaim": {"claimName": cluster.state.claim}}),)


def configuration(config: RevisionConfig) -> Volume:
    """The revision's ConfigMap."""
    name = names.revision_name(config.name, config.revision)
    return Volume("config", names.CONFIG_DIRECTORY, {"configMap": {"name": name}}, read_only=True)


def secrets(secret_names: Iterable[str]) -> tuple[Volume, ...]:
    """Each Secret in its own folder. One that is not there keeps no pod waiting: who needs it says which it misses."""
    return tuple(
        Volume(
            names.bounded(f"secret-{name.replace('.', '-')}"),
            f"{names.SECRETS_DIRECTORY}/{name}",
            {"secret": {"secretName": name, "optional": True}},
            read_only=True,
        )
        for name in secret_names
    )


def security() -> JsonObject:
    """Of every container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def template(
    cluster: ClusterConfig,
    labels: dict[str, str],
    container: JsonObject,
    volumes: Sequence[Volume],
    *,
    token: bool,
    restart: str = "Always",
) -> JsonObject:
    """A pod of one container; `token`: whether it may talk to the API server. The cluster's own labels come below."""
    pod, user = cluster.pod, cluster.pod.run_as_user
    optional: JsonObject = {
        "nodeSelector": pod.node_selector,
        "tolerations": [one.document() for one in pod.tolerations],
        "priorityClassName": pod.priority_class_name,
        "imagePullSecrets": [{"name": name} for name in cluster.image_pull_secrets],
    }
    metadata: JsonObject = {"labels": {**pod.labels, **labels}}
    if pod.annotations:
        metadata["annotations"] = dict(pod.annotations)
    return {
        "metadata": metadata,
        "spec": {
            "serviceAccountName": cluster.service_account,
            "automountServiceAccountToken": token,
            "enableServiceLinks": False,
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": GRACE,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": user,
                "runAsGroup": user,
                "fsGroup": user,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **{name: value for name, value in optional.items() if value},
            "containers": [{**container, "volumeMounts": [volume.mount() for volume in volumes]}],
            "volumes": [volume.volume() for volume in volumes],
        },
    }


def environment(cluster: ClusterConfig, own: dict[str, str]) -> list[JsonObject]:
    """The pod's address, what Weir sets, then what the cluster adds or sets otherwise."""
    address: JsonObject = {"name": "WEIR_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    theirs: dict[str, JsonObject] = {one.name: {**one.document()} for one in cluster.pod.env}
    ours: dict[str, JsonObject] = {name: {"name": name, "value": value} for name, value in own.items()}
    return [address, *{**ours, **theirs}.values()]
