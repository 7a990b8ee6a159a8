"""The launcher's HTTP routes, served from a thread."""

import socket
import threading
import time
from typing import Final

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from weir_api.base import Model
from weir_api.launchers import RestorePoints, StartRequest

from .boards import Board, NotReadyError
from .gateways import GatewayLostError, JavaError

_START_SECONDS: Final = 20.0


def application(board: Board) -> Starlette:
    """The routes of `weir_api.launchers`."""

    async def revision(_: Request) -> JSONResponse:
        return _document(board.answer)

    async def start(request: Request) -> JSONResponse:
        try:
            asked = StartRequest.model_validate_json(await request.body())
        except ValidationError as error:
            return _problem(422, "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
        try:
            return _document(await run_in_threadpool(board.start, asked), 202)
        except NotReadyError as error:
            return _problem(409, str(error))
        except OSError as error:
            return _problem(507, f"the start could not be recorded: {error}")

    async def restore_points(_: Request) -> JSONResponse:
        if board.restore_points is None:
            return _problem(503, "Flink is not up yet")
        try:
            return _document(RestorePoints(points=await run_in_threadpool(board.restore_points)))
        except (JavaError, GatewayLostError) as error:
            return _problem(503, f"the state directory cannot be read: {error}")

    async def shutdown(_: Request) -> JSONResponse:
        board.shutdown()
        return _document(board.answer, 202)

    return Starlette(
        routes=[
            Route("/v1/revision", revision),
            Route("/v1/start", start, methods=["POST"]),
            Route("/v1/restore-points", restore_points),
            Route("/v1/shutdown", shutdown, methods=["POST"]),
        ]
    )


def serve(board: Board, host: str, port: int) -> str:
    """Answers from now on, on a thread that ends with the process; returns the URL.

    Raises OSError when the port is taken and TimeoutError when the server does not come up.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only with its protocol named does asyncio turn Nagle's algorithm off, which keeps an answer back for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    settings = uvicorn.Config(
        application(board), log_level="warning", access_log=False, lifespan="off", http="h11", ws="none", loop="asyncio"
    )
    server = uvicorn.Server(settings)
    threading.Thread(target=server.run, args=([listener],), daemon=True, name="http").start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the HTTP server did not start")
        time.sleep(0.005)
    return f"http://{host}:{listener.getsockname()[1]}"


def _document(model: Model, status: int = 200) -> JSONResponse:
    return JSONResponse(model.document(), status_code=status)


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
