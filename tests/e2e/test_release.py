"""The chart's life on a real cluster: install, upgrade, uninstall, install again."""

import shutil
from pathlib import Path

import pytest

from unit.chart.rendering import CHART, REPOSITORY

from . import kubectl
from .releases import Release

pytestmark = pytest.mark.timeout(600)

EXAMPLES = sorted((REPOSITORY / "examples" / "pipelines").rglob("*.yaml"))
DEFINITION = "streamjobs.weir.dev"
COLUMN = "        - name: Lag\n          type: integer\n          jsonPath: .status.records.lag\n"


def older_chart(directory: Path) -> Path:
    """The chart as it might have been: its definition of StreamJobs has a column less."""
    chart = directory / "weir"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crds" / "streamjobs.yaml"
    text = file.read_text()
    assert COLUMN in text
    file.write_text(text.replace(COLUMN, ""))
    return chart


def columns() -> list[str]:
    (version,) = kubectl.get("crd", DEFINITION)["spec"]["versions"]
    return [column["name"] for column in version["additionalPrinterColumns"]]


def kept(namespace: str) -> dict[str, str]:
    """What must outlive a release, by its name, with its uid."""
    own = ["pvc/weir-state", "serviceaccount/weir-runtime", "role/weir-runtime", "rolebinding/weir-runtime"]
    found = {name: kubectl.get(name, "--namespace", namespace)["metadata"]["uid"] for name in own}
    return {**found, DEFINITION: kubectl.get("crd", DEFINITION)["metadata"]["uid"]}


def test_install_upgrade_uninstall_and_install_again(release: Release, tmp_path: Path) -> None:
    release.install(chart=older_chart(tmp_path))
    assert "Lag" not in columns()

    release.install("--set", "operator.replicas=2")
    assert "Lag" in columns()
    pods = kubectl.get("pods", "--namespace", release.namespace)["items"]
    assert len([pod for pod in pods if pod["metadata"].get("deletionTimestamp") is None]) == 2

    everything = kept(release.namespace)
    release.uninstall()
    assert not kubectl.exists("deployment/weir", "--namespace", release.namespace)
    assert kept(release.namespace) == everything

    release.install()
    assert kept(release.namespace) == everything


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in EXAMPLES])
def test_the_api_server_takes_the_examples(path: Path, release: Release) -> None:
    release.install()

    kubectl.run("apply", "--dry-run=server", "--namespace", release.namespace, "--filename", str(path))


def test_rights(release: Release) -> None:
    release.install()
    operator, runtime = f"{release.namespace}:weir", f"{release.namespace}:weir-runtime"

    assert kubectl.allowed(operator, "default", "create", "deployments.apps")
    assert kubectl.allowed(runtime, release.namespace, "update", "configmaps")
    assert not kubectl.allowed(runtime, "default", "get", "configmaps")
    for account in (operator, runtime):
        assert not kubectl.allowed(account, release.namespace, "get", "secrets")
        assert not kubectl.allowed(account, release.namespace, "create", "pods/exec")
