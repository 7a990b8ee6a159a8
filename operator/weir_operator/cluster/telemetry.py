"""Every metric of the operator, its name and its meaning."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from weir_api.phases import TRANSITIONS
from weir_api.resources import KINDS
from weir_api.statuses import RolloverStep, Status
from weir_operator.fleet.store import Key, StoredObject

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONGER = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
_OUTCOMES: dict[RolloverStep, str] = {
    "Done": "done",
    "Refused": "refused",
    "RolledBack": "rolled_back",
    "Cancelled": "cancelled",
}


class Telemetry:
    """What is counted; each operator has its own registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._passes = Counter(
            "weir_reconciles", "Passes over a resource", ["kind", "outcome"], registry=registry
        )  # outcome: ok, error
        self._pass_seconds = Histogram(
            "weir_reconcile_seconds", "Duration of a pass", ["kind"], buckets=_SECONDS, registry=registry
        )
        self._rollovers = Counter(
            "weir_rollovers", "Changes that came to their end", ["outcome"], registry=registry
        )  # outcome: done, refused, rolled_back, cancelled
        self._savepoint_seconds = Histogram(
            "weir_savepoint_seconds", "Stopping with a savepoint", buckets=_LONGER, registry=registry
        )
        self._gap_seconds = Histogram(
            "weir_gap_seconds", "Time in a rollover in which no job read", buckets=_LONGER, registry=registry
        )
        self._calls = Counter(
            "weir_api_calls", "Calls of Kubernetes' API", ["verb", "resource", "code"], registry=registry
        )  # code: the HTTP status, or unreachable
        self._call_seconds = Histogram(
            "weir_api_call_seconds", "Duration of such a call", ["verb"], buckets=_SECONDS, registry=registry
        )
        self._leads = Gauge("weir_leader", "1 while this replica acts", registry=registry)

    def called(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """A call of the API server."""
        self._calls.labels(verb, resource, code).inc()
        self._call_seconds.labels(verb).observe(seconds)

    def passed(self, key: Key, seconds: float, error: Exception | None) -> None:
        """A pass over a resource."""
        self._passes.labels(key.kind, "ok" if error is None else "error").inc()
        self._pass_seconds.labels(key.kind).observe(seconds)

    def leads(self, now: bool) -> None:
        """Whether this replica acts."""
        self._leads.set(1 if now else 0)

    def changed(self, about: StoredObject, after: Status) -> None:
        """A status was written. A pipeline only mirrors the rollover of its StreamJob: it is counted there."""
        before, now = about.status.rollover, after.rollover
        if about.kind != "StreamJob" or now is None or (before is not None and before.step == now.step):
            return
        if now.step in _OUTCOMES:
            self._rollovers.labels(_OUTCOMES[now.step]).inc()
        if now.step == "Done" and now.savepoint_seconds is not None:
            self._savepoint_seconds.observe(now.savepoint_seconds)
        if now.step == "Done" and now.gap_seconds is not None:
            self._gap_seconds.observe(now.gap_seconds)

    def watch(self, known: Callable[[], Iterable[StoredObject]]) -> None:
        """Show how many resources are in which phase, whenever somebody asks."""
        self.registry.register(_Phases(known))


class _Phases(Collector):
    def __init__(self, known: Callable[[], Iterable[StoredObject]]) -> None:
        self._known = known

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A line for each kind and phase, zeros too: a line that vanishes looks like a scrape that failed."""
        counts = Counts((one.kind, one.status.phase) for one in self._known())
        family = GaugeMetricFamily("weir_resources", "Resources by kind and phase", labels=["kind", "phase"])
        for kind in KINDS:
            for phase in TRANSITIONS:
                family.add_metric([kind, phase], counts[(kind, phase)])
        yield family
