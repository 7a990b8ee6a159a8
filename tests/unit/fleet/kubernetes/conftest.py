"""A fleet against an API server and launchers in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support.apiservers import ApiServer, Object, serving
from support.launchers import Launchers, launching
from unit.fleet.kubernetes.revisions import PLAIN, VOLUME
from weir_api.blocks import Runtime
from weir_api.launchers import RevisionConfig
from weir_operator.fleet.kubernetes.api import OWN, KubernetesApi
from weir_operator.fleet.kubernetes.fleet import KubernetesFleet
from weir_operator.fleet.observations import Observation, RevisionObservation, Watch
from weir_operator.fleet.store import Key

KEY = Key(kind="StreamJob", name="orders", namespace="default")
REVISION = "0123456789"


@dataclass
class Lab:
    """A StreamJob, its fleet, and the world."""

    server: ApiServer
    launchers: Launchers
    api: KubernetesApi
    fleet: KubernetesFleet

    @property
    def config(self) -> RevisionConfig:
        """As a pass makes it."""
        places = self.fleet.locations(KEY, REVISION)
        return RevisionConfig(
            namespace=KEY.namespace,
            name=KEY.name,
            revision=REVISION,
            program=PLAIN,
            runtime=Runtime(),
            bootstrap_servers="kafka:9092",
            state_directory=places.state_directory,
            work_directory=places.work_directory,
        )

    def look(self, points: bool = False) -> Observation:
        """As a pass does."""
        return self.fleet.observe(KEY, Watch(points=points))

    def revision(self) -> RevisionObservation:
        """The one that is there."""
        (found,) = self.look().revisions
        return found

    def pod(self, name: str, labels: Object, status: Object) -> None:
        """As a kubelet shows it."""
        metadata = {"name": name, "namespace": KEY.namespace, "labels": labels}
        self.api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A StreamJob of which nothing is deployed."""
    with serving() as server, launching() as launchers:
        api = KubernetesApi(server.config)
        fleet = KubernetesFleet(api, VOLUME, launchers.address)
        metadata = {"name": KEY.name, "namespace": KEY.namespace}
        api.apply({"apiVersion": OWN[KEY.kind].api_version, "kind": KEY.kind, "metadata": metadata, "spec": {}})
        yield Lab(server, launchers, api, fleet)
        fleet.close()
        api.close()
