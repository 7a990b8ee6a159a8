"""Waiting for a named condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    condition: Callable[[], Value],
    deadline: float,
    what: str,
    every: float = 0.1,
    showing: Callable[[], object] | None = None,
) -> Value:
    """The first true value of `condition`, asked every `every` seconds; AssertionError after `deadline` seconds.

    The error tells what `showing` gives then, or else the last value.
    """
    ends = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > ends:
            seen = value if showing is None else showing()
            raise AssertionError(f"not within {deadline:g} s: {what}; last seen: {seen!r}")
        time.sleep(every)
