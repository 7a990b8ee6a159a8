"""The chart, installed by helm."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from unit.chart.rendering import CHART, helm
from weir_api.resources import KINDS

from . import kubectl

KAFKA = "kafka.example:9092"
"""Nobody listens there; for what needs no Kafka."""


@dataclass(frozen=True)
class Release:
    """A release of the chart, or the name of one to come."""

    name: str
    namespace: str
    images: dict[str, str]

    def install(self, *further: str, chart: Path = CHART, kafka: str = KAFKA) -> None:
        """Installs or upgrades, and waits until the operator is ready."""
        settings = [f"kafka.bootstrapServers={kafka}"]
        for role, image in self.images.items():
            repository, _, tag = image.rpartition(":")
            settings += [f"images.{role}.repository={repository}", f"images.{role}.tag={tag}"]
        flags = [part for setting in settings for part in ("--set", setting)]
        self._helm("upgrade", "--install", self.name, str(chart), "--wait", "--timeout", "3m", *flags, *further)

    def uninstall(self) -> None:
        """As a user does."""
        self._helm("uninstall", self.name, "--wait")

    def remove_everything(self) -> None:
        """The release and what an uninstall keeps."""
        self._helm("uninstall", self.name, "--wait", "--ignore-not-found")
        kubectl.run("delete", "namespace", self.namespace, "--ignore-not-found", deadline=300)
        definitions = [f"{kind.plural}.weir.dev" for kind in KINDS.values()]
        kubectl.run("delete", "crd", *definitions, "--ignore-not-found")

    def _helm(self, *arguments: str) -> None:
        command = [str(helm()), *arguments, "--namespace", self.namespace]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert answer.returncode == 0, answer.stderr
