"""The reconcile core with a cluster around it: the same loop as on a laptop, other objects and another fleet."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from weir_api.resources import Resource
from weir_api.statuses import Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.compiler import compile_resource
from weir_operator.compiler.shares import SHARINGS
from weir_operator.fleet.followers import KafkaTables
from weir_operator.fleet.kubernetes import events, secrets
from weir_operator.fleet.kubernetes.api import KubernetesApi
from weir_operator.fleet.kubernetes.configs import ClusterConfig
from weir_operator.fleet.kubernetes.fleet import KubernetesFleet
from weir_operator.fleet.kubernetes.looks import Addresses, in_cluster
from weir_operator.fleet.kubernetes.stored import ClusterObjects
from weir_operator.fleet.store import Key, StoredObject, utc_now
from weir_operator.reconcile.loops import Loop
from weir_operator.reconcile.passes import Paces, Reconciler
from weir_operator.reconcile.resources import ResourceReconciler
from weir_operator.reconcile.sharing import SharedReconciler

from .telemetry import Telemetry

PACES: Final = Paces(hurry=0.1, brisk=0.5, calm=15.0)
"""A look costs some requests of the API server; what is at rest is woken by its changes, and looked at now and then."""
RESCAN: Final = 300.0
"""Seconds after which all objects are listed although watches have told of them."""
STUCK: Final = 60.0


@dataclass
class Controller:
    """Start it once; then wake it for each object that has changed."""

    api: KubernetesApi
    cluster: ClusterConfig
    telemetry: Telemetry
    addresses: Addresses = in_cluster
    paces: Paces = PACES
    compile: Callable[[Resource], StreamJobSpec] = compile_resource
    objects: ClusterObjects = field(init=False)
    fleet: KubernetesFleet = field(init=False)
    loop: Loop = field(init=False)
    _thread: threading.Thread | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.objects = ClusterObjects(self.api, self.cluster.namespaces, self._written)
        self.fleet = KubernetesFleet(self.api, self.cluster, self.addresses)
        streamjobs = Reconciler(self.objects, self.fleet, paces=self.paces)
        shared = SharedReconciler(
            self.objects,
            KafkaTables(self.fleet.bootstrap_servers, secrets.in_cluster(self.api)),
            SHARINGS,
            woken=self.wake,
        )
        kinds = ResourceReconciler(
            self.objects, self.compile, shared, soon=self.paces.brisk * 2, calm=self.paces.calm * 4
        )
        self.loop = Loop(streamjobs, kinds, passed=self.telemetry.passed, rescan=RESCAN, collect=False)
        self.telemetry.watch(self.objects.known)

    def start(self) -> None:
        """Reconcile from now on, on a thread of its own."""
        self._thread = threading.Thread(target=self.loop.run, name="loop", daemon=True)
        self._thread.start()

    def wake(self, key: Key) -> None:
        """The object has changed: look at it now."""
        self.loop.wake(key)

    def stop(self) -> None:
        """End after the passes under way. Jobs go on."""
        self.loop.stop()
        if self._thread is not None:
            self._thread.join()
        self.fleet.close()

    def problem(self) -> str | None:
        """Why nothing would be reconciled; None while all is well."""
        if self._thread is None:
            return None
        if not self._thread.is_alive():
            return "the loop has ended"
        idle = time.monotonic() - self.loop.moved_at
        return f"the loop has not moved for {idle:.0f} s" if idle > STUCK else None

    def _written(self, about: StoredObject, after: Status) -> None:
        self.telemetry.changed(about, after)
        events.post(self.api, about, after, utc_now())
