"""Views of series on real Flink and Kafka: every case, random worlds against the oracle, and views that change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from integration.launcher.processes import DEADLINE, LauncherProcess
from oracle.series import Sample, Times, Told, View, gains, latest, totals
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_api.signatures import Verdict
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics
from weir_operator.reconcile import verdicts

from . import worlds
from .pipelines import INTERVAL, LIFETIME, METRIC, Written, differences, document, record, send, tick, written
from .worlds import COUNTER, GAUGE, World

pytestmark = pytest.mark.timeout(1200)
CASES: Mapping[str, Any] = YAML(typ="safe").load(Path(__file__).with_name("cases.yaml"))
TIMES = Times(INTERVAL, LIFETIME)
BEGIN = 1_750_000_000_000
CASES_AT = BEGIN + 3
HALF = BEGIN + 100_000
END = HALF + 100_000
CASE_METRICS = tuple(f"{case['id']}_{METRIC}" for case in CASES["cases"])
OPERATIONAL = View("operational", CASE_METRICS, ("service", "endpoint", "error_type"))
BUSINESS = View("business", (*CASE_METRICS, COUNTER), ("service", "tier"), "sum")
GREATEST = View("greatest", (GAUGE,), ("service",), "max")
LIVING = View("living", (GAUGE, COUNTER), ("tier",), "count")
ADDED = View("added", (GAUGE,), ("service",), "sum")
FIRST = (OPERATIONAL, BUSINESS, GREATEST, LIVING, ADDED)
NEWEST = View("greatest", (GAUGE,), ("service",), "last")
TIERS = View("tiers", (COUNTER,), ("tier",))
SECOND = (BUSINESS, NEWEST, LIVING, ADDED, TIERS)
ENRICHED = {"name": "enriched", "metrics": [f"*_{METRIC}", "native"]}
HISTOGRAM = {"count": 3, "sum": 1.5}


@dataclass(frozen=True)
class Run:
    """Two worlds, one for each revision, and what came of them."""

    first: World
    second: World
    found: Written
    late: Sequence[streams.Record]
    verdict: Verdict


def case_samples() -> Iterator[Sample]:
    for case in CASES["cases"]:
        for labels, value in case["in"]:
            yield Sample(f"{case['id']}_{METRIC}", labels, value, CASES_AT)


def others() -> list[dict[str, object]]:
    """What views do not aggregate: other metrics, what is no number, native histograms, markers of whole series."""
    up = Sample("up", {"instance": "i", "job": "j"}, 1, CASES_AT, counter=False)
    native = Sample("native", {"pod": "checkout-6c8f9"}, None, CASES_AT, counter=False)
    gone = Sample(f"gone_{METRIC}", {"pod": "x"}, None, CASES_AT)
    return [
        record(up, help="it is", unit="s", exemplars=[{"value": 1}]),
        record(Sample("up", {"instance": "i", "job": "j"}, None, CASES_AT + 1, counter=False)),
        record(Sample("far", {}, None, CASES_AT, counter=False), value="-Infinity", stale=False),
        record(Sample("exact", {}, 0.1 + 0.2, CASES_AT, counter=False)),
        record(native, stale=False, type="histogram", histogram=HISTOGRAM),
        record(Sample("unnamed_native", {}, None, CASES_AT), stale=False, type="histogram", histogram=HISTOGRAM),
        record(gone),
    ]


def expected(first: World, second: World) -> tuple[Told, Told]:
    """All aggregates, of the first revision and of the second."""
    samples = [*first.samples, *second.samples]
    world = World([*first.moves, *second.moves], samples)
    gained = gains(samples)
    before: Told = {}
    for view in FIRST:
        before |= totals(view, [each for each in gained if each[0].at < HALF], world.known, TIMES)
        before |= latest(view, first.samples, world.known, TIMES, HALF)
    after: Told = {}
    for view in SECOND:
        mine = gained if view in FIRST else [each for each in gained if each[0].at >= HALF]
        after |= totals(view, mine, world.known, TIMES)
        after |= latest(view, samples, world.known, TIMES, END + 2 * LIFETIME)
    return before, {key: value for key, value in after.items() if key[1] > HALF}


def config(directory: Path, servers: str, revision: str, views: Sequence[View]) -> RevisionConfig:
    job = compile_resource(parse(document(views, ENRICHED)))
    topics.ensure_topics(servers, job.program.topics)
    return RevisionConfig(
        namespace="default", name="metrics", revision=revision, program=job.program, runtime=job.runtime,
        bootstrap_servers=servers, state_directory=(directory / "state").as_uri(),
        work_directory=str(directory / revision),
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Half of all under one revision, the other half under the next, restored from the savepoint of the first."""
    directory, jars = tmp_path_factory.mktemp("series"), artifacts.connector_jars()
    first, second = worlds.world(1, BEGIN + 1, HALF, 6), worlds.world(2, HALF + 1, END, 8)
    before, after = expected(first, second)
    known = [{"at": BEGIN, "pod": pod, **said} for pod, said in CASES["metadata"].items()]
    with LauncherProcess(config(directory, kafka, "r1", FIRST), jars) as launcher:
        old = launcher.wait_for("standby").signature
        launcher.start("a" * 32)
        launcher.wait_for("running")
        send(kafka, [*map(record, case_samples()), *others()], known)
        send(kafka, map(record, first.samples), first.moves)
        tick(kafka, HALF)
        _wait_for(before, kafka)
        saved = launcher.stop_with_savepoint("a" * 32, (directory / "saved").as_uri())
    with LauncherProcess(config(directory, kafka, "r2", SECOND), jars) as launcher:
        new = launcher.wait_for("standby").signature
        launcher.start("b" * 32, saved)
        launcher.wait_for("running")
        send(kafka, map(record, second.samples), second.moves)
        tick(kafka, END + 2 * LIFETIME)
        _wait_for(after, kafka)
        late = [Sample(COUNTER, {"pod": "pod-1"}, 1, END), Sample("up", {"instance": "late"}, 1, END, counter=False)]
        send(kafka, map(record, late))
        wait_until(lambda: streams.read_all(kafka, "metrics.late"), DEADLINE, "what is late is put aside")
        wait_until(lambda: _of(written(kafka), "up", instance="late"), DEADLINE, "what no view names is never late")
    assert old is not None
    assert new is not None
    found = written(kafka)
    return Run(first, second, found, streams.read_all(kafka, "metrics.late"), verdicts.compare(old, new))


