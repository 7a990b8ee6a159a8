"""One running job on real Flink and Kafka: the cases, months of every length, corrections, a kill, a late event."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from ruamel.yaml import YAML

from integration.launcher.processes import DEADLINE, LauncherProcess
from oracle.billings import Span, period
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics

from .months import DAY, HOUR, month

pytestmark = pytest.mark.timeout(1200)

CASES: Mapping[str, Mapping[str, Any]] = {
    case["id"]: case for case in YAML(typ="safe").load(Path(__file__).with_name("cases.yaml"))
}
ZONE = "Europe/Berlin"
SOURCE, TOTALS, INVOICES = "billable-events", "phone-bills.totals", "phone-invoices"
BILLS: dict[str, Any] = {
    "apiVersion": "weir.dev/v1alpha1",
    "kind": "BillingView",
    "metadata": {"name": "phone-bills"},
    "spec": {
        "source": {
            "topic": SOURCE,
            "format": "csv",
            "fields": {"at": "BIGINT", "customer": "STRING", "amount": "DECIMAL(18, 6)", "type": "STRING"},
            "timestamp": {"field": "at", "unit": "ms", "outOfOrderness": "12h", "idleAfter": "2s"},
        },
        "amount": {"value": "amount", "currency": "EUR"},
        "period": {"every": "month", "timeZone": ZONE, "keepFor": "60d"},
        "views": [
            {"name": "customers", "by": ["customer"]},
            {"name": "types", "by": ["type"]},
            {"name": "both", "by": ["customer", "type"]},
        ],
        "invoices": {"view": "customers", "topic": INVOICES, "closeAfter": "3d"},
        "runtime": {"checkpointInterval": "500ms"},
    },
}
# The ends of months that are looked at: a year's end, 31, 29 and again 31 days with a change of clocks, 30, and 28.
MONTHS = ("2023-12", "2024-01", "2024-02", "2024-03", "2024-04", "2025-02")


@dataclass
class World:
    """A running job and what it has written."""

    servers: str
    launcher: LauncherProcess

    def send(self, *lines: str | bytes, partition: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.servers, "enable.idempotence": True})
        for line in lines:
            producer.produce(SOURCE, line if isinstance(line, bytes) else line.encode(), partition=partition)
        assert producer.flush(30) == 0

    def tick(self, at: int) -> None:
        """Event time passes this instant, told by somebody else's event."""
        self.send(f"{at + 12 * HOUR},tick,0,TICK")

    def read(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value or "{}") for record in streams.read_all(self.servers, topic)]

    def totals(self, view: str) -> dict[tuple[str, str], str]:
        """(key, period) -> newest total."""
        rows = [row for row in self.read(TOTALS) if row["view"] == view]
        return {(row["key"], row["period"]): row["total"] for row in rows}

    def lines(self, key: str | None = None) -> list[tuple[str, str, str, int]]:
        rows = [row for row in self.read(INVOICES) if row["key"] != "tick" and key in {None, row["key"]}]
        return [(row["period"], row["key"], row["total"], row["revision"]) for row in rows]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, DEADLINE, what, every=0.5)


def config(kafka: str, directory: Path) -> RevisionConfig:
    job = compile_resource(parse(BILLS))
    topics.ensure_topics(kafka, job.program.topics)
    return RevisionConfig(
        namespace="default", name="phone-bills", revision="r1", program=job.program, runtime=job.runtime,
        bootstrap_servers=kafka, state_directory=(directory / "state").as_uri(), work_directory=str(directory / "r1"),
    )  # fmt: skip


def span(name: str) -> Span:
    year, number = map(int, name.split("-"))
    found = period("month", ZONE, int((Decimal(year - 1970) * 365 + 10) * DAY))
    while found.name != name:
        found = period("month", ZONE, found.end)
    assert found.name == f"{year}-{number:02}"
    return found


