"""`weir-operator`: waits for the Lease, then reconciles until told to end. See docs/kubernetes-internals.md.

Exit codes: 0 after a signal, 1 when the Lease was lost, 2 for a configuration that cannot be.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import kopf

from weir_operator import handlers
from weir_operator.cluster.controllers import Controller
from weir_operator.cluster.probes import Probes
from weir_operator.cluster.telemetry import Telemetry
from weir_operator.fleet.kubernetes import configs
from weir_operator.fleet.kubernetes.api import KubernetesApi, from_environment
from weir_operator.fleet.kubernetes.configs import ClusterConfig, ConfigError
from weir_operator.fleet.kubernetes.leases import Lease, Lost

LOGGER: Final = logging.getLogger("weir.operator")

SILENT: Final = 60.0
"""Seconds without a word of the API server after which a replica is not ready."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process is told by its environment."""

    cluster: ClusterConfig
    namespace: str
    identity: str
    host: str = "0.0.0.0"
    port: int = 8080

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises ConfigError."""
        host, _, port = environment.get("WEIR_LISTEN", "0.0.0.0:8080").rpartition(":")
        if not port.isdecimal():
            raise ConfigError("WEIR_LISTEN is written host:port, as in 0.0.0.0:8080")
        try:
            namespace, identity = environment["POD_NAMESPACE"], environment["POD_NAME"]
        except KeyError as error:
            raise ConfigError(f"{error.args[0]} is not set: the chart takes it from the pod itself") from error
        cluster = configs.load(Path(environment.get("WEIR_CONFIG", "/etc/weir/config.yaml")))
        return cls(cluster, namespace, identity, host, int(port))


@dataclass
class Operator:
    """One replica, from its start to its end."""

    settings: Settings
    api: KubernetesApi
    login: handlers.Login
    telemetry: Telemetry
    controller: Controller
    stop: threading.Event = field(default_factory=threading.Event)
    lease: Lease = field(init=False)
    _lost: Lost | None = field(init=False, default=None)
    _watching: threading.Thread | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.lease = Lease(self.api, self.settings.namespace, self.settings.identity)

    def run(self) -> int:
        """Until stopped; returns the exit code."""
        if not self.lease.acquire(self.stop):
            return 0
        keeper = threading.Thread(target=self._keep, name="lease", daemon=True)
        keeper.start()
        self.telemetry.leads(True)
        self.controller.start()
        self._watching = threading.Thread(target=self._watch, name="watches", daemon=True)
        self._watching.start()
        self.stop.wait()
        self.telemetry.leads(False)
        if self._lost is not None:
            LOGGER.error("%s; ending at once", self._lost)
            return 1
        self.controller.stop()
        self._watching.join()
        keeper.join()
        return 0

    def alive(self) -> str | None:
        """What is wrong with this process itself; a standby only waits."""
        if self._watching is not None and not self._watching.is_alive() and not self.stop.is_set():
            return "the watches have ended"
        return self.controller.problem()

    def ready(self) -> str | None:
        """Whether the API server was heard of lately, by the holder of the Lease as by who waits for it."""
        silent = time.monotonic() - self.lease.heard_at
        return f"the API server has not answered for {silent:.0f} s" if silent > SILENT else None

    def _keep(self) -> None:
        try:
            self.lease.keep(self.stop)
        except Lost as error:
            self._lost = error
            self.stop.set()

    def _watch(self) -> None:
        """kopf's event loop, on this thread: it wakes the controller."""
        namespaces = self.settings.cluster.namespaces
        asyncio.run(
            kopf.operator(
                registry=handlers.registry(self.controller.wake, self.login),
                clusterwide=not namespaces,
                namespaces=namespaces,
                standalone=True,  # which replica acts is the Lease's word
                stop_flag=self.stop,
            )
        )


def build(settings: Settings) -> Operator:
    """An operator of the cluster this process is in, or that KUBECONFIG names."""
    telemetry = Telemetry()
    api = KubernetesApi(from_environment(), telemetry.called)
    return Operator(settings, api, _login, telemetry, Controller(api, settings.cluster, telemetry))


def _login(*, settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def main() -> None:
    """The console script; never returns."""
    logging.basicConfig(
        level=os.environ.get("WEIR_LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)-7s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request would drown all others
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # and so would one for each time a resource is woken
    try:
        settings = Settings.of(os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    operator = build(settings)
    _on_signals(operator.stop.set)
    probes = Probes(operator.alive, operator.ready, operator.telemetry.registry)
    probes.serve(settings.host, settings.port)
    code = operator.run()
    logging.shutdown()
    os._exit(code)  # without waiting for threads: what they would still do is not ours to do any more


if __name__ == "__main__":
    main()
