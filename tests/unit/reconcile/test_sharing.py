"""Resources that share a StreamJob: the first brings it up primed, records change it, the last one takes it down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from weir_api.errors import FieldError
from weir_api.statuses import Asked, Job, Savepoint, Status
from weir_api.streamjobs import Topic
from weir_operator.compiler import compile_resource
from weir_operator.compiler.routing_records import slot_of
from weir_operator.compiler.shares import SHARINGS
from weir_operator.fleet.store import Key, Store, StoredObject
from weir_operator.fleet.tables import changes
from weir_operator.fleet.topics import KafkaAway
from weir_operator.reconcile import publishing, rejections
from weir_operator.reconcile.resources import ResourceReconciler
from weir_operator.reconcile.sharing import SharedReconciler
from weir_operator.reconcile.situations import SAVEPOINT
from weir_operator.reconcile.specs import parsed

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class MemoryTables:
    """Compacted topics, and how far a group has come, in memory."""

    held: dict[str, dict[str, str]] = field(default_factory=dict)
    written: list[str | None] = field(default_factory=list)
    committed: dict[str, int] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    away: bool = False

    def publish(self, namespace: str, topic: Topic, table: Mapping[str, str], needed: Sequence[Topic]) -> int:
        assert namespace == "default"
        if self.away:
            raise KafkaAway("Kafka is away")
        self.made |= {one.name for one in needed}
        before = self.held.setdefault(topic.name, {})
        for key, text in changes(before, table).items():
            self.written.append(key)
            if text is None:
                del before[key]
            else:
                before[key] = text
        return len(self.written)

    def followed(self, namespace: str, topic: Topic, group: str, upto: int) -> bool:
        assert topic.name in self.held and namespace == "default"
        return self.committed.get(group, 0) >= upto

    def forget(self, namespace: str, topic: Topic, group: str) -> None:  # noqa: ARG002 - as Tables has it
        assert namespace == "default"
        if self.away:
            raise KafkaAway("Kafka is away")
        self.committed.pop(group, None)


@dataclass
class World:
    """A store, tables, and passes over all that is there."""

    store: Store
    tables: MemoryTables = field(default_factory=MemoryTables)
    now: datetime = NOW
    kinds: ResourceReconciler = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The operator is killed and starts anew: it knows nothing but what is stored."""
        self.kinds = ResourceReconciler(
            self.store,
            compile_resource,
            SharedReconciler(self.store, self.tables, SHARINGS, ask_every=0, now=lambda: self.now),
        )

    def apply(self, name: str, types: Sequence[str] = ("t",), topic: str = "out", **more: Any) -> None:
        spec = {
            "source": {"topic": "events"}, "match": {"types": list(types)}, "destination": {"topic": topic}, **more,
        }  # fmt: skip
        self.store.apply(Key(kind="RoutingRule", name=name), spec)

    def delete(self, name: str) -> None:
        self.store.mark_deleted(Key(kind="RoutingRule", name=name))

    def passes(self, count: int = 3) -> None:
        for _ in range(count):
            for one in self.store.list("RoutingRule"):
                self.kinds.reconcile(one)

    def rule(self, name: str) -> StoredObject:
        found = self.store.get(Key(kind="RoutingRule", name=name))
        assert found is not None
        return found

    def phase(self, name: str) -> str:
        return self.rule(name).status.phase

    @property
    def router(self) -> StoredObject:
        (found,) = self.store.list("StreamJob")
        return found

    @property
    def primed(self) -> bool:
        """Whether the router has events to read."""
        return any("'topic' = 'events'" in table for table in parsed(self.router).program.tables)

    def run(self) -> None:
        """The router's present program runs."""
        saved = Savepoint(location=f"file:///{self.now:%H%M%S}", taken_at=self.now, trigger="t", generation=1)
        asked = self.router.status.asked
        running = Status(
            phase="Running", observed_generation=self.router.metadata.generation, job=Job(id="j", state="RUNNING"),
            savepoint=saved, asked=asked,
        )  # fmt: skip
        self.store.write_status(self.router.key, self.router.metadata.uid, running)

    def follow(self) -> None:
        """The running router completes a checkpoint with all that was written."""
        self.tables.committed[f"weir-default-{self.router.metadata.name}.rules"] = len(self.tables.written)

    def up(self) -> None:
        """Until all rules are active."""
        self.passes()
        self.run()
        self.follow()
        self.passes()
        self.run()
        self.passes()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Store(tmp_path, now=lambda: NOW))


