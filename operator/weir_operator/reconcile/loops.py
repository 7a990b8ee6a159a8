"""The loop of `weir up`: one pass at a time over each object, many objects at once, nothing waits inside.

It holds no truth: what is due when, and why an action failed last, is all that is lost with it.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from weir_operator.fleet.objects import Objects
from weir_operator.fleet.store import GoneError, Key, StaleError, StoreError, UnreadableError

from . import resources
from .passes import Failures, Reconciler
from .resources import STREAMJOB, ResourceReconciler

LOGGER = logging.getLogger(__name__)

WORKERS: Final = 16  # passes mostly wait for an answer; each of their requests has a time limit of its own
RESCAN: Final = 2.0
"""Seconds, where no others are given, after which objects are looked for although nobody said that there are any."""
HEARTBEAT: Final = 10.0
"""Seconds after which the loop goes round although nothing is due, so that one that is stuck can be told from it."""
AFTER_STORE_ERROR: Final = 1.0
AFTER_FAULT: Final = 5.0


@dataclass(slots=True)
class _Entry:
    due: float = 0.0
    busy: bool = False
    woken: bool = False
    failures: Failures = field(default_factory=Failures)


class Loop:
    """Brings every object of a store to what its spec asks for, until it is stopped."""

    def __init__(
        self,
        streamjobs: Reconciler,
        kinds: ResourceReconciler,
        report: Callable[[Key | None, Exception], None] | None = None,
        *,
        passed: Callable[[Key, float, Exception | None], None] = lambda *_: None,
        rescan: float = RESCAN,
        collect: bool = True,
    ) -> None:
        """`report` hears of what kept a pass from being made, once per object and text (None: the store itself).

        `passed` hears of every pass: how many seconds it took, and what it failed with. `rescan`: seconds after which
        objects are looked for although nobody said that there are new ones. `collect`: whether objects whose owner is
        gone are deleted here; an API server does that by itself.
        """
        self._streamjobs = streamjobs
        self._kinds = kinds
        self._store: Objects = streamjobs.store
        self._passed = passed
        self._rescan_every, self._collect = rescan, collect
        self.moved_at = time.monotonic()
        """When the loop last went round: one that does not for a minute is stuck."""
        self._report = report or _log
        self._reported: dict[Key | None, str] = {}
        self._changed = threading.Condition()
        self._entries: dict[Key, _Entry] = {}
        self._rescan_due = 0.0
        self._stopping = False

    def wake(self, key: Key | None = None) -> None:
        """Something was applied or deleted: look now."""
        with self._changed:
            if key is None:
                self._rescan_due = 0.0
            else:
                self._entries.setdefault(key, _Entry())
            for entry in self._entries.values() if key is None else (self._entries[key],):
                entry.due, entry.woken = 0.0, True
            self._changed.notify_all()

    def stop(self) -> None:
        """End after the passes under way. Jobs go on."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def run(self) -> None:
        """Pass after pass until stopped; returns when no pass is under way any more."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="reconcile") as pool:
            while not self._stopping:
                self.moved_at = time.monotonic()
                if time.monotonic() >= self._rescan_due:
                    self._rescan()
                with self._changed:
                    for key, entry in self._due():
                        entry.busy, entry.woken = True, False
                        pool.submit(self._pass, key, entry)
                    if not self._stopping:
                        self._changed.wait(min(self._pause(), HEARTBEAT))

    def _due(self) -> list[tuple[Key, _Entry]]:
        now = time.monotonic()
        return [(key, entry) for key, entry in self._entries.items() if not entry.busy and entry.due <= now]

    def _pause(self) -> float:
        waits = [entry.due for entry in self._entries.values() if not entry.busy]
        return max(0.0, min([self._rescan_due, *waits]) - time.monotonic())

    def _rescan(self) -> None:
        try:
            found = self._store.list(unreadable=lambda error: self._tell(None, error))
            for orphan in resources.orphans(found) if self._collect else ():
                self._store.mark_deleted(orphan)
        except (StoreError, OSError) as error:
            self._tell(None, error)
            found = ()
        with self._changed:
            self._rescan_due = time.monotonic() + self._rescan_every
            for one in found:
                self._entries.setdefault(one.key, _Entry())

    def _pass(self, key: Key, entry: _Entry) -> None:
        next_in: float | None = AFTER_FAULT
        began = time.monotonic()
        failed: Exception | None = None
        try:
            next_in = self._reconciled(key, entry)
            self._reported.pop(key, None)
        except (GoneError, StaleError):
            next_in = 0.0
        except (StoreError, UnreadableError) as error:
            failed = error
            self._tell(key, error)
            next_in = AFTER_STORE_ERROR
        except Exception as error:  # one object's trouble must never stop the others
            failed = error
            LOGGER.exception("%s: the pass failed", key)
            self._tell(key, error)
        finally:
            self._passed(key, time.monotonic() - began, failed)
            with self._changed:
                entry.busy = False
                if next_in is None:
                    self._entries.pop(key, None)
                    self._rescan_due = 0.0
                else:
                    entry.due = 0.0 if entry.woken else time.monotonic() + next_in
                self._changed.notify_all()

    def _reconciled(self, key: Key, entry: _Entry) -> float | None:
        stored = self._store.get(key)
        if stored is None:
            return None
        if key.kind != STREAMJOB:
            return self._kinds.reconcile(stored)
        passed = self._streamjobs.reconcile(stored, entry.failures)
        entry.failures = passed.failures
        return passed.next_in

    def _tell(self, key: Key | None, error: Exception) -> None:
        if self._reported.get(key) != str(error):
            self._reported[key] = str(error)
            self._report(key, error)


def _log(key: Key | None, error: Exception) -> None:
    LOGGER.error("%s: %s", key or "store", error)
