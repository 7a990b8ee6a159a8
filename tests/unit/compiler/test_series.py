"""Pipelines of series: which of them a view is of, and what the job of one is made of."""

import json
import re

import pytest

from unit.api.test_views import BUSINESS, OPERATIONAL, document
from weir_api.resources import parse
from weir_api.views import View
from weir_operator.compiler import compile_resource, series_views


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        pytest.param(View(name="v"), "TRUE", id="all"),
        pytest.param(View(name="v", labels=()), "histogram IS NULL", id="all that have a value"),
        pytest.param(View(name="v", metrics=("up", "it")), "(name IN ('up', 'it'))", id="names"),
        pytest.param(View(name="v", metrics=("a.b_*", "*c")), r"(REGEXP(name, '^(?:a\.b_.*|.*c)$'))", id="patterns"),
        pytest.param(View(name="v", metrics=("up", "a*"), labels=("b",)),
                     "((name IN ('up') OR REGEXP(name, '^(?:a.*)$')) AND histogram IS NULL)", id="both"),
    ],
)  # fmt: skip
def test_names_series(view: View, expected: str) -> None:
    assert series_views.names_series(view) == expected


def test_a_job_with_views() -> None:
    job = compile_resource(parse(document()))
    assert [insert.name for insert in job.program.inserts] == ["dead-letters", "late", "series"]
    assert [service.name for service in job.services] == ["receiver", "sender"]
    roles = {topic.name: topic.role for topic in job.program.topics}
    assert roles == {
        "metrics.samples": "source", "pods": "source", "metrics.series": "sink",
        "metrics.dead-letters": "deadLetters", "metrics.late": "late",
    }  # fmt: skip
    (gains,) = (operator for operator in job.program.operators if operator.name == "gains")
    assert gains.forget_after == "7d"


def test_only_views_that_may_sum_have_totals() -> None:
    job = compile_resource(parse(document(views=[{**OPERATIONAL, "aggregate": "max"}, {"name": "all"}])))
    assert not {"gains", "sums", "totals"} & {operator.name for operator in job.program.operators}
    assert "living" in {operator.name for operator in job.program.operators}


def test_without_views_late_samples_are_enriched_too() -> None:
    job = compile_resource(parse(document(views=None)))
    assert [insert.name for insert in job.program.inserts] == ["dead-letters", "series"]


def test_series_may_be_written_to_a_topic_instead() -> None:
    job = compile_resource(parse(document(sink={"topic": "out"})))
    assert [service.name for service in job.services] == ["receiver"]
    assert json.loads(job.services[0].settings)["topic"] == "metrics.samples"


def test_no_state_depends_on_how_many_views_there_are() -> None:
    one, two = (compile_resource(parse(document(views=views))) for views in ([BUSINESS], [BUSINESS, OPERATIONAL]))
    assert one.program.operators == two.program.operators
    assert not any(re.search(r"GROUP BY[^\n]*'business'", table) for table in one.program.tables)
