"""The runtime image without the operator: pods as the fleet builds them, from an empty namespace to a running job."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from weir_api.blocks import Runtime
from weir_api.launchers import RevisionConfig
from weir_api.streamjobs import Insert, Program
from weir_operator.fleet.kubernetes import configs, names, objects

from . import kubectl
from .releases import KAFKA, Release

pytestmark = pytest.mark.timeout(900)

JOB = "c" * 32
PROGRAM = Program(
    tables=(
        "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')",
        "CREATE TABLE nowhere (n BIGINT, seen BIGINT) WITH ('connector' = 'blackhole')",
    ),
    inserts=(Insert(name="counts", sql="INSERT INTO nowhere SELECT n, COUNT(*) FROM numbers GROUP BY n"),),
)
# Prints the answer to a GET, or to a POST of the second argument.
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], sys.argv[2].encode() or None).read().decode())"


class Pods:
    """A revision's pods, made by hand: no StreamJob owns them, and no operator looks after them."""

    def __init__(self, namespace: str, image: str) -> None:
        self.namespace = namespace
        state = f"file://{names.STATE_MOUNT}/state/{namespace}/by-hand"
        config = RevisionConfig(
            namespace=namespace,
            name="by-hand",
            revision="r1",
            program=PROGRAM,
            runtime=Runtime(checkpoint_interval="1s"),
            bootstrap_servers=KAFKA,
            state_directory=state,
            work_directory=f"{names.STATE_MOUNT}/state/{namespace}/by-hand/work/r1",
        )
        cluster = configs.ClusterConfig(
            image=image,
            bootstrap_servers=KAFKA,
            service_account="weir-runtime",
            state=configs.State(claim="weir-state"),
        )
        for document in objects.of_revision(objects.Deployed(cluster, objects.Owner("by-hand", "0"), config, "1")):
            metadata = document["metadata"]
            assert isinstance(metadata, dict)
            kubectl.apply({**document, "metadata": {**metadata, "ownerReferences": []}})
        self.jobmanager, self.taskmanager = (
            f"deployment/{names.deployment_name('by-hand', 'r1', role)}" for role in ("jobmanager", "taskmanager")
        )

    def inside(self, deployment: str, *command: str) -> str:
        return kubectl.run("exec", "--namespace", self.namespace, deployment, "--", *command)

    def ask(self, route: str, body: object = None) -> Any:
        """The launcher's answer, asked from within its pod, so that any cluster will do."""
        url = f"http://127.0.0.1:{names.LAUNCHER_PORT}{route}"
        return json.loads(self.inside(self.jobmanager, "python", "-c", ASK, url, json.dumps(body) if body else ""))


def eventually(told: Callable[[], Any], wanted: object, deadline: float = 180) -> None:
    """Waits until it is told what is wanted; a pod that does not answer yet has said nothing."""
    end, last = time.monotonic() + deadline, None
    while time.monotonic() < end:
        try:
            if (last := told()) == wanted:
                return
        except kubectl.KubectlError as error:
            last = error
        time.sleep(0.5)
    raise AssertionError(f"waited {deadline:.0f} s for {wanted!r}; last: {last!r}")


@pytest.fixture(scope="module")
def pods(release: Release, images: dict[str, str]) -> Pods:
    release.install("--set", "operator.replicas=0")
    made = Pods(release.namespace, images["runtime"])
    eventually(lambda: made.ask("/v1/revision")["phase"], "standby")
    return made


def test_it_runs_a_job(pods: Pods) -> None:
    pods.ask("/v1/start", {"jobId": JOB})
    eventually(lambda: pods.ask("/v1/revision")["phase"], "running")
    eventually(lambda: bool(pods.ask("/v1/restore-points")["points"]), True)


def test_a_deleted_jobmanager_goes_on_by_itself(pods: Pods) -> None:
    before = pods.ask("/v1/revision")["job"]
    kubectl.run("delete", "pod", "--namespace", pods.namespace, "--selector", "weir.dev/component=jobmanager")
    eventually(lambda: pods.ask("/v1/revision")["phase"], "running", deadline=90)

    after = pods.ask("/v1/revision")["job"]
    assert after["id"] == before["id"] == JOB
    assert f"/checkpoints/{JOB}/chk-" in after["restoredFrom"]


def test_it_runs_as_nobody_on_a_root_it_cannot_write(pods: Pods) -> None:
    for deployment in (pods.jobmanager, pods.taskmanager):
        assert pods.inside(deployment, "id", "-u").strip() == "10001"
        with pytest.raises(kubectl.KubectlError, match="Read-only file system"):
            pods.inside(deployment, "touch", "/opt/flink/lib/new.jar")


def test_nothing_that_builds_is_in_it(pods: Pods) -> None:
    for tool in ("pip", "pip3", "gcc", "cc", "make", "git", "mvn", "javac"):
        with pytest.raises(kubectl.KubectlError, match="exit code"):
            pods.inside(pods.taskmanager, "sh", "-c", f"command -v {tool}")
