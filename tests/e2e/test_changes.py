"""Changes and kills in the cluster, under load: every record of it accounted for in the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from faults import audits, documents
from faults.documents import SOURCE, VISITS
from faults.loads import Load
from faults.streams import Rule, Stream
from support.waiting import wait_until
from weir_api.blocks import RolloverMode
from weir_api.statuses import Status
from weir_api.streamjobs import Topic
from weir_operator.fleet import topics

from . import kubectl
from .pipelines import ClusterPipeline, delete_pods
from .releases import Release

pytestmark = pytest.mark.timeout(1500)

RATE, PARTITIONS = 1_000, 2
OPERATOR = "app.kubernetes.io/component=operator"

FIRST = Rule(threshold=100, within=2_000)
STRICTER = Rule(threshold=200, within=2_000)
RICHER = Rule(threshold=200, within=2_000, amount=True)
LONGER = Rule(threshold=200, within=3_000, amount=True)
REVERTED = Rule(threshold=100, within=3_000, amount=True)
LAST = Rule(threshold=150, within=3_000, amount=True)
RULES = (FIRST, STRICTER, RICHER, LONGER, REVERTED, LAST)


@dataclass(frozen=True)
class Stage:
    """The release, the one pipeline in its namespace, and what is sent to it."""

    release: Release
    kafka: str
    visits: ClusterPipeline
    load: Load

    def await_read(self, offsets: Sequence[int]) -> None:
        """Until the job has committed that it has read so far."""
        group = f"weir-{self.release.namespace}-{VISITS}"

        def read() -> bool:
            committed = topics.committed_offsets(self.kafka, group)
            return all(committed.get((SOURCE, partition), 0) >= offset for partition, offset in enumerate(offsets))

        wait_until(read, 180, f"{offsets} to be read", 0.5)

    def change(self, before: Rule, after: Rule, rollover: RolloverMode = "warm") -> None:
        """Begin a change when event time has passed all that the two rules judge differently."""
        self.await_read(self.load.calm(before.within))
        self.visits.write(documents.visits(after, rollover=rollover))

    def changed(self, old: str | None, after: Rule) -> Status:
        """See that another revision runs, with all state, and have it judge by its rule for a while."""
        status = self.visits.await_running(other_than=old)
        rollover = self.visits.rollover
        assert rollover.to_revision == status.revision
        assert rollover.verdict is not None and not rollover.verdict.loses_state, rollover.verdict
        print(f"{rollover.mode}: savepoint {rollover.savepoint_seconds} s, gap {rollover.gap_seconds} s")
        self.load.tell(after)
        self.load.run_for(4)
        return status

    def kill_operator(self) -> None:
        """Its pod, at once."""
        delete_pods(self.release.namespace, OPERATOR)


@pytest.fixture
def stage(release: Release, kafka: str) -> Iterator[Stage]:
    """The operator there, and nothing it has to do yet."""
    release.install(kafka=kafka)
    topics.ensure_topics(kafka, [Topic(name=SOURCE, partitions=PARTITIONS)])
    stream = Stream(seed=20_261_121, rate=RATE, partitions=PARTITIONS, rules=RULES)
    yield Stage(release, kafka, ClusterPipeline(release.namespace, VISITS), Load(kafka, SOURCE, stream))
    kubectl.run("delete", "patterns", "--all", "--namespace", release.namespace, "--timeout=120s", deadline=150)


def test_nothing_is_lost_or_doubled_whatever_changes_and_dies(stage: Stage) -> None:
    load, visits = stage.load, stage.visits
    visits.write(documents.visits(FIRST))
    visits.await_running()
    load.start()
    stage.await_read(load.calm(FIRST.within))  # only with a watermark is anything late
    load.tell(FIRST)
    load.run_for(4)

    old = visits.status.revision
    stage.change(FIRST, STRICTER)
    old = stage.changed(old, STRICTER).revision

    kill_the_job(stage, "jobmanager")
    kill_the_job(stage, "taskmanager")

    stage.change(STRICTER, RICHER)
    print(f"operator killed at {visits.await_step(frozenset({'Deploying', 'Judging'}))}")
    stage.kill_operator()
    print(f"operator killed at {visits.await_step(frozenset({'Triggering', 'Saving', 'Saved'}))}")
    stage.kill_operator()
    print(f"operator killed at {visits.await_step(frozenset({'Starting', 'Stabilizing'}))}")
    stage.kill_operator()
    old = stage.changed(old, RICHER).revision

    stage.change(RICHER, LONGER, "cold")
    old = stage.changed(old, LONGER).revision

    stage.change(LONGER, REVERTED)
    step = visits.await_step(frozenset({"Saving", "Saved"}))
    stage.kill_operator()
    visits.delete_pods("jobmanager")
    print(f"operator and JobManager killed at {step}")
    old = stage.changed(old, REVERTED).revision

    refused(stage, REVERTED)
    stage.change(REVERTED, LAST)
    stage.changed(old, LAST)

    load.finish()
    stage.await_read(load.ledger.offsets)
    visits.write(documents.visits(LAST, suspended=True))
    visits.await_status(lambda status: status.phase == "Suspended", 120, "the last savepoint")
    audits.complete(stage.kafka, load.ledger)
    derived = audits.visits(stage.kafka, load.ledger, RULES)
    print(f"{load.sent:,} events in {load.seconds:.0f} s, {derived:,} derived")


def kill_the_job(stage: Stage, component: str) -> None:
    """Delete its pods: Flink and Kubernetes bring the same job back, from its last checkpoint."""
    # A job that has just started has no watermark, so it takes the first late records for timely ones.
    stage.await_read(stage.load.without_late())
    before = stage.visits.job
    stage.visits.delete_pods(component)
    offsets = stage.load.without_late()
    stage.await_read(offsets)
    status = stage.visits.await_status(
        lambda status: status.phase == "Running" and (ready := status.condition("Ready")) is not None
        and ready.status == "True",
        240, "the job to go on",
    )  # fmt: skip
    assert status.job is not None and status.job.id == before.id, "another job took its place"


def refused(stage: Stage, rule: Rule) -> None:
    """A change that would lose state, and one that does not compile, never reach the job."""
    visits, job = stage.visits, stage.visits.job
    visits.write(documents.visits(rule, key="page"))
    ready = visits.await_condition("StateSafe", "False").condition("Ready")
    assert ready is not None and ready.status == "True"

    wrong = documents.visits(rule).replace("took: end.at - start.at", "took: end.at - start.att")
    visits.write(wrong)
    told = kubectl.run(
        "wait", "--namespace", visits.namespace, f"pattern/{VISITS}", "--for=condition=Validated=False", "--timeout=2m"
    )
    assert "condition met" in told
    pattern = kubectl.get(f"pattern/{VISITS}", "--namespace", visits.namespace)
    conditions = {one["type"]: one for one in pattern["status"]["conditions"]}
    assert conditions["Ready"]["status"] == "True"
    assert "spec.emit" in conditions["Validated"]["message"] and "att" in conditions["Validated"]["message"]
    assert (visits.job.id, visits.job.restarts) == (job.id, job.restarts), "the job was touched"
    visits.write(documents.visits(rule))
    visits.await_condition("StateSafe", "True", 120)