def test_a_router_reads_no_event_before_it_has_proven_to_have_the_rules(world: World) -> None:
    world.apply("a")
    world.passes()
    assert (world.primed, world.phase("a")) == (False, "Pending")
    world.run()
    world.passes()
    assert (world.primed, world.phase("a")) == (False, "Pending")
    world.follow()
    world.passes()
    assert (world.primed, world.phase("a")) == (True, "Pending"), "the primer's status is not the router's"
    world.run()
    world.passes()
    assert world.phase("a") == "Active"
    assert world.tables.made == {"out"}


def test_one_router_is_owned_by_all_and_a_change_touches_only_its_records(world: World) -> None:
    world.apply("a")
    world.apply("b", ["u"])
    world.up()
    assert {owner.name for owner in world.router.metadata.owner_references} == {"a", "b"}
    before, generation = len(world.tables.written), world.router.metadata.generation
    world.apply("b", ["u"], topic="elsewhere")
    world.passes()
    assert world.tables.written[before:] == [slot_of("u")]
    assert (world.phase("a"), world.phase("b")) == ("Active", "Pending")
    world.follow()
    world.passes()
    assert (world.phase("a"), world.phase("b")) == ("Active", "Active")
    assert world.router.metadata.generation == generation
    assert world.rule("b").status.observed_generation == 2


def test_a_deleted_rule_goes_when_the_router_no_longer_has_it(world: World) -> None:
    world.apply("a")
    world.apply("b", ["u"])
    world.up()
    world.delete("b")
    world.passes()
    assert world.phase("b") == "Deleting"
    world.follow()
    world.passes()
    assert world.store.get(Key(kind="RoutingRule", name="b")) is None
    assert {owner.name for owner in world.router.metadata.owner_references} == {"a"}
    assert not world.router.deleting


def test_the_last_rule_takes_the_router_down_and_the_next_first_one_is_primed_anew(world: World) -> None:
    world.apply("a")
    world.up()
    world.delete("a")
    world.passes()
    assert world.router.deleting
    assert world.phase("a") == "Deleting"
    world.store.remove(world.router.key)
    world.passes()
    assert world.store.list() == ()
    world.apply("a")
    world.passes()
    world.run()
    world.passes()
    assert not world.primed


def test_a_suspended_rule_says_so_when_the_router_has_it(world: World) -> None:
    world.apply("a")
    world.up()
    world.apply("a", suspended=True)
    world.passes()
    assert world.phase("a") == "Pending"
    world.follow()
    world.passes()
    assert world.phase("a") == "Suspended"


@pytest.mark.parametrize("killed_after", range(6))
def test_an_operator_killed_anywhere_comes_to_the_same_end(world: World, killed_after: int) -> None:
    steps = [world.passes, world.run, world.follow, world.passes, world.run, world.passes]
    world.apply("a")
    for number, step in enumerate(steps):
        step()
        if number == killed_after:
            world.restart()
    world.apply("a", topic="elsewhere")
    world.passes(1)
    world.restart()
    world.passes()
    world.follow()
    world.passes()
    assert (world.phase("a"), world.primed) == ("Active", True)


def test_a_kafka_that_is_away_is_told_of_and_waited_for(world: World) -> None:
    world.tables.away = True
    world.apply("a")
    world.passes()
    ready = world.rule("a").status.condition("Ready")
    assert ready is not None and (ready.status, ready.message) == ("False", "Kafka is away")
    world.tables.away = False
    world.up()
    assert world.phase("a") == "Active"


