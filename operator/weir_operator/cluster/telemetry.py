"""Every metric of the operator, its name and its meaning."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from weir_api.phases import TRANSITIONS
from weir_api.resources import KINDS
from weir_api.statuses import RolloverStep, Status
from weir_operator.fleet.store import Key, StoredObject

_WHO = [
    "kind",
    "namespace",
    "name",
]  # the chart's ServiceMonitor honours these, or Prometheus would put the operator's own namespace
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
        """Show where each resource is and what it counted, whenever somebody asks."""
        self.registry.register(_Resources(known))


class _Resources(Collector):
    def __init__(self, known: Callable[[], Iterable[StoredObject]]) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        """Of all kinds together and of each resource."""
        known = list(self._known())
        yield _phases(known)
        # What a pipeline became mirrors it: one of the two is enough.
        own = [one for one in known if not one.metadata.owner_references]
        yield _readiness(own)
        yield _records(own)
        yield _lags(own)


def _phases(known: Iterable[StoredObject]) -> GaugeMetricFamily:
    """A line for each kind and phase, zeros too: a line that vanishes looks like a scrape that failed."""
    counts = Counts((one.kind, one.status.phase) for one in known)
    family = GaugeMetricFamily("weir_resources", "Resources by kind and phase", labels=["kind", "phase"])
    for kind in KINDS:
        for phase in TRANSITIONS:
            family.add_metric([kind, phase], counts[(kind, phase)])
    return family


def _readiness(known: Iterable[StoredObject]) -> GaugeMetricFamily:
    text = "1 while condition Ready of the resource is True; its phase now"
    family = GaugeMetricFamily("weir_resource_ready", text, labels=[*_WHO, "phase"])
    for one in known:
        ready = one.status.condition("Ready")
        family.add_metric([*_who(one), one.status.phase], 1 if ready is not None and ready.status == "True" else 0)
    return family


def _records(known: Iterable[StoredObject]) -> CounterMetricFamily:
    """From status, so that they go on over every restart and change of the job."""
    family = CounterMetricFamily("weir_resource_records", "Records since the first start", labels=[*_WHO, "what"])
    for one in known:
        if (counted := one.status.records) is None:
            continue
        of = {"in": counted.in_, "out": counted.out, "dead_lettered": counted.dead_lettered, "late": counted.late}
        for what, number in of.items():
            if number is not None:
                family.add_metric([*_who(one), what], number)
    return family


def _lags(known: Iterable[StoredObject]) -> GaugeMetricFamily:
    family = GaugeMetricFamily("weir_resource_lag_records", "Records in the source's topics not read yet", labels=_WHO)
    for one in known:
        if one.status.records is not None and one.status.records.lag is not None:
            family.add_metric(_who(one), one.status.records.lag)
    return family


def _who(one: StoredObject) -> list[str]:
    return [one.kind, one.metadata.namespace, one.metadata.name]