def aggregates(found: Written) -> Told:
    """The values of the views that aggregate, cases left out."""
    return {
        key: float(value["value"])
        for key, value in found.items()
        if value["labels"].get("view", "enriched") != "enriched" and value["name"] in {COUNTER, GAUGE}
    }


def _wait_for(told: Told, servers: str) -> None:
    """Until all of these are told, as they should be or not."""
    try:
        wait_until(lambda: told.keys() <= aggregates(written(servers)).keys(), 100, "all aggregates are told")
    except AssertionError as error:
        raise AssertionError(differences(told, aggregates(written(servers)))) from error


def _of(found: Written, name: str, **labels: str) -> list[Mapping[str, Any]]:
    return [value for value in found.values() if value["name"] == name and labels.items() <= value["labels"].items()]


def _in_order(series: Sequence[tuple[Mapping[str, str], float]]) -> list[tuple[list[tuple[str, str]], float]]:
    return sorted((sorted(labels.items()), value) for labels, value in series)


@pytest.mark.parametrize("view", ["enriched", "operational", "business"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES["cases"]])
def test_case(case: Mapping[str, Any], view: str, run: Run) -> None:
    own = _of(run.found, f"{case['id']}_{METRIC}", view=view)
    wanted = [({**labels, "view": view}, value) for labels, value in case[view]]
    shown = [(value["labels"], value["value"]) for value in own]
    assert _in_order(shown) == _in_order(wanted)
    assert {value["at"] for value in own} == {CASES_AT if view == "enriched" else BEGIN + INTERVAL}
    assert {value["type"] for value in own} == {"counter"}


def test_what_no_view_names_is_unchanged(run: Run) -> None:
    names = {"up", "far", "exact", "unnamed_native"}
    sent = [each for each in others() if each["name"] in names]
    assert [value for value in run.found.values() if value["name"] in names and value["at"] < END] == sent


def test_native_histograms_and_markers_pass_a_view_of_all_labels(run: Run) -> None:
    (native,) = _of(run.found, "native")
    assert (native["value"], native["stale"], native["histogram"]) == (None, False, HISTOGRAM)
    assert native["labels"] == {
        "pod": "checkout-6c8f9", "service": "checkout-service", "team": "ecommerce", "tier": "critical",
        "view": "enriched",
    }  # fmt: skip
    (gone,) = _of(run.found, f"gone_{METRIC}")
    assert (gone["value"], gone["stale"], gone["labels"]) == (None, True, {"pod": "x", "view": "enriched"})


def test_every_aggregate_is_as_the_oracle_says(run: Run) -> None:
    before, after = expected(run.first, run.second)
    wrong = differences(before | after, aggregates(run.found))
    assert not wrong, "\n".join(map(str, wrong))


def test_totals_never_fall_and_have_one_beginning(run: Run) -> None:
    series = {key[0] for key, value in run.found.items() if value["name"] == COUNTER and value["type"] == "counter"}
    assert len(series) > 5
    for each in series:
        told = [run.found[key] for key in sorted(run.found, key=lambda key: key[1]) if key[0] == each]
        assert [value["value"] for value in told] == sorted(value["value"] for value in told)
        (start,) = {value["startAt"] for value in told}
        assert start < told[0]["at"]


def test_a_change_of_views_keeps_all_state(run: Run) -> None:
    assert {operator.fate for operator in run.verdict.operators} == {"kept"}


def test_what_is_late_and_named_by_a_view_is_put_aside(run: Run) -> None:
    (record,) = run.late
    assert b'"pod-1"' in (record.value or b"")
