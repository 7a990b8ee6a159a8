"""Names, labels, ports and paths of what Weir keeps in a cluster: nowhere else is one put together."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from weir_api.base import GROUP
from weir_api.streamjobs import Program

Component = Literal["jobmanager", "taskmanager", "revision", "state", "service"]

STREAMJOB: Final = f"{GROUP}/streamjob"
REVISION: Final = f"{GROUP}/revision"
COMPONENT: Final = f"{GROUP}/component"
SERVICE: Final = f"{GROUP}/service"
DIGEST: Final = f"{GROUP}/digest"
"""Annotation of all objects of a service: what it was asked for with."""
PLACE: Final = f"{GROUP}/place"
"""Annotation of all objects of a service: what the cluster sets for services."""
LIFE: Final = f"{GROUP}/life"
"""Annotation of all objects of a revision: see `life`."""
JOBMANAGER: Final[Mapping[str, str]] = {COMPONENT: "jobmanager"}
BESIDE: Final[Mapping[str, str]] = {COMPONENT: "service"}
ANY: Final[Mapping[str, str]] = {}
FIELD_MANAGER: Final = "weir"

LAUNCHER_PORT: Final = 8085
REST_PORT: Final = 8081
RPC_PORT: Final = 6123
BLOB_PORT: Final = 6124
TASK_PORT: Final = 6122
SERVICE_PORT: Final = 8080

CONFIG_DIRECTORY: Final = "/etc/weir/revision"
CONFIG_FILE: Final = "config.json"
SECRETS_DIRECTORY: Final = "/etc/weir/secrets"  # not below the configuration, which is mounted read-only
RUN_DIRECTORY: Final = "/run/weir"
STATE_MOUNT: Final = "/var/lib/weir"

_LABEL_LENGTH: Final = 63
_SHORT: Final = {"jobmanager": "jm", "taskmanager": "tm"}
_SECRET: Final = re.compile(r"\$\{secret:([^:}]+):")


def bounded(name: str, most: int = _LABEL_LENGTH) -> str:
    """The name, or as much of it as fits with a hash of all of it, so that two long names stay two."""
    if len(name) <= most:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: most - 9].rstrip('-.')}-{digest}"


def revision_name(streamjob: str, revision: str) -> str:
    """Of a revision's Service and ConfigMap."""
    return bounded(f"{streamjob}-{revision}")


def deployment_name(streamjob: str, revision: str, component: Literal["jobmanager", "taskmanager"]) -> str:
    """Of a revision's Deployments."""
    return bounded(f"{streamjob}-{revision}-{_SHORT[component]}")


def service_name(streamjob: str, service: str) -> str:
    """Of all objects of a service; its name has no hyphen, so that no two are alike."""
    return bounded(f"{streamjob}-{service}")


def state_job_name(streamjob: str, task: str, token: str) -> str:
    """Of the Job that reads or clears a StreamJob's state; `token` tells one such task from the next."""
    digest = hashlib.sha256(token.encode()).hexdigest()[:8]
    return f"{bounded(f'{streamjob}-{task}', _LABEL_LENGTH - 9)}-{digest}"


def labels(streamjob: str, component: Component, revision: str | None = None) -> dict[str, str]:
    """Of everything Weir makes for a StreamJob."""
    own = {REVISION: revision} if revision is not None else {}
    return {
        "app.kubernetes.io/name": "weir",
        "app.kubernetes.io/instance": bounded(streamjob),
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "weir",
        STREAMJOB: bounded(streamjob),
        COMPONENT: component,
        **own,
    }


def selector(streamjob: str, component: Component, revision: str) -> dict[str, str]:
    """What tells a component's pods from all others of its namespace; may never change."""
    return {STREAMJOB: bounded(streamjob), REVISION: revision, COMPONENT: component}


def service_labels(streamjob: str, service: str) -> dict[str, str]:
    """Of everything that belongs to a service."""
    return {**labels(streamjob, "service"), SERVICE: service}


def service_selector(streamjob: str, service: str) -> dict[str, str]:
    """What tells a service's pods from all others of its namespace; may never change."""
    return {STREAMJOB: bounded(streamjob), SERVICE: service, **BESIDE}


def cluster_id(uid: str, revision: str, life: str) -> str:
    """Flink's name for the cluster, at most 45 characters; its high availability data is found by it."""
    return f"weir-{hashlib.sha256(uid.encode()).hexdigest()[:8]}-{revision}-{life}"


def life(now: datetime) -> str:
    """A name for the time in which a revision remembers what it was told; a number of seconds in hexadecimal."""
    return f"{int(now.timestamp()):08x}"


def began(life: str) -> datetime:
    """When that life began. Raises ValueError for what is no life."""
    return datetime.fromtimestamp(int(life, 16), UTC)


def secrets_of(program: Program) -> tuple[str, ...]:
    """The Secrets that the program's statements name, in order."""
    return secrets_in((*program.tables, *(insert.sql for insert in program.inserts)))


def secrets_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The Secrets that these texts name, in order."""
    return tuple(dict.fromkeys(name for text in texts for name in _SECRET.findall(text)))
