"""What Kubernetes says of Deployments and pods, and the same in words for people. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from . import names

_HOPELESS: Final[Mapping[str, str]] = {
    "ErrImagePull": "its image cannot be pulled",
    "ImagePullBackOff": "its image cannot be pulled",
    "ErrImageNeverPull": "its image is not on the node and may not be pulled",
    "InvalidImageName": "its image has no valid name",
    "CreateContainerConfigError": "its container cannot be made",
    "CreateContainerError": "its container cannot be made",
    "RunContainerError": "its container cannot be started",
}
"""Reasons of a waiting container that somebody has to do something about."""
_CRASHES: Final = 3
"""So many ends in a row say that the next start will end as well."""
_ROOM: Final = "(runtime.resources is what a pod asks for; runtime.rollover: cold needs no room for two revisions)"
_PATIENCE: Final = timedelta(seconds=60)
"""A pod that no node has room for by then is worth a word; a cluster that grows may still take it later."""
_TAIL: Final = 2_000


class _Seen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Metadata(_Seen):
    """Of any object."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "Metadata":
        """An object's."""
        return cls.model_validate(document["metadata"])


class _DeploymentSpec(_Seen):
    replicas: int = 1


class _DeploymentStatus(_Seen):
    replicas: int = 0
    ready_replicas: int = 0


class Deployment(_Seen):
    """A Deployment."""

    metadata: Metadata
    spec: _DeploymentSpec = _DeploymentSpec()
    status: _DeploymentStatus = _DeploymentStatus()

    @property
    def component(self) -> str:
        """`jobmanager` or `taskmanager`."""
        return self.metadata.labels.get(names.COMPONENT, "")

    @property
    def revision(self) -> str:
        """The one it belongs to."""
        return self.metadata.labels.get(names.REVISION, "")

    @property
    def service(self) -> str:
        """The service beside the job it is; '' for those of a revision."""
        return self.metadata.labels.get(names.SERVICE, "")

    @property
    def served(self) -> bool:
        """Whether all its pods can do their work."""
        return self.status.ready_replicas >= self.spec.replicas

    @property
    def wanted(self) -> bool:
        """Whether its pods are kept up, or are not known to be gone."""
        return self.metadata.deletion_timestamp is not None or self.spec.replicas > 0 or self.status.replicas > 0

    @property
    def ready(self) -> bool:
        """Whether all its pods are as they should be."""
        return self.spec.replicas > 0 and self.status.ready_replicas >= self.spec.replicas


class _Waiting(_Seen):
    reason: str = ""
    message: str = ""


class _Terminated(_Seen):
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    finished_at: datetime | None = None


class _ContainerState(_Seen):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _Container(_Seen):
    name: str
    restart_count: int = 0
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()


class _Condition(_Seen):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class _PodStatus(_Seen):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_Container, ...] = ()


class Pod(_Seen):
    """A pod."""

    metadata: Metadata
    status: _PodStatus = _PodStatus()

    @property
    def active(self) -> bool:
        """Whether a process of it may run, now or later."""
        return self.status.phase not in ("Succeeded", "Failed")


def trouble(pods: Iterable[Pod], now: datetime) -> str:
    """Why a pod does not run and will not by itself, in words; empty while it may."""
    return next((words for pod in pods if pod.active for words in _troubles(pod, now)), "")


def _troubles(pod: Pod, now: datetime) -> Iterator[str]:
    for container in pod.status.container_statuses:
        waiting = container.state.waiting
        if waiting is not None and waiting.reason in _HOPELESS:
            yield f"{pod.metadata.name}: {_HOPELESS[waiting.reason]} ({waiting.reason}): {_line(waiting.message)}"
        if container.restart_count >= _CRASHES and (waiting is not None or container.state.terminated is not None):
            yield f"{pod.metadata.name}: ended {container.restart_count} times{_last_end(container)}"
    created = pod.metadata.creation_timestamp
    for condition in pod.status.conditions:
        unplaced = condition.type == "PodScheduled" and condition.status == "False"
        if unplaced and created is not None and now - created > _PATIENCE:
            yield f"{pod.metadata.name}: no node takes it ({condition.reason}): {_line(condition.message)} {_ROOM}"


def last_words(pods: Sequence[Pod]) -> str:
    """What ended containers said last, newest end last."""
    ends = [
        (_seconds(end), pod.metadata.name, end.message.strip(), _how(one, end))
        for pod in pods
        for one in pod.status.container_statuses
        for end in _ends(one)
    ]
    told = ["\n".join(part for part in (said, f"{name}: {how}") if part) for _, name, said, how in sorted(ends)]
    told += [f"{pod.metadata.name}: {pod.status.reason}: {pod.status.message}" for pod in pods if pod.status.reason]
    return "\n".join(told)[-_TAIL:]


def answer(pods: Iterable[Pod]) -> str | None:
    """What the container of a Job's pod that succeeded left as its message."""
    for pod in pods:
        for container in pod.status.container_statuses:
            if container.state.terminated is not None and container.state.terminated.exit_code == 0:
                return container.state.terminated.message
    return None


def _ends(container: _Container) -> Iterator[_Terminated]:
    for state in (container.last_state, container.state):
        if state.terminated is not None:
            yield state.terminated


def _seconds(end: _Terminated) -> float:
    return end.finished_at.timestamp() if end.finished_at is not None else 0.0


def _last_end(container: _Container) -> str:
    ends = [*_ends(container)]
    if not ends:
        return ""
    said = ends[-1].message.strip().splitlines()
    return f", the last time {_how(container, ends[-1])}{': ' + said[-1] if said else ''}"


def _how(container: _Container, end: _Terminated) -> str:
    if end.reason == "OOMKilled":
        where = "jobManager.memory of the chart" if container.name == "jobmanager" else "runtime.resources.memory"
        return f"killed because it used more memory than {where} allows (OOMKilled)"
    return f"ended with exit code {end.exit_code}{f' ({end.reason})' if end.reason else ''}"


def _line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[0] if lines else "no message"
