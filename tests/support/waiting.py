"""Waiting for a named condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value], deadline: float, what: str, every: float = 0.1) -> Value:
    """The first true value of `condition`, asked every `every` seconds; AssertionError after `deadline` seconds."""
    ends = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > ends:
            raise AssertionError(f"not within {deadline:g} s: {what}; last seen: {value!r}")
        time.sleep(every)
