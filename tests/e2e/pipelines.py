"""A Pattern in the cluster: applied with kubectl, and seen as the API server has it."""

from faults.pipelines import Pipeline
from weir_api.statuses import Status
from weir_operator.fleet.kubernetes.api import OWN, KubernetesApi, from_environment

from . import kubectl

API = KubernetesApi(from_environment())


class ClusterPipeline(Pipeline):
    """A resource in a namespace; its job is told of by the StreamJob of the same name."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(name)
        self.namespace = namespace

    def write(self, document: str) -> None:
        """Apply it, as a user does."""
        kubectl.run("apply", "--namespace", self.namespace, "--filename", "-", stdin=document)

    @property
    def status(self) -> Status:
        """What the API server has of the StreamJob's status."""
        found = API.get(OWN["StreamJob"], self.namespace, self.name)
        return Status.model_validate(found["status"]) if found is not None and "status" in found else Status()

    def check(self) -> None:
        """Kubernetes starts again what has ended."""

    def delete_pods(self, component: str) -> None:
        """Kill this revision's pods of a component as they stand: nothing of theirs ends in order."""
        labels = {"streamjob": self.name, "component": component, "revision": self.job.revision}
        delete_pods(self.namespace, ",".join(f"weir.dev/{name}={value}" for name, value in labels.items()))


def delete_pods(namespace: str, selector: str) -> None:
    """kill -9 to all pods with these labels; returns at once."""
    told = kubectl.run(
        "delete", "pod", "--namespace", namespace, "--selector", selector, "--grace-period=0", "--force",
        "--wait=false",
    )  # fmt: skip
    assert "deleted" in told, f"no pod has {selector}"
