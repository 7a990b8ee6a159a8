"""The process around the operator: its settings, its probes, and which calls it makes."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.apiservers import serving
from support.waiting import wait_until
from unit.operator.conftest import CLUSTER, Running
from unit.operator.test_operator import CHANGED, SPEC
from weir_operator.cluster.probes import Probes
from weir_operator.fleet.kubernetes.api import KubernetesApi
from weir_operator.fleet.kubernetes.configs import ConfigError
from weir_operator.main import Settings

DOCUMENT = Path(__file__).parents[3] / "docs" / "kubernetes-internals.md"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "config.yaml"
    path.write_text(CLUSTER.model_dump_json(by_alias=True, exclude_none=True))
    return {"WEIR_CONFIG": str(path), "POD_NAMESPACE": "weir-system", "POD_NAME": "weir-0", "WEIR_LISTEN": "[::1]:81"}


def test_settings_come_from_the_environment(environment: dict[str, str]) -> None:
    found = Settings.of(environment)
    assert (found.namespace, found.identity, found.host, found.port) == ("weir-system", "weir-0", "[::1]", 81)
    assert found.cluster == CLUSTER


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("POD_NAME", None, "POD_NAME is not set"), ("WEIR_LISTEN", "here", "host:port"), ("WEIR_CONFIG", "/no", "read")],
)
def test_settings_that_cannot_be(environment: dict[str, str], name: str, value: str | None, told: str) -> None:
    changed = {key: text for key, text in {**environment, name: value}.items() if text is not None}
    with pytest.raises(ConfigError, match=told):
        Settings.of(changed)


def test_probes_answer_in_words(running: Running) -> None:
    operator = running.operator
    running.until(lambda: running.server.names("leases"), "the Lease is held")
    wrong: list[str] = []
    probes = Probes(lambda: wrong[0] if wrong else operator.alive(), operator.ready, operator.telemetry.registry)
    server = probes.serve("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        assert [httpx.get(url + path).status_code for path in ("/healthz", "/readyz", "/other")] == [200, 200, 404]
        assert "weir_leader 1.0" in httpx.get(url + "/metrics").text
        wrong.append("the watches have ended")
        answer = httpx.get(url + "/healthz")
        assert (answer.status_code, answer.text) == (503, "the watches have ended\n")
    finally:
        server.shutdown()
        server.server_close()


def granted() -> set[tuple[str, str]]:
    """Resource and verb, as the table has them; the Lease stands below it."""
    _, _, section = DOCUMENT.read_text().partition("### What it may do")
    table, _, _ = section.partition("\n## ")
    rows = re.findall(r"^\| (?:`[\w.]+`|\(core\)) \| (.+?) \| ([a-z, ]+) \|", table, re.MULTILINE)
    found = {
        (one, verb) for left, verbs in rows for one in re.findall(r"`([\w/]+)`", left) for verb in verbs.split(", ")
    }
    return found | {("leases", verb) for verb in ("get", "create", "update")}


def test_no_call_is_made_that_the_table_does_not_have(running: Running) -> None:
    running.apply("StreamJob", "orders", SPEC)
    running.until_phase("StreamJob", "orders", "Running")
    running.apply("StreamJob", "orders", CHANGED)
    running.until(lambda: len(running.server.names("jobs")) == 1, "old state is pruned")
    running.until_phase("StreamJob", "orders", "Running")
    running.delete("StreamJob", "orders")
    running.until(lambda: not running.server.names("streamjobs"), "it is gone")
    made = running.server.used(by="python-httpx2") | running.server.used(by="kopf")
    assert made - granted() == set()
    assert ("streamjobs/status", "update") in made and ("deployments", "delete") in made


def test_the_program_says_what_it_is_not_told() -> None:
    program = [sys.executable, "-m", "weir_operator.main"]
    found = subprocess.run(program, env={}, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == "POD_NAMESPACE is not set: the chart takes it from the pod itself\n"


def test_the_program_reconciles_and_gives_the_lease_back_on_sigterm(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving() as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(server.url)))
        own = {**environment, "KUBECONFIG": str(kubeconfig), "WEIR_LISTEN": "127.0.0.1:0", "POD_NAMESPACE": "default"}
        process = subprocess.Popen([sys.executable, "-m", "weir_operator.main"], env=own, stderr=subprocess.PIPE)
        user = KubernetesApi(server.config)
        try:
            metadata = {"name": "orders", "namespace": "default"}
            user.apply({"apiVersion": "weir.dev/v1alpha1", "kind": "StreamJob", "metadata": metadata, "spec": SPEC})
            wait_until(lambda: len(server.names("deployments")) == 2, 30, "it is deployed")
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
            assert process.returncode == 0, errors.decode()
            lease = server.find("leases", "weir-operator")
            assert lease is not None and lease["spec"]["holderIdentity"] == ""
        finally:
            process.kill()
            process.communicate()
            user.close()


def _kubeconfig(url: str) -> dict[str, object]:
    context = {"cluster": "c", "user": "u", "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": context}],
    }
