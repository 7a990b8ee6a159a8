"""The operator's life with StreamJobs and a Pattern: children, status, rollover, deletion, conflicts, two replicas."""

import threading
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from support.apiservers import Object
from support.waiting import wait_until
from unit.operator.conftest import Running, start
from weir_operator.fleet.kubernetes.api import DEPLOYMENT
from weir_operator.fleet.kubernetes.stored import FINALIZER, FORCE_DELETE

SPEC: Object = {
    "program": {
        "tables": ["CREATE TABLE a (id STRING) WITH ('connector' = 'datagen')"],
        "inserts": [{"name": "all", "sql": "INSERT INTO b SELECT id FROM a"}],
    }
}
CHANGED: Object = {
    "program": {**SPEC["program"], "inserts": [{"name": "all", "sql": "INSERT INTO b SELECT 'x' FROM a"}]}
}
PATTERN = Path(__file__).parents[3] / "examples"


def test_a_new_streamjob_gets_its_objects_and_a_status(running: Running) -> None:
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    status = running.status("StreamJob", "orders")
    revision = status["revision"]
    assert running.server.names("deployments") == [f"orders-{revision}-jm", f"orders-{revision}-tm"]
    assert running.server.names("services") == running.server.names("configmaps") == [f"orders-{revision}"]
    assert status["rollover"]["step"] == "Done"
    found = running.server.find("streamjobs", "orders")
    assert found is not None
    assert found["metadata"]["finalizers"] == [FINALIZER]
    assert "annotations" not in found["metadata"]  # no copy of the spec, no progress of kopf's


def test_a_changed_spec_is_brought_up_beside_what_runs_and_takes_over_from_its_savepoint(running: Running) -> None:
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    before = running.status("StreamJob", "orders")
    running.launchers.waiting = "compiling"

    running.apply("StreamJob", "orders", CHANGED)
    running.until(lambda: len(running.server.names("deployments")) == 4, "both revisions are deployed")
    status = running.status("StreamJob", "orders")
    assert (status["phase"], status["job"]["id"], status["job"]["state"]) == (
        "Updating",
        before["job"]["id"],
        "RUNNING",
    )

    running.launchers.waiting = "standby"
    running.until_phase("StreamJob", "orders", "Running")
    after = running.status("StreamJob", "orders")
    assert after["revision"] != before["revision"]
    assert (
        after["job"]["restoredFrom"]
        == after["savepoint"]["location"]
        == running.launchers.points[0].location.replace("file:/", "file:///")
    )
    assert after["rollover"]["gapSeconds"] >= 0
    running.until(lambda: len(running.server.names("services")) == 1, "the old revision is gone")
    assert running.server.names("services") == [f"orders-{after['revision']}"]
    reasons = {(event["type"], event["reason"]) for event in running.server.all("events")}
    assert {("Normal", "Saved"), ("Normal", "Done")} <= reasons


def test_deleting_waits_for_a_last_savepoint_and_leaves_nothing_but_that(running: Running) -> None:
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    running.delete("StreamJob", "orders")
    running.until(lambda: running.server.find("streamjobs", "orders") is None, "the StreamJob is gone")
    assert [point.kind for point in running.launchers.points] == ["savepoint"]
    assert running.server.names("deployments") == running.server.names("services") == []
    clearing = [job for job in running.server.all("jobs") if "clear" in job["metadata"]["name"]]
    (container,) = clearing[0]["spec"]["template"]["spec"]["containers"]
    kept = running.launchers.points[0].location.replace("file:/", "file:///")
    assert container["command"][3:] == ["clear", "file:///var/lib/weir/state/default/orders", "--keep", kept]


def test_the_emergency_exit_lets_go_at_once(running: Running) -> None:
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    running.apply("StreamJob", "orders", SPEC, annotations={FORCE_DELETE: "true"})
    running.delete("StreamJob", "orders")
    running.until(lambda: running.server.find("streamjobs", "orders") is None, "the StreamJob is gone")
    assert running.launchers.points == []
    running.until(lambda: not running.server.names("deployments"), "what it owned is collected")


def test_a_status_that_was_written_over_is_looked_at_again(running: Running) -> None:
    seen: list[str] = []

    def meddle(found: Object) -> None:
        found["metadata"]["labels"] = {"team": "payments"}
        found["metadata"]["resourceVersion"] += "0"
        seen.append(found["metadata"]["name"])

    running.server.behaviour.before_status = meddle
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    assert seen == ["orders"]
    conflicts = {"verb": "update", "resource": "streamjobs/status", "code": "409"}
    assert running.operator.telemetry.registry.get_sample_value("weir_api_calls_total", conflicts) == 1
    found = running.server.find("streamjobs", "orders")
    assert found is not None and found["metadata"]["labels"] == {"team": "payments"}


