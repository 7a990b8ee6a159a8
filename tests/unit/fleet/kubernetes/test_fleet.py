"""What a fleet of Deployments sees, and what it does when it is told to."""

import json

import pytest

from unit.fleet.kubernetes.conftest import KEY, REVISION, Lab
from weir_api.services import Service
from weir_operator.fleet.actions import Deploy, PruneState, Recycle, Remove, RemoveState, Serve
from weir_operator.fleet.fleets import FleetError, RefusedError
from weir_operator.fleet.kubernetes import names
from weir_operator.fleet.kubernetes.api import DEPLOYMENT, SERVICE, ClusterError

JM, TM = f"orders-{REVISION}-jm", f"orders-{REVISION}-tm"


def work_directory(lab: Lab) -> str:
    found = lab.server.find("configmaps", f"orders-{REVISION}")
    assert found is not None
    place: str = json.loads(found["data"]["config.json"])["workDirectory"]
    return place


def replicas(lab: Lab) -> list[int]:
    return [one["spec"]["replicas"] for one in lab.server.all("deployments")]


def high_availability(lab: Lab) -> str:
    """As Flink makes it."""
    service, job = lab.server.find("services", f"orders-{REVISION}"), lab.server.find("streamjobs", "orders")
    assert service is not None and job is not None
    life = service["metadata"]["annotations"][names.LIFE]
    cluster = names.cluster_id(job["metadata"]["uid"], REVISION, life)
    labels = {"app": cluster, "configmap-type": "high-availability", "type": "flink-native-kubernetes"}
    metadata = {"name": f"{cluster}-cluster-config-map", "namespace": "default", "labels": labels}
    lab.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})
    return str(metadata["name"])


def test_deploying_twice_changes_nothing(lab: Lab) -> None:
    for _ in range(2):
        lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on=False))
    assert lab.server.names("deployments") == [JM, TM]
    found = lab.revision()
    assert (found.revision, found.alive, found.complete) == (REVISION, True, True)
    assert found.answer is not None and found.answer.phase == "standby"


def test_workers_may_come_later_and_change_nothing_else(lab: Lab) -> None:
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on=False, workers=False))
    before = work_directory(lab)
    assert replicas(lab) == [1, 0]
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on=False))
    assert (work_directory(lab), replicas(lab)) == (before, [1, 1])


def test_a_revision_that_goes_on_finds_what_it_was_told_and_one_that_must_not_does_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = iter(["65000000", "65000001"])
    monkeypatch.setattr(names, "life", lambda _: next(lives))
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    first = work_directory(lab)
    lab.fleet.perform(KEY, Recycle(REVISION))
    lab.fleet.perform(KEY, Deploy(REVISION))
    assert (work_directory(lab), replicas(lab)) == (first, [1, 1])
    lab.fleet.perform(KEY, Recycle(REVISION))
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on=False))
    assert (first[-8:], work_directory(lab)[-8:]) == ("65000000", "65000001")


def test_a_recycled_revision_is_gone_only_when_its_last_pod_is(lab: Lab) -> None:
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    lab.pod("orders-jm-0", names.labels("orders", "jobmanager", REVISION), {"phase": "Running"})
    lab.fleet.perform(KEY, Recycle(REVISION))
    assert replicas(lab) == [0, 0]
    assert lab.revision().alive
    lab.pod("orders-jm-0", names.labels("orders", "jobmanager", REVISION), {"phase": "Succeeded"})
    found = lab.revision()
    assert (found.alive, found.complete) == (False, True)


@pytest.mark.parametrize("go_on", [True, False])
def test_a_revision_whose_jobmanager_is_still_ending_is_not_deployed_beside_it(lab: Lab, go_on: bool) -> None:
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    labels = names.labels("orders", "jobmanager", REVISION)
    lab.pod("orders-jm-0", labels, {"phase": "Running"})
    lab.api.delete(DEPLOYMENT, "default", JM)
    with pytest.raises(FleetError, match="still ending"):
        lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on))
    assert lab.server.names("deployments") == [TM]
    lab.pod("orders-jm-0", labels, {"phase": "Succeeded"})
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on))
    assert lab.server.names("deployments") == [JM, TM]


def test_what_is_kept_up_keeps_what_it_was_told_even_if_a_part_is_made_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = iter(["65000000", "65000001"])
    monkeypatch.setattr(names, "life", lambda _: next(lives))
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    first = work_directory(lab)
    lab.api.delete(DEPLOYMENT, "default", TM)
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on=False))
    assert work_directory(lab) == first


def test_removing_takes_flinks_own_data_last_but_for_the_service(lab: Lab) -> None:
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    kept = high_availability(lab)
    labels = names.labels("orders", "jobmanager", REVISION)
    lab.pod("orders-jm-0", labels, {"phase": "Running"})

    lab.fleet.perform(KEY, Remove(REVISION))
    assert lab.server.names("deployments") == []
    assert kept in lab.server.names("configmaps")  # its JobManager may still write it
    assert lab.revision().alive

    lab.pod("orders-jm-0", labels, {"phase": "Failed"})
    lab.fleet.perform(KEY, Remove(REVISION))
    assert lab.server.names("configmaps") == lab.server.names("services") == []
    assert lab.look().revisions == ()


