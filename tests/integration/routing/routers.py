"""A router as the launcher runs it: primed with rules, then routing, and rules changed under it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from confluent_kafka import Producer

from integration.launcher.processes import DEADLINE, LauncherProcess, request
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import RoutingRule, parse
from weir_api.routings import RESULTS_HTTP, RoutingRuleSpec
from weir_api.streamjobs import Topic
from weir_operator.compiler.routing_records import Rule, records
from weir_operator.compiler.routings import Router, compile_router, router_of
from weir_operator.fleet import artifacts, streams, tables, topics

ROUTING_JOB = "b" * 32


def rule(name: str, **spec: Any) -> RoutingRule:
    """A rule over the topic `events`."""
    given = {"source": {"topic": "events"}, "runtime": {"checkpointInterval": "500ms"}, **spec}
    document = {"apiVersion": "weir.dev/v1alpha1", "kind": "RoutingRule", "metadata": {"name": name}, "spec": given}
    parsed = parse(document)
    assert isinstance(parsed.spec, RoutingRuleSpec)
    return cast(RoutingRule, parsed)


@dataclass
class RunningRouter:
    """One that runs, its rules, and what comes out of it."""

    servers: str
    router: Router
    rules: dict[str, RoutingRule] = field(default_factory=dict)
    launcher: LauncherProcess | None = None

    def make_topics(self) -> None:
        """Those that the router needs at its start."""
        topics.ensure_topics(self.servers, compile_router(self.router).program.topics)

    def job(self) -> Mapping[str, Any]:
        """State and number of restarts, as Flink tells them."""
        assert self.launcher is not None
        url = f"{self.launcher.answer().flink_url}/jobs/{ROUTING_JOB}"
        state = json.loads(request(url))["state"]
        (restarts,) = json.loads(request(f"{url}/metrics?get=numRestarts"))
        return {"state": state, "restarts": int(restarts["value"])}

    def apply(self, *rules: RoutingRule) -> None:
        """Publishes the rules beside those that are there; done when the running job has them in a checkpoint."""
        self.rules |= {one.metadata.name: one for one in rules}
        self.publish()
        self.wait_for_rules()

    def delete(self, name: str) -> None:
        del self.rules[name]
        self.apply()

    def publish(self) -> None:
        made = [one.spec.destination.topic for one in self.rules.values() if one.spec.destination.topic]
        topics.ensure_topics(self.servers, [Topic(name=name, partitions=2) for name in made])
        known = records(Rule(name, one.spec) for name, one in self.rules.items())
        tables.publish(self.servers, self.router.rules_topic, known)

    def wait_for_rules(self) -> None:
        topic, group = self.router.rules_topic, self.router.rules_group
        wait_until(lambda: tables.followed(self.servers, topic, group), DEADLINE, "the router has the rules")

    def send(self, *events: object, topic: str = "events", key: bytes | None = None, **headers: bytes) -> None:
        """Events are bytes as they are, or anything that JSON has."""
        producer = Producer({"bootstrap.servers": self.servers, "enable.idempotence": True})
        for event in events:
            value = event if isinstance(event, bytes) or event is None else json.dumps(event).encode()
            producer.produce(topic, value, key, headers=list(headers.items()), partition=0)
        assert producer.flush(30) == 0

    def routed(self, topic: str, count: int) -> list[streams.Record]:
        """The records of a topic once there are so many; more than that fail the test that looks at them."""

        def enough() -> list[streams.Record] | None:
            found = streams.read_all(self.servers, topic)
            return found if len(found) >= count else None

        return wait_until(enough, DEADLINE, f"{count} records in {topic}") or []

    def delivered(self, count: int) -> list[tuple[str, Any]]:
        """(destination, payload) of what is to be delivered by HTTP, in order."""
        values = [json.loads(record.value or b"") for record in self.routed(RESULTS_HTTP, count)]
        return [(value["destination"], value["payload"]) for value in values]


@contextmanager
def running(servers: str, directory: Path, rules: Sequence[RoutingRule]) -> Iterator[RunningRouter]:
    """Starts as the operator does: primed, saved, then with events from that savepoint."""
    router = router_of(rules[0])
    started = RunningRouter(servers, router, {one.metadata.name: one for one in rules})
    with LauncherProcess(_config(router, servers, directory, primer=True), artifacts.connector_jars()) as primer:
        primer.wait_for("standby")
        started.publish()
        primer.start("a" * 32)
        primer.wait_for("running")
        started.wait_for_rules()
        savepoint = primer.stop_with_savepoint("a" * 32, (directory / "savepoints").as_uri())
    with LauncherProcess(_config(router, servers, directory, primer=False), artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start(ROUTING_JOB, savepoint)
        launcher.wait_for("running")
        started.launcher = launcher
        yield started


def _config(router: Router, servers: str, directory: Path, *, primer: bool) -> RevisionConfig:
    job = compile_router(router, primer=primer)
    topics.ensure_topics(servers, job.program.topics)
    revision = "primer" if primer else "router"
    return RevisionConfig(
        namespace=router.namespace, name=router.name, revision=revision, program=job.program, runtime=job.runtime,
        bootstrap_servers=servers, state_directory=(directory / "state").as_uri(),
        work_directory=str(directory / revision),
    )  # fmt: skip


def texts(records: Iterable[streams.Record]) -> list[str]:
    """Their values as text."""
    return [(record.value or b"").decode() for record in records]
