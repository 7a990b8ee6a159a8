"""Jobs that look at a StreamJob's state, or clear some of it, with the runtime's image. Pure.

The operator mounts no volume and knows no object store; a launcher does, but none is left when state is removed, and
while one runs it has better to do. So a small pod runs `python -m weir_runtime.states`, and answers in its termination
message, which is read without any right to logs.
"""

from dataclasses import dataclass
from typing import Final, Literal

from . import names, pods
from .configs import ClusterConfig, JsonObject
from .objects import Owner

Task = Literal["list", "prune", "clear"]

_KEPT_SECONDS: Final = 600
_DEADLINE_SECONDS: Final = 300
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class StateJob:
    """One look or one clearing. Without an owner it outlives the StreamJob: a removal is done after it is gone."""

    cluster: ClusterConfig
    namespace: str
    streamjob: str
    task: Task
    arguments: tuple[str, ...]
    token: str
    """The same token is the same Job, however often it is asked for."""
    owner: Owner | None = None

    @property
    def name(self) -> str:
        """The Job's."""
        return names.state_job_name(self.streamjob, self.task, self.token)


def build(job: StateJob) -> JsonObject:
    """The Job; its pod talks to nobody but the state."""
    labels = names.labels(job.streamjob, "state")
    metadata: JsonObject = {"name": job.name, "namespace": job.namespace, "labels": labels}
    if job.owner is not None:
        metadata["ownerReferences"] = [job.owner.reference()]
    container: JsonObject = {
        "name": "state",
        "image": job.cluster.image,
        "imagePullPolicy": job.cluster.image_pull_policy,
        "command": ["python", "-m", "weir_runtime.states", job.task, *job.arguments],
        "env": pods.environment(job.cluster, {"HOME": "/tmp"}),
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": pods.security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    volumes = [*pods.scratch(), *pods.state(job.cluster)]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": _TRIES,
            "activeDeadlineSeconds": _DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": pods.template(job.cluster, labels, container, volumes, token=False, restart="Never"),
        },
    }
