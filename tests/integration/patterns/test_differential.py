"""Random patterns over random streams: both plans on real Flink against the oracle, many patterns in one job."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from weir_api.patterns import PatternSpec
from weir_operator.compiler import matching_automata, matching_joins
from weir_operator.compiler.expressions import Scope, bound, identifier
from weir_operator.compiler.matchings import Course, Plan, normal_form

from . import random_patterns
from .jobs import Job
from .random_patterns import Row

Planner = Callable[[Course, str, str], Plan]


@dataclass(frozen=True)
class Candidate:
    """A pattern, and one of the plans that can express it."""

    name: str
    spec: PatternSpec
    plan: Plan

    @property
    def steps(self) -> str:
        return ", ".join(f"`{step.name}.number` AS {identifier(step.name)}" for step in self.spec.sequence)

    def statements(self, directory: Path) -> list[str]:
        columns = ", ".join(f"{identifier(step.name)} BIGINT" for step in self.spec.sequence)
        sink = (
            f"CREATE TABLE {self.name}_sink (weir_at BIGINT, weir_id STRING, {columns})"
            f" WITH ('connector' = 'filesystem', 'path' = '{directory / self.name}', 'format' = 'json')"
        )
        return [*self.plan.views, sink]

    @property
    def insert(self) -> str:
        milliseconds = "EXTRACT(EPOCH FROM weir_match_time) * 1000 + EXTRACT(MILLISECOND FROM weir_match_time)"
        return f"INSERT INTO {self.name}_sink SELECT {milliseconds}, weir_id, {self.steps} FROM `{self.plan.matches}`"

    def written(self, directory: Path) -> list[dict[str, object]]:
        files = (path for path in (directory / self.name).rglob("*") if path.is_file())
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def _candidates(chance: random.Random, joins: int, automata: int) -> Iterator[Candidate]:
    wanted = {"joins": joins, "automata": automata}
    while any(wanted.values()):
        spec = random_patterns.spec(chance)
        scope = Scope(columns={name: identifier(name) for name in spec.source.fields})
        course = normal_form(spec, [bound(step.where, scope) for step in spec.sequence])
        planners: dict[str, Planner] = {}
        if matching_joins.supports(course):
            planners["joins"] = matching_joins.plan
        if not list(matching_automata.problems(course)):
            planners["automata"] = matching_automata.plan
        for kind, planner in planners.items():
            if wanted[kind]:
                wanted[kind] -= 1
                name = f"{kind}{wanted[kind]}"
                yield Candidate(name, spec, planner(course, name, "`events`"))


def _events_table(path: Path) -> str:
    fields = ", ".join(f"{identifier(name)} {kind}" for name, kind in random_patterns.FIELDS.items())
    return (
        f"CREATE TABLE events ({fields}, weir_partition INT, weir_offset BIGINT,"
        f" weir_time AS TO_TIMESTAMP_LTZ(`at`, 3), WATERMARK FOR weir_time AS weir_time - INTERVAL '5' SECOND)"
        f" WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'json')"
    )


def _write(path: Path, rows: list[Row]) -> None:
    lines = [json.dumps(asdict(row) | {"weir_partition": 0, "weir_offset": n}) for n, row in enumerate(rows)]
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("seed", [1])
def test_flink_finds_what_the_rule_says(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    rows = random_patterns.stream(chance, count=400, keys=8)
    candidates = list(_candidates(chance, joins=9, automata=7))
    _write(tmp_path / "events.json", rows)
    statements = [statement for each in candidates for statement in each.statements(tmp_path)]
    Job([_events_table(tmp_path / "events.json"), *statements], [each.insert for each in candidates]).run(tmp_path)
    for each in candidates:
        written = each.written(tmp_path)
        numbers = [(row["weir_at"], *(row.get(step.name) for step in each.spec.sequence)) for row in written]
        described = (each.name, [step.document() for step in each.spec.sequence], each.spec.within, each.spec.on_match)
        assert sorted(numbers, key=str) == random_patterns.expected(each.spec, rows), described
        assert len({row["weir_id"] for row in written}) == len(written), described
    assert sum(len(random_patterns.expected(each.spec, rows)) for each in candidates) > 100
