"""What a change of views does to state, from the plans Flink makes; nothing runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_api.signatures import Signature
from weir_operator.compiler import compile_resource
from weir_operator.reconcile import verdicts
from weir_runtime.launcher.compilations import compile_program
from weir_runtime.launcher.gateways import Gateway
from weir_runtime.launcher.planners import Planner
from weir_runtime.launcher.settings import job_settings
from weir_runtime.launcher.variables import of_revision

pytestmark = pytest.mark.timeout(1200)
OPERATIONAL: dict[str, Any] = {"name": "operational", "metrics": ["orders_*"], "labels": ["service", "endpoint"]}
BUSINESS: dict[str, Any] = {"name": "business", "labels": ["service", "tier"], "aggregate": "sum"}
WHOLE: dict[str, Any] = {"name": "whole", "metrics": ["up"]}
OWNER: dict[str, Any] = {
    "name": "owner",
    "jdbc": {"url": "jdbc:postgresql://nowhere:5432/inventory", "table": "pods"},
    "fields": {"pod": "STRING", "service": "STRING", "tier": "STRING"},
    "on": {"labels['pod']": "pod"},
    "select": ["service", "tier"],
}
AGGREGATING = {"gains", "sums", "totals", "living-partial", "living", "aggregates-partial", "aggregates"}


def signature(gateway: Gateway, directory: Path, views: Sequence[dict[str, Any]], **spec: Any) -> Signature:
    document = {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "metrics"},
        "spec": {
            "source": {"prometheusRemoteWrite": {}}, "enrichments": [OWNER], "views": list(views),
            "sink": {"prometheusRemoteWrite": {"url": "http://mimir:9009/api/v1/push"}}, **spec,
        },
    }  # fmt: skip
    job = compile_resource(parse(document))
    revision = RevisionConfig(
        namespace="default", name="metrics", revision="r", program=job.program, runtime=job.runtime,
        bootstrap_servers="localhost:9092", state_directory=directory.as_uri(), work_directory=str(directory),
    )  # fmt: skip
    planner = Planner(gateway, job_settings(revision), in_jobmanager=False)
    return compile_program(revision, planner, of_revision(revision, None), explain=False).signature


@pytest.fixture(scope="module")
def before(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Signature:
    """The state of a pipeline with two views, one of which sums and both of which find latest values."""
    return signature(gateway, tmp_path_factory.mktemp("before"), [OPERATIONAL, BUSINESS])


def inner(found: Signature) -> list[str]:
    """The operators between sources and sinks, in order."""
    uids = [operator.uid.removeprefix("metrics.") for operator in found.operators]
    return sorted(uid for uid in uids if not uid.startswith(("source-", "sink-")))


def test_each_operator_is_there_once_however_many_views_read_it(before: Signature) -> None:
    assert inner(before) == sorted(AGGREGATING)


@pytest.mark.parametrize(
    ("views", "spec"),
    [
        pytest.param([BUSINESS], {}, id="a view less"),
        pytest.param([BUSINESS, OPERATIONAL, WHOLE, {**BUSINESS, "name": "a-much-longer-name"}], {}, id="views more"),
        pytest.param([{**OPERATIONAL, "metrics": ["x"], "labels": []}, {**BUSINESS, "labels": ["a", "b"]}], {},
                     id="metrics and labels"),
        pytest.param([{**OPERATIONAL, "aggregate": "max"}, BUSINESS], {}, id="aggregate"),
        pytest.param([OPERATIONAL, BUSINESS], {"enrichments": [{**OWNER, "select": ["service"]}]}, id="select"),
        pytest.param([OPERATIONAL, BUSINESS], {"series": {"forgetAfter": "30d"}}, id="forgetAfter"),
        pytest.param([OPERATIONAL, BUSINESS], {"series": {"interval": "1m", "staleAfter": "10m"}}, id="interval"),
    ],
)  # fmt: skip
def test_keeps_all_state(
    views: Sequence[dict[str, Any]], spec: dict[str, Any], before: Signature, gateway: Gateway, tmp_path: Path
) -> None:
    verdict = verdicts.compare(before, signature(gateway, tmp_path, views, **spec))
    assert {operator.fate for operator in verdict.operators} == {"kept"}, verdict.of("added", "dropped", "incompatible")


def test_without_views_nothing_is_kept(gateway: Gateway, tmp_path: Path) -> None:
    assert inner(signature(gateway, tmp_path, [])) == []
