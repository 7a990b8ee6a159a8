"""Alerts and the dashboard ask for metrics that are there."""

import json
import re
from typing import Any

from weir_operator.cluster.telemetry import Telemetry
from weir_operator.fleet.store import Key

from .rendering import CHART, REPOSITORY, documents, of_kind, rendered


def counted() -> set[str]:
    """Every series the operator has, by name."""
    telemetry = Telemetry()
    telemetry.watch(lambda: ())
    telemetry.passed(Key(kind="StreamJob", name="a"), 1.0, None)
    telemetry.called("get", "streamjobs", "200", 1.0)
    families = list(telemetry.registry.collect())
    named = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    return named | {f"{family.name}_bucket" for family in families if family.type == "histogram"}


def used(expression: str) -> set[str]:
    return set(re.findall(r"\bweir_\w+", expression))


def rules() -> list[dict[str, Any]]:
    (rule,) = of_kind(documents(rendered("full")), "PrometheusRule")
    return [alert for group in rule["spec"]["groups"] for alert in group["rules"]]


def test_alerts_ask_for_metrics_that_are_there() -> None:
    for alert in rules():
        assert used(alert["expr"]), alert["alert"]
        assert used(alert["expr"]) <= counted(), alert["alert"]


def test_alerts_say_how_bad_it_is_and_what_it_means() -> None:
    for alert in rules():
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(alert["annotations"]) == {"summary", "description"}
    assert len({alert["alert"] for alert in rules()}) == len(rules())


def test_the_dashboard_is_whole() -> None:
    (dashboard,) = [
        document
        for document in of_kind(documents(rendered("full")), "ConfigMap")
        if document["metadata"]["name"].endswith("-dashboard")
    ]
    found = json.loads(dashboard["data"]["weir.json"])

    assert found == json.loads((CHART / "files" / "dashboard.json").read_text())
    identifiers = [panel["id"] for panel in found["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    for panel in found["panels"]:
        for target in panel["targets"]:
            assert used(target["expr"]) <= counted(), panel["title"]


def test_the_table_of_metrics_has_them_all() -> None:
    text = (REPOSITORY / "docs" / "kubernetes-internals.md").read_text()
    told = set(re.findall(r"^\| `(weir_\w+)` \|", text, re.MULTILINE))

    assert told == {name for name in counted() if not name.endswith("_bucket")}
