"""Runs helm on the chart. As a program it writes the snapshots anew: `make chart`."""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
CHART = REPOSITORY / "helm" / "weir"
VALUES = HERE / "values"
SNAPSHOTS = HERE / "snapshots"
_SEPARATOR = "---\n"

Document = dict[str, Any]


class HelmMissing(RuntimeError):
    """There is no helm; the message says how to get one."""


@functools.cache
def helm() -> Path:
    """The helm that `make helm` built, else the one on PATH; raises HelmMissing."""
    cache = os.environ.get("WEIR_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weir"
    if built := sorted(Path(cache).glob("cluster/helm-*/helm")):
        return built[-1]
    on_path = shutil.which("helm")
    if on_path is None:
        raise HelmMissing("no helm: run `make helm`")
    return Path(on_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """helm with these arguments, whatever it answers; nothing of this machine's own helm settings is used."""
    return subprocess.run([helm(), *arguments], capture_output=True, text=True, check=False, timeout=60)


def rendered(values: str, *further: str) -> str:
    """The manifests for a file in values/, as helm prints them."""
    place = ["template", "weir", str(CHART), "--namespace", "weir-system"]
    answer = run(*place, "--values", str(VALUES / f"{values}.yaml"), *further)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def documents(manifests: str) -> list[Document]:
    """The manifests, parsed."""
    return [document for document in YAML(typ="safe").load_all(manifests) if document]


def of_kind(manifests: Sequence[Document], kind: str) -> list[Document]:
    """Those of one kind."""
    return [document for document in manifests if document["kind"] == kind]


def snapshot(values: str) -> str:
    """The manifests without the definitions, which crds/ has."""
    parts = rendered(values).split(_SEPARATOR)
    return _SEPARATOR.join(part for part in parts if "\nkind: CustomResourceDefinition\n" not in part)


def cases() -> list[str]:
    """Names of the files in values/."""
    return sorted(path.stem for path in VALUES.glob("*.yaml"))


if __name__ == "__main__":
    for case in cases():
        (SNAPSHOTS / f"{case}.yaml").write_text(snapshot(case))
