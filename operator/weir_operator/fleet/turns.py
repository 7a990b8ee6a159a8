"""Launchers come up by turns: each keeps two cores busy for seconds, and all at once none would be there soon."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_LONGEST: Final = 60.0  # seconds; one that takes longer stands in nobody's way any more


class Turns:
    """Who is coming up now; each is known by its work directory. Safe to use from several threads."""

    def __init__(self, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once, self._clock = at_once, clock
        self._taken: dict[Path, float] = {}
        self._lock = threading.Lock()

    def take(self, work: Path) -> bool:
        """Whether this one may come up now. Who may not asks again."""
        with self._lock:
            now = self._clock()
            self._taken = {one: since for one, since in self._taken.items() if now - since < _LONGEST}
            if work not in self._taken and len(self._taken) >= self._at_once:
                return False
            self._taken[work] = now
            return True

    def end(self, work: Path) -> None:
        """It is up, or gone."""
        with self._lock:
            self._taken.pop(work, None)