def test_a_rule_that_cannot_be_read_is_told_and_stops_no_other(world: World) -> None:
    world.apply("a")
    world.apply("wrong", transform={"set": {f"a.b.c.d{number}": "1" for number in range(3)}})
    world.store.apply(Key(kind="RoutingRule", name="nonsense"), {"source": {}})
    world.up()
    assert world.phase("a") == "Active"
    assert [error.path for error in world.rule("wrong").status.errors] == ["spec.transform"]
    assert world.rule("nonsense").status.errors
    world.delete("wrong")
    world.delete("nonsense")
    world.passes()
    assert {one.metadata.name for one in world.store.list("RoutingRule")} == {"a"}


def test_another_source_is_another_router(world: World) -> None:
    world.apply("a")
    world.apply("b", source={"topic": "others"})
    world.passes()
    assert len(world.store.list("StreamJob")) == 2


WRONG: dict[str, Any] = {"transform": {"set": {f"a.b.c.d{number}": "1" for number in range(3)}}}


@pytest.mark.parametrize("wrong", [WRONG, {"match": {"types": []}}, {"destination": {"topic": "events"}}])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_rule_that_becomes_wrong_keeps_its_last_right_version(
    world: World, wrong: Mapping[str, Any], restarted: bool
) -> None:
    world.apply("a")
    world.apply("b", ["u"])
    world.up()
    revision, table = world.rule("a").status.revision, dict(world.tables.held[f"{world.router.metadata.name}.rules"])
    world.store.apply(
        Key(kind="RoutingRule", name="a"),
        {"source": {"topic": "events"}, "match": {"types": ["t"]}, "destination": {"topic": "new"}, **wrong},
    )
    if restarted:
        world.restart()
    world.passes()
    assert world.tables.held[f"{world.router.metadata.name}.rules"] == table
    status = world.rule("a").status
    assert (status.phase, status.revision) == ("Degraded", revision)
    assert all(error.path.startswith("spec.") for error in status.errors) and status.errors
    validated, ready = status.condition("Validated"), status.condition("Ready")
    assert validated is not None and (validated.status, validated.reason) == ("False", "InvalidSpec")
    assert ready is not None and (ready.status, ready.reason) == ("True", "PreviousRevisionRuns")
    assert world.phase("b") == "Active"

    world.apply("a", topic="right")
    world.passes()
    world.follow()
    world.passes()
    assert (world.phase("a"), world.rule("a").status.errors) == ("Active", ())
    assert "right" in str(world.tables.held)


def test_a_wrong_rule_may_go_like_any_other(world: World) -> None:
    world.apply("a")
    world.apply("b", ["u"])
    world.up()
    world.apply("a", **WRONG)
    world.passes()
    world.delete("a")
    world.passes()
    assert world.phase("a") == "Deleting"
    world.follow()
    world.passes()
    assert world.store.get(Key(kind="RoutingRule", name="a")) is None


def test_a_wrong_rule_of_the_last_router_still_takes_it_down(world: World) -> None:
    world.apply("a")
    world.up()
    world.apply("a", **WRONG)
    world.passes()
    world.delete("a")
    world.passes()
    assert world.router.deleting


def test_what_is_noted_of_the_file_of_a_rule_is_told_while_its_version_routes(world: World) -> None:
    world.apply("a")
    world.up()
    rule = world.rule("a")
    noted = rejections.written([FieldError(path="spec.match.types", message="is required")])
    world.store.apply(rule.key, rule.spec, annotations={rejections.REJECTED: noted})
    world.passes()
    status = world.rule("a").status
    assert (status.phase, [error.path for error in status.errors]) == ("Degraded", ["spec.match.types"])
    world.store.apply(rule.key, rule.spec)
    world.passes()
    assert (world.phase("a"), world.rule("a").status.errors) == ("Active", ())