def test_an_image_that_cannot_be_pulled_is_said_in_words(running: Running) -> None:
    running.server.behaviour.deployments_ready = False
    running.launchers.waiting = "compiling"
    running.apply("StreamJob", "orders", SPEC)
    running.until(lambda: len(running.server.names("deployments")) == 2, "it is deployed")
    (jobmanager, _) = running.server.all("deployments")
    message = 'Back-off pulling image "weir-runtime:1"'
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": message}}}
    running.user.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "orders-jm-0", "namespace": "default", "labels": jobmanager["metadata"]["labels"]},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "jobmanager", **waiting}]},
        }
    )
    running.until_phase("StreamJob", "orders", "Degraded")
    (deployed,) = [one for one in running.status("StreamJob", "orders")["conditions"] if one["type"] == "Deployed"]
    assert deployed["reason"] == "DeployFailed"
    assert deployed["message"] == f"orders-jm-0: its image cannot be pulled (ImagePullBackOff): {message}"


def test_a_deployment_that_someone_removed_is_made_again(running: Running) -> None:
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    name = f"orders-{running.status('StreamJob', 'orders')['revision']}-tm"
    job = running.status("StreamJob", "orders")["job"]["id"]
    uid = running.uid("deployments", name)
    running.user.delete(DEPLOYMENT, "default", name)
    running.until(lambda: running.uid("deployments", name) not in (None, uid), "there is another one")
    assert running.status("StreamJob", "orders")["job"]["id"] == job


def test_a_pattern_is_compiled_to_a_streamjob_that_goes_with_it(running: Running) -> None:
    document = YAML(typ="safe").load(next(PATTERN.rglob("products-load-time.yaml")).read_text())
    running.apply("Pattern", "load-time", document["spec"])
    running.until(lambda: running.server.find("streamjobs", "load-time"), "it is compiled")
    child, parent = running.server.find("streamjobs", "load-time"), running.server.find("patterns", "load-time")
    assert child is not None and parent is not None
    assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [parent["metadata"]["uid"]]
    running.until(lambda: running.status("Pattern", "load-time").get("conditions"), "it shows its StreamJob's status")
    running.delete("Pattern", "load-time")
    running.until(lambda: not running.server.names("patterns"), "it is gone")
    assert running.server.names("streamjobs") == []


def test_an_invalid_spec_is_told_by_field_and_once(running: Running) -> None:
    running.apply("StreamJob", "orders", {"program": {"tables": [], "inserts": []}})
    running.until_phase("StreamJob", "orders", "Failed")
    (validated,) = [one for one in running.status("StreamJob", "orders")["conditions"] if one["type"] == "Validated"]
    assert validated["reason"] == "InvalidSpec" and "spec.program.inserts" in validated["message"]
    running.until(lambda: running.server.all("events"), "it is told in an event")
    assert [event["reason"] for event in running.server.all("events")] == ["InvalidSpec"]


def test_a_second_replica_waits_until_the_first_has_given_the_lease_back(running: Running) -> None:
    running.until(lambda: running.server.names("leases"), "the first one holds the Lease")
    second = start(running.server, running.launchers, "operator-1")
    thread = threading.Thread(target=second.run)
    thread.start()
    try:
        wait_until(lambda: second.lease.heard_at, 10, "the second one looks at the Lease")
        assert (second.ready(), second.alive()) == (None, None)
        running.apply("StreamJob", "orders", SPEC)
        running.until_phase("StreamJob", "orders", "Running")
        running.operator.stop.set()
        running.until(lambda: running.holder() == "operator-1", "the second one takes over")
        running.apply("StreamJob", "other", SPEC)
        running.until_phase("StreamJob", "other", "Running")
    finally:
        second.stop.set()
        thread.join(30)
        second.api.close()
    assert running.holder() == ""


@pytest.mark.parametrize("kind", ["Pattern", "StreamJob"])
def test_phases_are_counted(running: Running, kind: str) -> None:
    registry = running.operator.telemetry.registry
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    expected = 1 if kind == "StreamJob" else 0
    shown = {"kind": kind, "phase": "Running"}
    running.until(lambda: registry.get_sample_value("weir_resources", shown) == expected, "it is counted")
    who = {"kind": "StreamJob", "namespace": "default", "name": "orders"}
    ready = registry.get_sample_value("weir_resource_ready", {**who, "phase": "Running"})
    assert ready == 1
    passes = registry.get_sample_value("weir_reconciles_total", {"kind": kind, "outcome": "ok"}) or 0
    assert (passes > 0) == (kind == "StreamJob")
