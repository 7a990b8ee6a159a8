"""What a dispatcher tells of its work."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DESTINATION = ("rule", "destination")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class DispatcherMetrics:
    """Every metric of a dispatcher, by rule and the scheme and host it delivers to."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.read = Counter("weir_dispatcher_records_read", "Records of results-http that were read", registry=registry)
        self.outcomes = Counter(
            "weir_dispatcher_deliveries",
            "Deliveries by how they ended: delivered, deadLettered",
            (*_DESTINATION, "outcome"),
            registry=registry,
        )
        self.tries = Counter(
            "weir_dispatcher_tries",
            "Requests by the status they were answered with; none: no answer",
            (*_DESTINATION, "status"),
            registry=registry,
        )
        self.waiting = Gauge("weir_dispatcher_waiting", "Deliveries that are not done", _DESTINATION, registry=registry)
        self.seconds = Histogram(
            "weir_dispatcher_try_seconds",
            "How long a request took",
            _DESTINATION,
            buckets=_BUCKETS,
            registry=registry,
        )
