"""Rules that change ten times a second under load, on two threads: every event by the rules around its arrival, once.

200 rules over 40 types, each with one of eight topics or suspended. The audit knows when each version was published;
an event that was produced at T may meet what was in force from just before T (`STALE` ms: what a version outlives its
successor's publication) until it was read (`WAITING` ms).
"""

import json
import random
import shutil
import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Producer

from support.waiting import wait_until
from weir_api.resources import RoutingRule
from weir_api.streamjobs import Topic
from weir_operator.compiler.routing_records import Rule, records
from weir_operator.compiler.routings import router_of
from weir_operator.fleet import streams, tables, topics

from .routers import RunningRouter, rule, running

pytestmark = pytest.mark.timeout(600)

RULES, TYPES, TOPICS = 200, 40, 8
SECONDS, EVERY, EVENTS = 20.0, 0.1, 400
"""How long, how long between two changes, and events a second."""
STALE, WAITING = 15_000, 30_000
"""Far more than a quiet machine shows: while a checkpoint's barriers are awaited, rules wait for the events before."""
PARTITIONS = 4


@dataclass
class Version:
    """What a rule said from when its publication began until that of the next one had ended; ms since 1970."""

    topic: str | None
    begun: float
    acknowledged: float


@dataclass
class Audit:
    """All rules with their versions, all events with their times."""

    router: RunningRouter
    draw: random.Random = field(default_factory=lambda: random.Random("audit"))
    published: dict[str, str] = field(default_factory=dict)
    versions: dict[str, list[Version]] = field(default_factory=lambda: defaultdict(list))
    events: dict[int, tuple[str, float]] = field(default_factory=dict)
    """By number: type and time."""
    stopped: threading.Event = field(default_factory=threading.Event)
    writer: Producer = field(init=False)
    stale: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = Producer({"bootstrap.servers": self.router.servers, "enable.idempotence": True, "linger.ms": 0})

    def changed(self) -> None:
        """One rule says something else; its slot's record is written as the operator writes it."""
        number = self.draw.randrange(RULES)
        spoken = made(number, self.draw.randrange(TOPICS), suspended=self.draw.random() < 0.2)
        self.router.rules[spoken.metadata.name] = spoken
        after = records(Rule(name, one.spec) for name, one in self.router.rules.items())
        begun = time.time() * 1000
        written = tables.changes(self.published, after)
        for slot, text in written.items():
            self.writer.produce(self.router.router.rules_topic, text, slot)
        assert self.writer.flush(30) == 0
        self.published = after
        self.versions[spoken.metadata.name].append(Version(goes_to(spoken), begun, time.time() * 1000))

    def load(self) -> None:
        """Events at a steady rate until it is stopped."""
        producer = Producer({"bootstrap.servers": self.router.servers, "enable.idempotence": True, "linger.ms": 2})
        began, number = time.monotonic(), 0
        while not self.stopped.wait(max(0.0, began + number / EVENTS - time.monotonic())):
            kind = f"t{number % TYPES}"
            now = round(time.time() * 1000)
            value = json.dumps({"type": kind, "n": number}).encode()
            producer.produce("audit-events", value, partition=number // TYPES % PARTITIONS, timestamp=now)
            self.events[number] = kind, now
            producer.poll(0)
            number += 1
        assert producer.flush(30) == 0

    def allowed(self, name: str, at: float) -> set[str | None]:
        """Where the rule may have sent an event of this time."""
        versions = self.versions[name]
        last = bisect_right([one.begun for one in versions], at + WAITING)
        return {
            one.topic for index, one in enumerate(versions[:last])
            if index + 1 == len(versions) or versions[index + 1].acknowledged + STALE >= at
        }  # fmt: skip

    def measure(self, name: str, at: float, topic: str) -> None:
        """By how much the nearest version that sends there had been superseded, or came later than the event."""
        versions = self.versions[name]
        distances: list[tuple[float, float]] = []
        for index, one in enumerate(versions):
            if one.topic != topic:
                continue
            ended = versions[index + 1].acknowledged if index + 1 < len(versions) else float("inf")
            distances.append((max(0.0, at - ended), max(0.0, one.begun - at)))
        stale, waited = min(distances, key=sum, default=(float("inf"), 0.0))
        self.stale.append(stale)
        self.waited.append(waited)


def made(number: int, topic: int, *, suspended: bool = False) -> RoutingRule:
    return rule(
        f"rule-{number:03}", source={"topic": "audit-events"}, match={"types": [f"t{number % TYPES}"]},
        destination={"topic": f"audit-{topic}"}, runtime={"checkpointInterval": "500ms", "parallelism": 2},
        suspended=suspended,
    )  # fmt: skip


def goes_to(spoken: RoutingRule) -> str | None:
    return None if spoken.spec.suspended else spoken.spec.destination.topic


@pytest.fixture(scope="module")
def audit(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audit]:
    directory = tmp_path_factory.mktemp("audit")
    rules = [made(number, number % TOPICS) for number in range(RULES)]
    wanted = [Topic(name="audit-events", partitions=PARTITIONS)]
    topics.ensure_topics(kafka, [*wanted, *(Topic(name=f"audit-{n}", partitions=2) for n in range(TOPICS))])
    assert router_of(rules[0]).runtime.parallelism == 2
    with running(kafka, directory, rules) as started:
        audited = Audit(started)
        audited.published = records(Rule(name, one.spec) for name, one in started.rules.items())
        for one in rules:
            audited.versions[one.metadata.name].append(Version(goes_to(one), 0.0, 0.0))
        yield audited
    shutil.rmtree(directory)


def routed(audit: Audit) -> dict[tuple[int, str], list[str]]:
    """(event, rule) -> the topics it came to."""
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for number in range(TOPICS):
        for record in streams.read_all(audit.router.servers, f"audit-{number}"):
            headers: Mapping[str, Any] = dict(record.headers)
            found[json.loads(record.value or b"")["n"], headers["weir-rule"].decode()].append(f"audit-{number}")
    return found


def test_every_event_once_by_the_rules_around_its_arrival(audit: Audit) -> None:
    load = threading.Thread(target=audit.load)
    load.start()
    began, changes = time.monotonic(), 0
    while (left := began + changes * EVERY - time.monotonic()) < EVERY and time.monotonic() - began < SECONDS:
        audit.stopped.wait(max(0.0, left))
        audit.changed()
        changes += 1
    audit.stopped.set()
    load.join()
    assert changes > SECONDS / EVERY / 4, f"only {changes} changes were made"

    wait_until(lambda: read_all_events(audit), 120, "the router has read all events", every=0.5)
    found = routed(audit)
    by_type: dict[str, list[str]] = defaultdict(list)
    for name, one in audit.router.rules.items():
        by_type[one.spec.match.types[0]].append(name)
    wrong = []
    for number, (kind, at) in audit.events.items():
        for name in by_type[kind]:
            went = found.pop((number, name), [])
            if went:
                audit.measure(name, at, went[0])
            if len(went) > 1 or (went[0] if went else None) not in audit.allowed(name, at):
                wrong.append((number, name, went, audit.allowed(name, at)))
    print(f"{len(audit.events)} events, {changes} changes; ms that a rule outlived its change {summary(audit.stale)}, "
          f"and that it is younger than an event {summary(audit.waited)}")  # fmt: skip
    assert wrong == [], f"{len(wrong)} of {len(audit.events)} events: {wrong[:5]}"
    assert not found, "nothing came from anywhere else"
    assert audit.router.job() == {"state": "RUNNING", "restarts": 0}


def summary(values: list[float]) -> str:
    """Of those that are not 0: how many, the middle, the greatest."""
    some = sorted(value for value in values if value > 0)
    return f"{len(some)} times, median {some[len(some) // 2]:.0f}, most {some[-1]:.0f}" if some else "never"


def read_all_events(audit: Audit) -> bool:
    """Whether a completed checkpoint has all events: what they became is committed with it."""
    group = f"weir-default-{audit.router.router.name}"
    committed = topics.committed_offsets(audit.router.servers, group)
    ends = topics.end_offsets(audit.router.servers, ["audit-events"])
    return all(committed.get(place, 0) >= end for place, end in ends.items())
