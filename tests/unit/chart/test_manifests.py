"""What the chart makes of values: as reviewed, and safe."""

import pytest

from .rendering import SNAPSHOTS, Document, cases, documents, of_kind, rendered, snapshot

every_case = pytest.mark.parametrize("case", cases())


@every_case
def test_the_manifests_are_those_that_were_reviewed(case: str) -> None:
    assert snapshot(case) == (SNAPSHOTS / f"{case}.yaml").read_text(), "run `make chart` and look at the difference"


def test_every_snapshot_has_its_values() -> None:
    assert sorted(path.stem for path in SNAPSHOTS.glob("*.yaml")) == cases()


@every_case
def test_the_operator_runs_under_the_restricted_pod_security_standard(case: str) -> None:
    (deployment,) = of_kind(documents(rendered(case)), "Deployment")
    pod = deployment["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) & {"configMap", "emptyDir"} for volume in pod["volumes"])
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@every_case
def test_an_uninstall_keeps_state_and_what_running_pipelines_need(case: str) -> None:
    operators_own = {"ClusterRole", "ClusterRoleBinding", "ConfigMap", "Deployment", "Service"}
    kept_kinds = {"CustomResourceDefinition", "PersistentVolumeClaim"}
    for document in documents(rendered(case)):
        kept = document["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
        if document["kind"] in kept_kinds or _of_runtime(document):
            assert kept, document["metadata"]["name"]
        if document["kind"] in operators_own:
            assert not kept, document["metadata"]["name"]


def _of_runtime(document: Document) -> bool:
    kinds = {"ServiceAccount", "Role", "RoleBinding"}
    return document["kind"] in kinds and document["metadata"]["name"] in {"weir-runtime", "pipelines"}


def test_a_changed_configuration_restarts_the_operator() -> None:
    def annotation(*further: str) -> str:
        (deployment,) = of_kind(documents(rendered("minimal", *further)), "Deployment")
        return str(deployment["spec"]["template"]["metadata"]["annotations"]["weir.dev/config"])

    assert annotation() == annotation("--set", "operator.replicas=2")
    assert annotation() != annotation("--set", "runtime.jobManager.memory=2Gi")


def test_without_a_cluster_role_where_namespaces_are_named() -> None:
    kinds = {document["kind"] for document in documents(rendered("namespaced"))}

    assert not {kind for kind in kinds if kind.startswith("Cluster")}
