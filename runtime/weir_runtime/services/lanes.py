"""Work in the order it must have, and no more of it at once than its destination and this process can take."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

LOGGER = logging.getLogger(__name__)

Destination = tuple[str, str]
Work = Callable[[], Awaitable[None]]


@dataclass
class _Waiting:
    """What a destination still has to do: free work, and per order the work behind the one that runs."""

    ready: deque[tuple[bytes | None, Work]] = field(default_factory=deque)
    behind: dict[bytes, deque[Work]] = field(default_factory=dict)
    running: int = 0


class Lanes:
    """Each destination has a limit of its own, and a pause between tries leaves its place to others' work.

    A piece of work never raises but CancelledError: what it does not finish stays undone.
    """

    def __init__(self, per_destination: int, at_once: int) -> None:
        self._per_destination = per_destination
        self._slots = asyncio.Semaphore(at_once)
        self._destinations: dict[Destination, _Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def add(self, destination: Destination, order: bytes | None, work: Work) -> None:
        """Work for a destination; behind all of the same order, if it has one."""
        waiting = self._destinations.setdefault(destination, _Waiting())
        if order is not None and order in waiting.behind:
            waiting.behind[order].append(work)
            return
        if order is not None:
            waiting.behind[order] = deque()
        waiting.ready.append((order, work))
        self._start(destination, waiting)

    async def pause(self, seconds: float) -> None:
        """Waits between two tries without holding one of the slots of all; ends the work when closing."""
        self._slots.release()
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return
        else:
            raise asyncio.CancelledError
        finally:
            await self._slots.acquire()

    async def close(self, grace: float) -> None:
        """Begins nothing more, gives tries under way so many seconds, and drops the rest."""
        self._closing.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, destination: Destination, waiting: _Waiting) -> None:
        while waiting.ready and waiting.running < self._per_destination and not self._closing.is_set():
            order, work = waiting.ready.popleft()
            waiting.running += 1
            task = asyncio.create_task(self._run(destination, waiting, order, work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not waiting.running and not waiting.ready:
            self._destinations.pop(destination, None)

    async def _run(self, destination: Destination, waiting: _Waiting, order: bytes | None, work: Work) -> None:
        try:
            async with self._slots:
                if not self._closing.is_set():
                    await work()
        except Exception:
            LOGGER.exception("%s: a delivery ended with a fault of the dispatcher", destination)
            raise
        finally:
            waiting.running -= 1
            if order is not None:
                if waiting.behind[order]:
                    waiting.ready.append((order, waiting.behind[order].popleft()))
                else:
                    del waiting.behind[order]
            self._start(destination, waiting)
