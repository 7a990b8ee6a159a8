"""Rules and dashboards of the example and the chart by Prometheus' own tool: each alert when it must, not before."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[3]
RULES = REPOSITORY / "examples" / "prometheus" / "business-metrics.rules.yaml"
ALERTS = REPOSITORY / "helm" / "weir" / "files" / "alerts.yaml"
DASHBOARDS = [
    REPOSITORY / "examples" / "prometheus" / "business-metrics.dashboard.json",
    REPOSITORY / "helm" / "weir" / "files" / "dashboard.json",
]
# What Grafana fills in.
VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m"}
PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool: make prometheus")


def promtool(*arguments: object) -> str:
    """What it prints; the test fails when it is not content."""
    command = [str(PROMTOOL), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series(name: str, values: str, **labels: str) -> Mapping[str, str]:
    told = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f"{name}{{{told}}}", "values": values}


def firing(alert: str, at: str, summary: str, **labels: str) -> Mapping[str, Any]:
    expected = [{"exp_labels": labels, "exp_annotations": {"summary": summary}}] if labels else []
    return {"alertname": alert, "eval_time": at, "exp_alerts": expected}


def test_alerts_fire_when_they_must(tmp_path: Path) -> None:
    """One sample every 30 s: ten minutes in which one critical service fails, one has lost its pods, one is unowned."""
    business = {"view": "business"}
    checkout, search = {"service": "checkout", "tier": "critical"}, {"service": "search", "tier": "low"}
    given = [
        series("orders_total", "0+100x40", **business, **checkout),
        series("orders_failed_total", "0+10x40", **business, **checkout),
        series("orders_total", "0+100x40", **business, **search),
        series("orders_failed_total", "0+50x40", **business, **search),
        series("orders_total", "0+1x40", **business),
        series("pod_ready", "2x4 stale _x35", view="pods", **checkout),
        series("pod_ready", "3x40", view="pods", **search),
    ]
    asked = [
        firing("OrdersFail", "1m", ""),
        firing("OrdersFail", "5m", "checkout: 10% of all orders fail", severity="page", **business, **checkout),
        firing("NoPodReady", "2m", ""),
        firing(
            "NoPodReady", "6m30s", "checkout has had pods five minutes ago and has none now", severity="page",
            view="pods", **checkout,
        ),
        firing("NoPodReady", "12m", ""),
        firing("OwnerUnknown", "5m", ""),
        firing(
            "OwnerUnknown", "15m", "pods send orders that no metadata know: see business-metrics-pods",
            severity="ticket", **business,
        ),
    ]  # fmt: skip
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "30s",
        "tests": [{"interval": "30s", "input_series": given, "alert_rule_test": asked}],
    }
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps(document))

    assert "SUCCESS" in promtool("test", "rules", file)


def expressions(dashboard: Path) -> Iterator[str]:
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"]
            for variable, value in VARIABLES.items():
                text = text.replace(variable, value)
            yield text


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=["example", "chart"])
def test_prometheus_understands_every_panel(dashboard: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions(dashboard))]
    file = tmp_path / "rules.yaml"
    YAML().dump({"groups": [{"name": "panels", "rules": rules}]}, file)

    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", file)


def test_prometheus_understands_the_charts_alerts() -> None:
    assert "SUCCESS" in promtool("check", "rules", ALERTS)
