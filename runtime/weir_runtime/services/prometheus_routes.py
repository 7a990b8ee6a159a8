"""The receiver's answers, as the protocol has them: what may come again, what must not, and how much was written."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from weir_api.secret_files import SecretError

from .prometheus_logins import Login
from .prometheus_writers import Order, Writer
from .remote_write import bodies, version1, version2
from .remote_write.bodies import Malformed, TooLarge, Unsupported, Version
from .remote_write.decodings import Counts, Decoded

_RETRY_AFTER: Final = {"Retry-After": "1"}
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Busy(Exception):
    """More is under way than there is room for."""


class Unwritten(Exception):
    """Kafka did not take the records; the message says why."""


_STATUSES: Final[Mapping[type[Exception], int]] = {
    Malformed: 400, TooLarge: 413, Unsupported: 415, Busy: 503, Unwritten: 503, SecretError: 503,
}  # fmt: skip


class ReceiverMetrics:
    """Every metric of a receiver."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "weir_receiver_requests", "Requests by the status of their answers", ("status",), registry=registry
        )
        self.written = Counter(
            "weir_receiver_written", "Samples, histograms and exemplars that Kafka has", ("kind",), registry=registry
        )
        self.refused = Counter(
            "weir_receiver_refused", "Those that are not as the protocol wants them", ("kind",), registry=registry
        )
        self.bytes = Gauge("weir_receiver_bytes", "Bytes of requests under way, without compression", registry=registry)
        self.series = Gauge("weir_receiver_series", "Series that are remembered", registry=registry)
        self.seconds = Histogram(
            "weir_receiver_seconds", "How long an answer took", buckets=_BUCKETS, registry=registry
        )


@dataclass(frozen=True)
class Sizes:
    """In bytes: a body as it comes, without compression, and of all that are under way."""

    body: int
    decompressed: int
    in_flight: int


class Receiver:
    """Takes requests in: read, decoded in one thread in the order they came, written, and answered then."""

    def __init__(
        self,
        decoders: tuple[version1.Decoder, version2.Decoder],
        writer: Writer,
        login: Login,
        sizes: Sizes,
        metrics: ReceiverMetrics,
    ) -> None:
        self._first, self._second = decoders
        self._writer, self._login, self._sizes, self._metrics = writer, login, sizes, metrics
        self._decoding = ThreadPoolExecutor(1, "decoder")
        self._in_flight = 0
        metrics.series.set_function(lambda: self._first.known + self._second.known)
        metrics.bytes.set_function(lambda: self._in_flight)

    async def write(self, request: Request) -> Response:
        """The one route that takes samples."""
        begun = time.monotonic()
        answer = await self._answer(request)
        self._metrics.requests.labels(str(answer.status_code)).inc()
        self._metrics.seconds.observe(time.monotonic() - begun)
        return answer

    def close(self) -> None:
        """Ends the decoding thread."""
        self._decoding.shutdown()

    async def _answer(self, request: Request) -> Response:
        try:
            if self._login.accepts(request.headers.get("authorization")):
                return _told(await self._taken(request))
            shown = {"WWW-Authenticate": f'{self._login.scheme} realm="weir"'}
            return PlainTextResponse("not shown who you are\n", 401, shown)
        except ClientDisconnect:
            return PlainTextResponse("gone\n", 400)
        except tuple(_STATUSES) as error:
            status = _STATUSES[type(error)]
            headers = _RETRY_AFTER if status == 503 else _written(Counts()) if status == 400 else {}
            return PlainTextResponse(f"{error}\n", status, headers)

    async def _taken(self, request: Request) -> Decoded:
        """What the request brought and Kafka has. Raises what _STATUSES names."""
        headers = request.headers
        version = bodies.version(headers.get("content-type"), headers.get("content-encoding"))
        declared = headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() else self._sizes.body
        if size > self._sizes.body:
            raise _over(size, self._sizes.body)
        with self._room(size):
            body = await self._body(request)
        size = bodies.decompressed_size(body)
        if size > self._sizes.decompressed:
            raise TooLarge(f"the body is {size} bytes without compression: {self._sizes.decompressed} are the most")
        with self._room(size):
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(self._decoding, self._decode, version, body)
            if decoded.records:
                await self._store(loop, decoded)
        self._count(decoded)
        return decoded

    @contextmanager
    def _room(self, size: int) -> Iterator[None]:
        """Holds room for so many bytes. Raises Busy."""
        if self._in_flight + size > self._sizes.in_flight:
            raise Busy("too much is under way: come again")
        self._in_flight += size
        try:
            yield
        finally:
            self._in_flight -= size

    async def _body(self, request: Request) -> bytes:
        """Raises TooLarge, ClientDisconnect."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._sizes.body:
                raise _over(size, self._sizes.body)
            parts.append(part)
        return b"".join(parts)

    def _decode(self, version: Version, body: bytes) -> Decoded:
        message = bodies.decompress(body, self._sizes.decompressed)
        try:
            return (self._first if version is Version.V1 else self._second).decode(message)
        except OSError as error:
            raise Unwritten(f"metadata cannot be kept: {error}") from error

    async def _store(self, loop: asyncio.AbstractEventLoop, decoded: Decoded) -> None:
        stored: asyncio.Future[str] = loop.create_future()

        def settle(problem: str) -> None:
            if not stored.done():
                stored.set_result(problem)

        def done(problem: str) -> None:
            loop.call_soon_threadsafe(settle, problem)

        self._writer.put(Order(decoded.records, done))
        # Whoever asked may be gone; what is written is written, and its room is taken until then.
        if problem := await asyncio.shield(stored):
            raise Unwritten(f"not written: {problem}")

    def _count(self, decoded: Decoded) -> None:
        for metric, counts in ((self._metrics.written, decoded.counts), (self._metrics.refused, decoded.refused)):
            for kind, count in vars(counts).items():
                if count:
                    metric.labels(kind).inc(count)


def _over(size: int, limit: int) -> TooLarge:
    return TooLarge(f"the body is {size} bytes or more: {limit} are the most")


def _told(decoded: Decoded) -> Response:
    if problem := decoded.problem:
        return PlainTextResponse(f"{problem}\n", 400, _written(decoded.counts))
    return Response(status_code=204, headers=_written(decoded.counts))


def _written(counts: Counts) -> dict[str, str]:
    return {
        "X-Prometheus-Remote-Write-Samples-Written": str(counts.samples),
        "X-Prometheus-Remote-Write-Histograms-Written": str(counts.histograms),
        "X-Prometheus-Remote-Write-Exemplars-Written": str(counts.exemplars),
    }
