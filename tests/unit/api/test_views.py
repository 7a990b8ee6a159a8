"""Views of series: what they stand for, and each thing wrong -> field and message."""

from typing import Any

import pytest

from weir_api.enrichments import EnrichmentPipelineSpec
from weir_api.errors import SpecError
from weir_api.resources import parse

OPERATIONAL: dict[str, Any] = {"name": "operational", "labels": ["service", "endpoint", "error_type"]}
BUSINESS: dict[str, Any] = {"name": "business", "labels": ["service", "tier"], "aggregate": "sum"}
OWNER: dict[str, Any] = {
    "name": "owner",
    "table": {"topic": "pods", "fields": {"pod": "STRING", "service": "STRING", "tier": "STRING", "a-b": "STRING"}},
    "on": {"labels['pod']": "pod"},
    "select": ["service", "tier"],
}


def document(**spec: Any) -> dict[str, Any]:
    """A pipeline of series with two views, with these parts of its spec instead."""
    default = {
        "source": {"prometheusRemoteWrite": {}},
        "enrichments": [OWNER],
        "views": [OPERATIONAL, BUSINESS],
        "sink": {"prometheusRemoteWrite": {"url": "http://mimir:9009/api/v1/push"}},
    }
    given = {name: value for name, value in {**default, **spec}.items() if value is not None}
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "metrics"}, "spec": given,
    }  # fmt: skip


def test_a_pipeline_with_views_writes_series() -> None:
    resource = parse(document())
    spec = resource.spec
    assert isinstance(spec, EnrichmentPipelineSpec)
    assert spec.writes_series
    assert [view.aggregate for view in spec.views] == [None, "sum"]
    assert (spec.series.interval, spec.series.stale_after) == ("15s", "5m")


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        pytest.param({"views": [BUSINESS, BUSINESS]}, "views[1].name",
                     "'business' is already the name of another view", id="two views of a name"),
        pytest.param({"views": [{"name": "all", "aggregate": "sum"}]}, "views[0].aggregate",
                     "needs labels: with all of them no series meet", id="aggregate of all labels"),
        pytest.param({"views": [{**BUSINESS, "labels": ["tier", "view"]}]}, "views[0].labels[1]",
                     "'view' is the view's own name", id="reserved label"),
        pytest.param({"views": [{**BUSINESS, "labels": ["le"]}]}, "views[0].labels[0]",
                     "'le' is kept anyway", id="kept label"),
        pytest.param({"views": [{**BUSINESS, "labels": ["tier", "tier"]}]}, "views[0].labels[1]",
                     "'tier' stands here more than once", id="label twice"),
        pytest.param({"source": {"topic": "t", "fields": {"name": "STRING"}}, "sink": {"topic": "out"}}, "views",
                     "needs source.prometheusRemoteWrite: only series can be sent on", id="views of events"),
        pytest.param({"source": {"topic": "t", "fields": {"name": "STRING"}}, "views": None},
                     "sink.prometheusRemoteWrite",
                     "needs source.prometheusRemoteWrite: only series can be sent on", id="events sent as series"),
        pytest.param({"output": {"a": "name"}}, "output", "is not for series: what is written of them is known",
                     id="output"),
        pytest.param({"keyBy": ["name"]}, "keyBy", "is not for series: what is written of them is known", id="keyBy"),
        pytest.param({"flags": {"firstOccurrence": {"per": ["name"]}}}, "flags",
                     "is not for series: what is written of them is known", id="flags"),
        pytest.param({"enrichments": [{**OWNER, "select": ["a-b"]}]}, "enrichments[0].select[0]",
                     "'a-b' is no name of a label: letters, digits and _ only", id="no label"),
        pytest.param({"enrichments": [OWNER, {**OWNER, "name": "other"}]}, "enrichments[1].select[0]",
                     "'service' is selected from 'owner' too: a series has one label of a name", id="label from two"),
        pytest.param({"runtime": {"parallelism": 2}}, "runtime.parallelism",
                     "must be 1 for series: they leave in their order", id="parallelism"),
        pytest.param({"enrichments": [{"name": "owner", "http": {"url": "http://x/{pod}", "onError": "deadLetter"},
                                       "fields": {"pod": "STRING", "service": "STRING"}, "on": {"name": "pod"},
                                       "select": ["service"]}]},
                     "enrichments[0].http.onError", "must be null for series: they leave without the side",
                     id="onError"),
        pytest.param({"series": {"interval": "500ms"}}, "series.interval", "must be 1s or more", id="interval"),
        pytest.param({"series": {"interval": "1s", "staleAfter": "1h"}}, "series.staleAfter",
                     "may be a thousand intervals at most", id="many intervals"),
        pytest.param({"series": {"forgetAfter": "1m"}}, "series.forgetAfter", "is less than staleAfter", id="forget"),
    ],
)  # fmt: skip
def test_each_thing_wrong(spec: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(document(**spec))

    assert (f"spec.{path}", message) in {(error.path, error.message) for error in caught.value.errors}
