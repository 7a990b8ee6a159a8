"""Kinds with services beside their job, in the cluster: what queries answer, and what a dispatcher delivers."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Producer

from support.http_servers import Asked, Reply, answering
from support.waiting import wait_until
from weir_operator.fleet import streams
from weir_operator.fleet.kubernetes import names

from . import kubectl
from .releases import Release

pytestmark = pytest.mark.timeout(1200)

NODE = os.environ.get("NODE_IP", "127.0.0.1")
BILLS = """\
apiVersion: weir.dev/v1alpha1
kind: BillingView
metadata: {name: bills}
spec:
  source:
    topic: charges
    fields: {at: BIGINT, customer: STRING, amount: "DECIMAL(18, 2)"}
    timestamp: {field: at, unit: ms, outOfOrderness: 1s}
  amount: {value: amount, currency: EUR, scale: 2}
  period: {every: month, keepFor: 1d}
  views: [{name: customers, by: [customer]}]
  runtime: {checkpointInterval: 1s, resources: {cpu: 250m}}
"""
RULE = """\
apiVersion: weir.dev/v1alpha1
kind: RoutingRule
metadata: {name: NAME}
spec:
  source: {topic: signups}
  match: {types: [TYPE]}
  destination: {DESTINATION}
  runtime: {checkpointInterval: 1s, resources: {cpu: 250m}}
"""


def rule(name: str, kind: str, destination: str) -> str:
    return RULE.replace("NAME", name).replace("TYPE", kind).replace("DESTINATION", destination)


@contextmanager
def target() -> Iterator[tuple[str, list[Any]]]:
    """An HTTP server on this machine: where it takes deliveries, and those that it took."""
    bodies: list[Any] = []

    def take(request: Asked) -> Reply:
        bodies.append(json.loads(request.body))
        return Reply(204)

    with answering(take, NODE) as url:
        yield f"{url}/hook", bodies


@pytest.fixture
def namespace(release: Release, kafka: str) -> Iterator[str]:
    """Where the chart is, and whose dispatchers may deliver to this machine."""
    release.install("--set", f"dispatcher.allowedNetworks={{{NODE}/32}}", kafka=kafka)
    yield release.namespace
    for kind in ("billingviews", "routingrules"):
        kubectl.run("delete", kind, "--all", "--namespace", release.namespace, "--timeout=180s", deadline=200)


def send(kafka: str, topic: str, *events: dict[str, object]) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    for event in events:
        producer.produce(topic, json.dumps(event).encode())
    assert producer.flush(30) == 0


def apply(namespace: str, document: str) -> None:
    kubectl.run("apply", "--namespace", namespace, "--filename", "-", stdin=document)


def await_ready(namespace: str, what: str) -> None:
    kubectl.run("wait", "--namespace", namespace, what, "--for=condition=Ready", "--timeout=300s", deadline=330)


def asked(namespace: str, streamjob: str, service: str, path: str) -> Any:
    """The service's answer through its Service, or None while it says no."""
    name = names.service_name(streamjob, service)
    try:
        return json.loads(
            kubectl.run("get", "--raw", f"/api/v1/namespaces/{namespace}/services/{name}:http/proxy{path}")
        )
    except kubectl.KubectlError:
        return None


def test_a_billing_view_answers_questions(namespace: str, kafka: str) -> None:
    apply(namespace, BILLS)
    await_ready(namespace, "billingview/bills")
    at = 1_793_534_400_000
    charges = (("Emma", "1.25"), ("Noah", "0.10"), ("Emma", "2.50"))
    send(
        kafka, "charges", *({"at": at + n, "customer": who, "amount": cents} for n, (who, cents) in enumerate(charges))
    )

    def total() -> str | None:
        answer = asked(namespace, "bills", "query", "/views/customers/Emma")
        return answer["totals"][0]["total"] if answer else None

    wait_until(lambda: total() == "3.75", 60, "the total of both charges", 0.5)
    print(kubectl.run("get", "pipelines", "--namespace", namespace))
    # A pod of the service that is gone comes back with the same answers, without the operator's help.
    selector = ",".join(f"{key}={value}" for key, value in names.service_selector("bills", "query").items())
    assert "deleted" in kubectl.run("delete", "pod", "--namespace", namespace, "--selector", selector)
    wait_until(lambda: total() == "3.75", 90, "the same answer after the pod was deleted", 0.5)


def test_rules_route_and_deliver(namespace: str, kafka: str) -> None:
    with target() as (url, bodies):
        apply(namespace, rule("to-topic", "welcome", "topic: welcomed"))
        apply(namespace, rule("to-url", "hook", f'http: {{url: "{url}"}}'))
        for name in ("to-topic", "to-url"):
            await_ready(namespace, f"routingrule/{name}")
        send(kafka, "signups", {"type": "welcome", "n": 1}, {"type": "hook", "n": 2})
        routed = wait_until(lambda: list(streams.read_all(kafka, "welcomed")), 60, "the event in its topic")
        assert [json.loads(record.value or "") for record in routed] == [{"type": "welcome", "n": 1}]
        wait_until(lambda: bodies, 90, "the delivery")
        assert bodies == [{"type": "hook", "n": 2}]

        # A change reaches the router while it runs: the same job goes on.
        before = _router(namespace)
        apply(namespace, rule("to-topic", "hook", "topic: welcomed"))
        kubectl.run(
            "wait", "--namespace", namespace, "routingrule/to-topic", "--for=jsonpath={.status.observedGeneration}=2",
            "--timeout=60s",
        )  # fmt: skip
        await_ready(namespace, "routingrule/to-topic")
        send(kafka, "signups", {"type": "welcome", "n": 3}, {"type": "hook", "n": 4})
        wait_until(lambda: len(bodies) == 2, 60, "the second delivery")
        wait_until(lambda: len(list(streams.read_all(kafka, "welcomed"))) > 1, 60, "the event of the new rule")
        routed = list(streams.read_all(kafka, "welcomed"))
        assert [json.loads(record.value or "")["n"] for record in routed] == [1, 4]
        assert _router(namespace) == before
        print(kubectl.run("get", "pipelines", "--namespace", namespace))


def _router(namespace: str) -> tuple[str, int]:
    (router,) = (
        job for job in kubectl.get("streamjobs", "--namespace", namespace)["items"]
        if job["metadata"]["name"].startswith("router-")
    )  # fmt: skip
    return router["status"]["job"]["id"], router["status"]["job"]["restarts"]
