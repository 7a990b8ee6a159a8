"""`python -m weir_runtime.services.billing_queries FILE`: answers what each key of a BillingView owes.

Starlette and not FastAPI: the launcher has it already, and FastAPI's page of the API needs a network that a cluster may
not have. Each replica reads the whole changelog into a store of its own. docs/billing.md has the routes.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from pydantic import Field

from weir_api.services import ServiceConfig

from . import endpoints, starts
from .billing_answers import Answers
from .billing_followers import Follower
from .billing_routes import Changes, Routes
from .billing_stores import Store
from .starts import KafkaSettings

_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
_END_SECONDS: Final = 3.0


class Settings(KafkaSettings):
    """What a query service is told."""

    topic: str = Field(description="The changelog of totals")
    views: Mapping[str, Sequence[str]] = Field(description="View -> fields of its key")
    period: str = "month"
    time_zone: str = "UTC"


def main(arguments: Sequence[str]) -> int:
    """Serves until it is told to end; returns the exit code."""
    return starts.run("queries", arguments, Settings, _run)


def _run(config: ServiceConfig, settings: Settings) -> None:
    """Raises OSError, ConfigurationError."""
    client = settings.client(config)
    work = Path(config.work_directory)
    work.mkdir(parents=True, exist_ok=True)
    store, stopping, changes = Store(work / "totals.sqlite"), threading.Event(), Changes()
    follower = Follower(settings.topic, client, store, stopping, changes.happened)
    answers = Answers(store.reader, settings.views, lambda: follower.trouble is None)
    thread = threading.Thread(target=follower.run, name="follower")
    thread.start()
    try:
        registry = CollectorRegistry()
        seconds = _metrics(registry, follower)
        health = endpoints.Health(lambda: follower.trouble, registry)
        endpoints.serve(config, Routes(answers, changes, stopping, seconds).application(health), stopping)
    finally:
        stopping.set()
        thread.join(_END_SECONDS)
        store.close()


def _metrics(registry: CollectorRegistry, follower: Follower) -> Histogram:
    """Every metric of a query service."""
    stale = Gauge(
        "weir_billing_queries_staleness_seconds", "Since when there may be totals not read yet", registry=registry
    )
    stale.set_function(lambda: follower.staleness)
    records = Gauge("weir_billing_queries_records", "Totals read since the start", registry=registry)
    records.set_function(lambda: follower.records)
    return Histogram(
        "weir_billing_queries_seconds", "How long an answer took", ("route",), buckets=_SECONDS, registry=registry
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
