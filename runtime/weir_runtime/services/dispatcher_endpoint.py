"""What a dispatcher answers: whether it lives, whether it can work, and its metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from weir_api.services import ServiceConfig

from .dispatcher_streams import Streams
from .starts import announced

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


@asynccontextmanager
async def serving(config: ServiceConfig, metrics: DispatcherMetrics, streams: Streams) -> AsyncIterator[None]:
    """Answers while the body runs; `endpoint.json` in the work directory says where."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if streams.assigned:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="Kafka has given this dispatcher no partition yet\n")

    async def told(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", told)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port)
        await site.start()
        announced(config, runner.addresses[0][1])
        yield
    finally:
        await runner.cleanup()
