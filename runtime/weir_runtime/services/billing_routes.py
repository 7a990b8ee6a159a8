"""The routes of a query service. What they answer is in billing_answers, how they look in billing_pages."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Final
from urllib.parse import unquote

from prometheus_client import Histogram
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from . import billing_openapi, billing_pages
from .billing_answers import Answer, AnswerError, Answers
from .endpoints import Health

_HEARTBEAT_SECONDS: Final = 15.0
_CACHE: Final = "no-cache"  # may be kept, and is asked for with its ETag each time


class Changes:
    """Tells those who wait in event loops that something was read; called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def happened(self) -> None:
        """Wakes all who wait."""
        with self._lock:
            waiting = list(self._waiting)
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # its loop has just ended
                loop.call_soon_threadsafe(event.set)

    @contextlib.contextmanager
    def waiter(self) -> Iterator[asyncio.Event]:
        """An event that is set at each change, for the running loop."""
        entry = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiting.add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiting.discard(entry)


class Routes:
    """Everything that is served."""

    def __init__(self, answers: Answers, changes: Changes, stopping: threading.Event, seconds: Histogram) -> None:
        self._answers, self._changes, self._stopping, self._seconds = answers, changes, stopping, seconds

    def application(self, health: Health) -> Starlette:
        """The application. Short forms come last, so that a view called `live` is reached under /views/live."""
        return Starlette(
            routes=[
                *health.routes(),
                Route("/openapi.json", self.openapi),
                Route("/docs", self.docs),
                Route("/", self.index),
                Route("/views", self.views),
                Route("/live/{rest:path}", self.live),
                Route("/views/{rest:path}", self.asked),
                Route("/{rest:path}", self.asked),
            ],
            middleware=[Middleware(GZipMiddleware, minimum_size=1000)],
        )

    async def openapi(self, _: Request) -> Response:
        """The description of all routes."""
        return JSONResponse(billing_openapi.description(self._answers.views))

    async def docs(self, _: Request) -> Response:
        """The same for people."""
        return HTMLResponse(billing_pages.docs(billing_openapi.description(self._answers.views)))

    async def index(self, _: Request) -> Response:
        """The views."""
        return HTMLResponse(billing_pages.index(tuple(self._answers.views)))

    async def views(self, request: Request) -> Response:
        """GET /views."""
        return await self._answered(request, "listing", self._answers.listing)

    async def live(self, request: Request) -> Response:
        """The page of a view or of a key."""
        view, *key = _segments(request, 1)
        if view not in self._answers.views:
            return HTMLResponse(billing_pages.missing(view), 404)
        if not key or key == [""]:
            return HTMLResponse(billing_pages.view_page(view))
        return HTMLResponse(billing_pages.key_page(view, key))

    async def asked(self, request: Request) -> Response:
        """GET [/views]/{view}[/{key}[/history|/events]]."""
        parts = _segments(request, 0)
        view, *rest = parts[1:] if parts[0] == "views" else parts
        if not rest or (rest == ["events"] and request.query_params.get("order") == "top"):
            return await self._of_view(request, view, stream=bool(rest))
        query, answers = request.query_params, self._answers
        length = len(answers.views.get(view, ("",)))
        key, further = rest[:length], rest[length:]
        of_key = partial(answers.of_key, view, key, query.get("period"))
        match further:
            case []:
                return await self._answered(request, "key", of_key)
            case ["events"]:
                return self._stream(of_key)
            case ["history"]:
                history = partial(answers.history, view, key, query.get("before"), query.get("limit"))
                return await self._answered(request, "history", history)
        return _problem(404, "there is nothing here; /docs tells what there is")

    async def _of_view(self, request: Request, view: str, *, stream: bool) -> Response:
        query, answers = request.query_params, self._answers
        top = partial(answers.top, view, query.get("period"), query.get("limit"))
        if stream:
            return self._stream(top)
        if query.get("order") == "top":
            return await self._answered(request, "top", top, threaded=True)
        page = partial(answers.page, view, query.get("period"), query.get("after"), query.get("limit"))
        return await self._answered(request, "page", page)

    async def _answered(
        self, request: Request, route: str, ask: Callable[[], Answer], *, threaded: bool = False
    ) -> Response:
        with self._seconds.labels(route).time():
            try:
                answer = await run_in_threadpool(ask) if threaded else ask()
            except AnswerError as error:
                return _problem(error.status, str(error))
        headers = {"ETag": answer.etag, "X-As-Of": answer.as_of, "Cache-Control": _CACHE}
        known = request.headers.get("if-none-match", "").split(",")
        if answer.etag in [one.strip().removeprefix("W/") for one in known]:
            return Response(status_code=304, headers=headers)
        return Response(answer.body, media_type="application/json", headers=headers)

    def _stream(self, ask: Callable[[], Answer]) -> Response:
        try:
            ask()
        except AnswerError as error:
            return _problem(error.status, str(error))
        return StreamingResponse(
            self._events(ask),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, ask: Callable[[], Answer]) -> AsyncIterator[str]:
        """The answer now and whenever it has changed, as server-sent events."""
        last = ""
        with self._changes.waiter() as changed:
            while not self._stopping.is_set():
                changed.clear()
                try:
                    answer = await run_in_threadpool(ask)
                except AnswerError:
                    return  # the client asks anew and is told why
                if answer.etag != last:
                    last = answer.etag
                    told = {**answer.document, "asOf": answer.as_of}
                    yield f"event: totals\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"
                if not await _set_within(changed, _HEARTBEAT_SECONDS):
                    yield ": nothing new\n\n"


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _segments(request: Request, skipped: int) -> list[str]:
    """The path's parts, each decoded by itself: an encoded slash belongs to a key."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return [unquote(part) for part in raw.split(b"?")[0].decode("latin-1").split("/")[1 + skipped :]]


def _problem(status: int, message: str) -> JSONResponse:
    headers = {"Retry-After": "1"} if status == 503 else {}
    return JSONResponse({"error": message}, status_code=status, headers={**headers, "Cache-Control": "no-store"})
