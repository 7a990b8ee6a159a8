"""The README's quick start, typed as it stands, and what a user sees of it."""

import json
import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from support.waiting import wait_until
from unit.chart.rendering import REPOSITORY, helm
from weir_operator.fleet import streams

from . import kubectl
from .releases import Release

pytestmark = pytest.mark.timeout(900)

NAMESPACE = "weir"
PATTERN = "products-load-time"


def commands() -> list[str]:
    """The lines of the README's block for Kubernetes."""
    text = (REPOSITORY / "README.md").read_text()
    section = text.split("## On Kubernetes")[1]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return [line for line in block.group(1).splitlines() if line]


@pytest.fixture
def typed(kafka: str, images: dict[str, str]) -> Iterator[list[str]]:
    """What each line prints, in order; only Kafka's address is ours."""
    given, *lines = commands()
    assert given.startswith("export KAFKA=")
    environment = os.environ | {"KAFKA": kafka, "PATH": f"{helm().parent}:{os.environ['PATH']}"}
    try:
        yield [_typed(line, environment) for line in lines]
    finally:
        kubectl.run("delete", "patterns", "--all", "--namespace", NAMESPACE, "--timeout=120s", deadline=150)
        Release("weir", NAMESPACE, images).remove_everything()


def _typed(line: str, environment: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-c", line], cwd=REPOSITORY, env=environment, capture_output=True, text=True,
                          check=False, timeout=400)  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    print(f"$ {line}\n{done.stdout}")
    return done.stdout


def test_quick_start(typed: list[str], kafka: str) -> None:
    header, row = typed[-1].splitlines()[0].split(), typed[-1].splitlines()[1].split()
    shown = dict(zip(header, row, strict=False))
    # kubectl names the kind too, since several kinds are pipelines.
    assert {"NAME": f"pattern.weir.dev/{PATTERN}", "READY": "True"}.items() <= shown.items()
    kubectl.run("wait", "--namespace", NAMESPACE, f"pattern/{PATTERN}", "--for=jsonpath={.status.phase}=Running")

    # Two outer events, so that event time passes the pair.
    for metric, at in (("products_fetch_start", 100), ("products_fetch_end", 103), ("other", 100_000)):
        send(kafka, {"session": "s1", "metric": metric, "at": at})
    derived = wait_until(lambda: list(streams.read_all(kafka, "derived-metrics")), 60, "a derived event")
    assert json.loads(derived[0].value or "") == {"session": "s1", "metric": "productsLoadTime", "value": 3}

    wide = kubectl.run("get", "pipelines", "--namespace", NAMESPACE, "--output", "wide")
    print(wide)
    assert {"REASON", "JOB ID"} <= set(re.split(r"  +", wide.splitlines()[0].strip()))
    described = kubectl.run("describe", "pattern", PATTERN, "--namespace", NAMESPACE)
    print(described)
    assert "Observed Generation" in described and "Ready" in described
    events = kubectl.get("events", "--namespace", NAMESPACE)["items"]
    told = [(event["involvedObject"]["kind"], event["reason"]) for event in events]
    assert [one for one in told if one[0] == "Pattern"] == [("Pattern", "Done")], told


def send(kafka: str, value: dict[str, object]) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce("session-metrics", json.dumps(value).encode())
    assert producer.flush(30) == 0