@pytest.mark.parametrize("annotated", ["rule", "router"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_router_that_begins_without_state_is_primed_again(world: World, annotated: str, restarted: bool) -> None:
    """Its group's offsets are those of the job before: they prove nothing of the one that comes."""
    world.apply("a")
    world.up()
    gone = Status(phase="Failed", observed_generation=1, revision="r")
    world.store.write_status(world.router.key, world.router.metadata.uid, gone)
    world.passes()
    assert world.primed
    one = world.rule("a") if annotated == "rule" else world.router
    owners, empty = one.metadata.owner_references, {"weir.dev/restore-from": "empty"}
    world.store.apply(one.key, one.spec, annotations=empty, owners=owners)
    world.tables.away = True
    world.passes()
    assert world.primed  # until what was read is forgotten
    world.tables.away = False
    world.passes()
    assert (world.primed, world.phase("a")) == (False, "Pending")
    assert world.router.metadata.annotations == empty

    generation = world.router.metadata.generation
    used = Status(
        phase="Running", observed_generation=generation, revision="p", restored_by_hand="empty",
        job=Job(id="p", state="RUNNING"),
    )  # fmt: skip
    world.store.write_status(world.router.key, world.router.metadata.uid, used)
    if restarted:
        world.restart()
    world.passes()
    assert not world.primed
    world.follow()
    world.passes()
    assert world.primed
    now = {"observed_generation": generation + 1, "job": Job(id="q", state="RUNNING")}
    used = used.model_copy(update=now)
    world.store.write_status(world.router.key, world.router.metadata.uid, used)
    world.passes()
    assert (world.primed, world.phase("a")) == (True, "Active")


def asked(world: World, state: Literal["InProgress", "Taken", "Failed"]) -> None:
    """The router's savepoint that was asked for last has come so far."""
    word = world.router.metadata.annotations[SAVEPOINT]
    request = Asked(word=word, job="j", trigger="t", target_directory="d", at=world.now, state=state)
    status = world.router.status.model_copy(update={"asked": request})
    if state == "Taken":
        taken = Savepoint(location=f"file:///{word}", taken_at=world.now, trigger="t", generation=1)
        status = status.model_copy(update={"savepoint": taken})
    world.store.write_status(world.router.key, world.router.metadata.uid, status)


@pytest.mark.parametrize("state", ["Taken", "Failed"])
def test_a_change_comes_after_a_savepoint_of_the_router_and_many_after_one(
    world: World, state: Literal["Taken", "Failed"]
) -> None:
    world.apply("a")
    world.up()
    before, first = len(world.tables.written), world.router.status.savepoint
    world.now += timedelta(minutes=2)
    world.apply("a", topic="b")
    world.passes()
    word = world.router.metadata.annotations[SAVEPOINT]
    assert (len(world.tables.written), world.phase("a")) == (before, "Pending")
    asked(world, "InProgress")
    world.apply("a", topic="c")
    world.passes()
    assert len(world.tables.written) == before
    asked(world, state)
    world.passes()
    world.follow()
    world.passes()
    assert len(world.tables.written) == before + 1 and world.phase("a") == "Active"
    accepted, savepoint = world.rule("a").status.accepted, world.router.status.savepoint
    assert accepted is not None and savepoint is not None and accepted.savepoint == savepoint.location
    assert (savepoint == first) == (state == "Failed")

    for number in range(20):
        world.now += timedelta(seconds=2)
        world.apply("a", topic=f"d{number}")
        world.passes(1)
    assert len(world.tables.written) == before + 21
    assert world.router.metadata.annotations[SAVEPOINT] == word


def test_a_change_does_not_wait_for_a_savepoint_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply("a")
    world.up()
    before = len(world.tables.written)
    world.now += timedelta(minutes=2)
    world.apply("a", topic="b")
    world.passes()
    assert len(world.tables.written) == before
    monkeypatch.setattr(publishing, "PATIENCE", 0.0)
    world.passes()
    assert len(world.tables.written) == before + 1
