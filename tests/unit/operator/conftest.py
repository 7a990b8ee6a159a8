"""The whole operator in this process, against an API server and launchers in memory."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import kopf
import pytest

from support.apiservers import ApiServer, Object, serving
from support.launchers import Launchers, launching
from support.waiting import wait_until
from weir_operator.cluster.controllers import Controller
from weir_operator.cluster.telemetry import Telemetry
from weir_operator.fleet.kubernetes.api import OWN, KubernetesApi
from weir_operator.fleet.kubernetes.configs import ClusterConfig, State
from weir_operator.main import Operator, Settings
from weir_operator.reconcile.passes import Paces

CLUSTER = ClusterConfig(
    image="weir-runtime:1", bootstrap_servers="kafka:9092", service_account="runtime", state=State(claim="state")
)
PACES = Paces(hurry=0.02, brisk=0.05, calm=0.5)


@dataclass
class Running:
    """An operator, what it talks to, and a user with kubectl."""

    server: ApiServer
    launchers: Launchers
    operator: Operator
    user: KubernetesApi

    def apply(self, kind: str, name: str, spec: Object, **metadata: object) -> None:
        """As the user would."""
        place = {"name": name, "namespace": "default", **metadata}
        self.user.apply({"apiVersion": OWN[kind].api_version, "kind": kind, "metadata": place, "spec": spec})

    def delete(self, kind: str, name: str) -> None:
        """As the user would."""
        self.user.delete(OWN[kind], "default", name)

    def status(self, kind: str, name: str) -> Object:
        """What the resource says of itself."""
        found = self.server.find(OWN[kind].plural, name)
        status: Object = (found or {}).get("status", {})
        return status

    def uid(self, plural: str, name: str) -> object:
        """Of an object, or None."""
        found = self.server.find(plural, name)
        return found["metadata"]["uid"] if found is not None else None

    def holder(self) -> object:
        """Of the Lease."""
        found = self.server.find("leases", "weir-operator")
        return found["spec"]["holderIdentity"] if found is not None else None

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for it."""
        wait_until(condition, 20, what, every=0.02)

    def until_phase(self, kind: str, name: str, phase: str) -> None:
        """Wait for it."""
        self.until(lambda: self.status(kind, name).get("phase") == phase, f"{kind} {name} is {phase}")


def start(server: ApiServer, launchers: Launchers, identity: str) -> Operator:
    """One replica, not yet run."""

    def login(**_: object) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=server.url, default_namespace="default")

    telemetry = Telemetry()
    api = KubernetesApi(server.config, telemetry.called)
    controller = Controller(api, CLUSTER, telemetry, addresses=launchers.address, paces=PACES)
    return Operator(Settings(CLUSTER, "default", identity), api, login, telemetry, controller)


@pytest.fixture
def running() -> Iterator[Running]:
    """An operator at work."""
    with serving() as server, launching() as launchers:
        operator = start(server, launchers, "operator-0")
        thread = threading.Thread(target=operator.run, name="operator")
        thread.start()
        user = KubernetesApi(server.config)
        try:
            yield Running(server, launchers, operator, user)
        finally:
            operator.stop.set()
            thread.join(30)
            user.close()
            operator.api.close()
        assert not thread.is_alive()
