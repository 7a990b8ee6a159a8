"""Pods in words."""

from datetime import UTC, datetime, timedelta

import pytest

from weir_operator.fleet.kubernetes import seen
from weir_operator.fleet.kubernetes.seen import Pod

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-01T11:59:00Z"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}


def pod(age: float = 5, name: str = "orders-tm-0", **status: object) -> Pod:
    created = (NOW - timedelta(seconds=age)).isoformat()
    return Pod.model_validate({"metadata": {"name": name, "creationTimestamp": created}, "status": status})


def container(name: str = "taskmanager", **fields: object) -> list[dict[str, object]]:
    return [{"name": name, **fields}]


def unplaced(age: float) -> Pod:
    message = "0/1 nodes are available: 1 Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(age, conditions=[condition])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(pod(phase="Running", containerStatuses=container(state={"running": {}})), "", id="runs"),
        pytest.param(
            pod(
                containerStatuses=container(state={"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}})
            ),
            "orders-tm-0: its image cannot be pulled (ImagePullBackOff): no such tag",
            id="no image",
        ),
        pytest.param(
            pod(containerStatuses=container(state=BACK_OFF, lastState=OOM, restartCount=3)),
            "orders-tm-0: ended 3 times, the last time killed because it used more memory than "
            "runtime.resources.memory allows (OOMKilled)",
            id="out of memory again and again",
        ),
        pytest.param(
            pod(containerStatuses=container("jobmanager", state=BACK_OFF, lastState=OOM, restartCount=3)),
            "orders-tm-0: ended 3 times, the last time killed because it used more memory than "
            "jobManager.memory of the chart allows (OOMKilled)",
            id="the JobManager too",
        ),
        pytest.param(
            pod(containerStatuses=container(state=BACK_OFF, lastState=OOM, restartCount=1)), "", id="one end is none"
        ),
        pytest.param(
            pod(containerStatuses=container(state={"running": {}}, lastState=OOM, restartCount=7)), "", id="up again"
        ),
        pytest.param(unplaced(10), "", id="no node yet"),
        pytest.param(
            unplaced(61),
            "orders-tm-0: no node takes it (Unschedulable): 0/1 nodes are available: 1 Insufficient memory."
            " (runtime.resources is what a pod asks for; runtime.rollover: cold needs no room for two revisions)",
            id="no node",
        ),
        pytest.param(pod(phase="Failed", reason="Evicted", message="disk"), "", id="replaced by another one"),
    ],
)
def test_trouble(found: Pod, words: str) -> None:
    assert seen.trouble([found], NOW) == words


def test_last_words_are_in_the_order_they_were_said() -> None:
    late = {"terminated": {"exitCode": 1, "message": "Address in use\n", "finishedAt": "2026-01-01T11:59:30Z"}}
    pods = [
        pod(name="b", containerStatuses=container(lastState=late)),
        pod(name="a", containerStatuses=container(lastState=OOM)),
        pod(name="c", phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
    ]
    assert seen.last_words(pods).splitlines() == [
        "a: killed because it used more memory than runtime.resources.memory allows (OOMKilled)",
        "Address in use",
        "b: ended with exit code 1",
        "c: Evicted: The node was low on resource: memory.",
    ]