@pytest.fixture(scope="module")
def world(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The job, through all that the tests look at, in the order of event time."""
    wanted = config(kafka, tmp_path_factory.mktemp("billing"))
    with LauncherProcess(wanted, artifacts.connector_jars()) as launcher:
        launcher.wait_for("standby")
        launcher.start("a" * 32)
        launcher.wait_for("running")
        world = World(kafka, launcher)
        try:
            january(world)
            corrections(world)
            yield world
        finally:
            world.launcher.kill()  # the one that was started after the kill


def january(world: World) -> None:
    """B1, the boundary, and B3; and somebody whose clock is ahead, which closes nothing."""
    first, after = CASES["B1"], period("month", ZONE, 0).end
    world.send(
        f"{int(time.time() * 1000) + 2 * HOUR},Ahead,9,WRONG",
        *first["input"],
        "this is no event",
        "5,Emma,lots,DATA",
        f"{after},Ava,7,EDGE",
        f"{after - 1},Ava,1,EDGE",
    )
    world.until(lambda: ("Ava", "1970-01") in world.totals("customers"), "the first totals")
    world.tick(after + 3 * DAY - 1)
    world.until(lambda: ("tick", "1970-02") in world.totals("customers"), "the tick before the end")
    assert world.lines() == [], "nothing is closed before its time"
    world.tick(after + 3 * DAY)
    world.until(lambda: len(world.lines()) == 3, "January is closed")


def corrections(world: World) -> None:
    """Two for Emma, and two of somebody who had nothing before; then the job is killed, and one more."""
    for number, line in enumerate(("5,Emma,0.10,DATA", "6,Emma,-0.01,DATA", "7,Late,3,DATA", "8,Late,4,DATA"), start=4):
        world.send(line)
        world.until(lambda wanted=number: len(world.lines()) == wanted, f"line {number}")  # type: ignore[misc]


def test_b1(world: World) -> None:
    """Totals by customer, by type and by both; what is exactly at the boundary belongs to the next month."""
    case, written = CASES["B1"], world.read(TOTALS)
    before = [row for row in written if row["eventTime"] is None or row["eventTime"] < "1970-02"]
    newest = {(row["view"], row["key"], row["period"]): row["total"] for row in before}
    for view in ("customers", "types"):
        for key, total in case[view].items():
            assert newest[view, key, case["period"]] == total
    assert newest["both", '["Emma","CALL"]', "1970-01"] == "5.50"
    assert (newest["customers", "Ava", "1970-01"], newest["customers", "Ava", "1970-02"]) == ("1.00", "7.00")


def test_b3_and_its_corrections(world: World) -> None:
    wanted = [tuple(line) for line in CASES["B3"]["invoices"]]
    lines = world.lines()
    assert sorted(lines[:3]) == sorted([*wanted, ("1970-01", "Ava", "1.00", 1)])
    assert lines[3:7] == [
        ("1970-01", "Emma", "15.60", 2),
        ("1970-01", "Emma", "15.59", 3),
        ("1970-01", "Late", "3.00", 1),
        ("1970-01", "Late", "7.00", 2),
    ]


def test_what_cannot_be_read_is_a_dead_letter(world: World) -> None:
    reasons = [row["reason"] for row in world.read("phone-bills.dead-letters")]
    assert reasons == ["the line does not have 4 columns", "field 'amount' is no DECIMAL(18, 6)"]


@pytest.fixture(scope="module")
def months(world: World) -> dict[str, Span]:
    """B2 in months of every length, and B4 within the first of them; then all of them are closed."""
    draw = random.Random(7)
    spans = {name: span(name) for name in MONTHS}
    customers = ("anna", "berta", "carla")
    numbers = [f"{spans[MONTHS[0]].begin + DAY + each},{customers[each % 3]},{each},B4" for each in range(1, 1000)]
    world.send(*numbers)
    for name in MONTHS:
        charges = month(spans[name], CASES["B2"]["totals"], draw, count=20)
        world.send(*(charge.line for charge in charges))
    world.tick(spans[MONTHS[-1]].end + 3 * DAY)
    count = len(CASES["B2"]["totals"]) * len(MONTHS) + len(customers)
    world.until(lambda: len([1 for line in world.lines() if line[0] >= "2023"]) >= count, "all months are closed")
    return spans


def test_b2_every_month_comes_to_its_totals_and_its_invoices(world: World, months: Mapping[str, Span]) -> None:
    totals, lines = world.totals("customers"), world.lines()
    for name in months:
        for customer, total in CASES["B2"]["totals"].items():
            assert totals[customer, name] == total
            assert [line for line in lines if line[:2] == (name, customer)] == [(name, customer, total, 1)]


def test_b4(world: World, months: Mapping[str, Span]) -> None:
    assert months
    totals = world.totals("customers")
    found = [Decimal(totals[customer, MONTHS[0]]) for customer in ("anna", "berta", "carla")]
    assert f"{sum(found):f}" == CASES["B4"]["sum-of-totals"]


def test_views_of_the_same_events_add_up_to_the_same(world: World, months: Mapping[str, Span]) -> None:
    def sums(view: str) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for (_, name), total in world.totals(view).items():
            found[name] = found.get(name, Decimal(0)) + Decimal(total)
        return found

    by_customer, by_type = sums("customers"), sums("types")
    for name in months:
        # Each total is rounded by itself.
        assert abs(by_customer[name] - by_type[name]) < Decimal("0.05")


@pytest.fixture(scope="module")
def restarted(world: World, months: Mapping[str, Span]) -> World:
    """The same job after a kill -9, from its last checkpoint; then a correction, and an event that is too late."""
    points = world.launcher.restore_points().points
    processes = world.launcher.kill()
    for process in processes:
        process.wait(30)
    last = months[MONTHS[-1]]
    world.send(f"{last.begin},Emma,0.25,DATA")
    again = LauncherProcess(
        RevisionConfig.model_validate_json((world.launcher.work / "config.json").read_text()),
        artifacts.connector_jars(),
    )
    world.launcher = again
    again.wait_for("standby", "running")
    if again.answer().phase == "standby":
        again.start("b" * 32, points[0].location)
    again.wait_for("running")
    world.until(lambda: world.totals("customers")["Emma", MONTHS[-1]] == "100.25", "the correction counts")
    world.tick(last.end + 4 * DAY)
    world.until(lambda: len([1 for row in world.read(TOTALS) if row["period"] == "2025-03"]) >= 1, "event time goes on")
    world.send("9,Emma,100,DATA")
    world.until(lambda: len(world.read("phone-bills.late")) == 2, "what is too late is put aside")
    return world


def test_a_kill_changes_no_total_and_writes_no_line_twice(restarted: World) -> None:
    lines = restarted.lines()
    assert len(set(lines)) == len(lines), "a line was written twice"
    assert len({(line[0], line[1], line[3]) for line in lines}) == len(lines), "two lines of one revision"
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for name, key, total, revision in lines:
        newest[key, name] = max(newest.get((key, name), (0, "")), (revision, total))
    totals = restarted.totals("customers")
    assert {place: total for place, (_, total) in newest.items()} == {
        place: total for place, total in totals.items() if place in newest
    }


def test_too_late_changes_nothing(restarted: World) -> None:
    assert [late["record"]["customer"] for late in restarted.read("phone-bills.late")] == ["Ahead", "Emma"]
    assert not [row for row in restarted.read(TOTALS) if row["key"] == "Ahead"]
    assert restarted.totals("customers")["Emma", "1970-01"] == "15.59"


def test_events_count_up(restarted: World) -> None:
    """Each record of a key tells of one event more than the one before: none is lost, none counts twice."""
    counts: dict[tuple[str, ...], list[int]] = {}
    for row in restarted.read(TOTALS):
        counts.setdefault((row["view"], row["key"], row["period"]), []).append(row["events"])
    assert all(seen == list(range(1, len(seen) + 1)) for seen in counts.values())