def test_a_deployment_that_someone_deleted_makes_it_incomplete_and_comes_back(lab: Lab) -> None:
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    lab.api.delete(DEPLOYMENT, "default", TM)
    assert not lab.revision().complete
    lab.fleet.perform(KEY, Deploy(REVISION))
    assert lab.revision().complete


def test_a_service_that_someone_deleted_comes_back_and_the_job_goes_on_undisturbed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = iter(["65000000", "65000001"])
    monkeypatch.setattr(names, "life", lambda _: next(lives))
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    before = lab.server.all("deployments")
    lab.api.delete(SERVICE, "default", f"orders-{REVISION}")
    assert not lab.revision().complete
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    assert lab.revision().complete
    assert [one["metadata"]["generation"] for one in lab.server.all("deployments")] == [1, 1]
    assert [one["spec"] for one in lab.server.all("deployments")] == [one["spec"] for one in before]


def test_a_removed_revision_cannot_go_on(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="was removed"):
        lab.fleet.perform(KEY, Deploy(REVISION))


def test_nothing_is_deployed_for_a_streamjob_that_is_gone(lab: Lab) -> None:
    with pytest.raises(FleetError, match="no longer there"):
        lab.fleet.perform(KEY.model_copy(update={"name": "other"}), Deploy(REVISION, lab.config))


def test_an_api_server_that_is_away_is_not_an_empty_cluster(lab: Lab) -> None:
    lab.server.stop()
    with pytest.raises(ClusterError, match="does not answer"):
        lab.look()
    with pytest.raises(FleetError):
        lab.fleet.perform(KEY, Remove(REVISION))


def test_restore_points_come_from_a_job_where_no_launcher_is_left(lab: Lab) -> None:
    assert not lab.look().points_known
    assert lab.server.names("jobs") == []  # nobody waits for them
    assert not lab.look(points=True).points_known
    assert not lab.look(points=True).points_known
    (job,) = lab.server.all("jobs")
    labels = {**names.labels("orders", "state"), "batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
    place = f"checkpoints/{'a' * 32}/chk-3"
    ended = {"terminated": {"exitCode": 0, "message": f"{place} 1700000000.000 7\nend\n"}}
    lab.pod("list-0", labels, {"phase": "Succeeded", "containerStatuses": [{"name": "state", "state": ended}]})
    found = lab.look(points=True)
    assert found.points_known
    assert [one.location for one in found.points] == [f"file:///var/lib/weir/state/default/orders/{place}"]

    lab.fleet.perform(KEY, Deploy(REVISION, lab.config))
    assert lab.server.names("jobs") == []  # from here on the list may be wrong


def test_a_job_that_failed_to_list_is_made_again(lab: Lab) -> None:
    lab.look(points=True)
    (job,) = lab.server.all("jobs")
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    lab.api.replace_status({**job, "status": {"conditions": [failed]}})
    lab.look(points=True)
    assert lab.server.names("jobs") == []
    lab.look(points=True)
    assert lab.server.names("jobs") == [job["metadata"]["name"]]


def test_state_is_pruned_once_per_job_and_never_where_nothing_can_be_old(lab: Lab) -> None:
    lab.fleet.perform(KEY, PruneState("b" * 32))
    assert lab.server.names("jobs") == []
    for _ in range(2):
        lab.fleet.perform(KEY, PruneState("b" * 32, ("file:///kept",)))
    (job,) = lab.server.all("jobs")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    uri = "file:///var/lib/weir/state/default/orders"
    options = ["--job", "b" * 32, "--keep", "file:///kept"]
    assert container["command"][2:] == ["weir_runtime.states", "prune", uri, *options]


def test_a_clearing_outlives_the_streamjob(lab: Lab) -> None:
    lab.fleet.perform(KEY, RemoveState())
    (job,) = lab.server.all("jobs")
    assert "ownerReferences" not in job["metadata"]
    assert job["spec"]["ttlSecondsAfterFinished"] > 0


QUERY = Service(name="query", program="queries")


def test_services_come_change_and_go_beside_a_revision(lab: Lab) -> None:
    lab.fleet.perform(KEY, Deploy(REVISION, lab.config, go_on=False))
    for replicas in (1, 2):
        lab.fleet.perform(KEY, Serve((QUERY.model_copy(update={"replicas": replicas}),)))
        lab.fleet.perform(KEY, Serve())
        (seen,) = lab.look().services
        assert (seen.name, seen.replicas, seen.ready, seen.complete) == ("query", replicas, replicas, True)
        assert seen.digest == QUERY.model_copy(update={"replicas": replicas}).digest
    assert lab.revision().revision == REVISION, "what belongs to no revision is none"
    lab.fleet.perform(KEY, Serve(()))
    assert lab.look().services == ()
    lab.fleet.perform(KEY, Serve(()))
    assert lab.server.names("deployments") == [JM, TM]
    assert lab.server.find("configmaps", "orders-query") is None and lab.server.find("services", "orders-query") is None


def test_a_service_whose_pod_cannot_run_says_why(lab: Lab) -> None:
    lab.server.behaviour.deployments_ready = False
    lab.fleet.perform(KEY, Serve((QUERY,)))
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    container = {"name": "service", "restartCount": 0, "state": {"waiting": waiting}}
    lab.pod("orders-query-1", names.service_labels("orders", "query"), {"containerStatuses": [container]})
    (seen,) = lab.look().services
    assert "its image cannot be pulled" in seen.trouble and "no such image" in seen.trouble
