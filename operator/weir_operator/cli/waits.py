"""Waiting until what was asked for is so, showing what it is doing meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from weir_api.durations import milliseconds
from weir_api.statuses import Condition

from ..fleet.store import Key, StoredObject
from . import consoles
from .failures import CommandError
from .objects import store

Goal = Literal["ready", "suspended", "gone"]
_PAUSE: Final = 0.2


def seconds(duration: str) -> float:
    """A duration of the command line, as in 90s. Raises CommandError (usage)."""
    try:
        return milliseconds(duration) / 1000
    except ValueError as error:
        raise CommandError.usage(str(error)) from error


def until(
    folder: Path,
    key: Key,
    goal: Goal,
    timeout: float,
    generation_spec: dict[str, object] | None = None,
) -> StoredObject | None:
    """Wait until the object has reached the goal with this spec; the object then, None when it is gone.

    Raises CommandError: refused when the spec is not accepted or the change would lose state, timeout.
    """
    objects = store(folder)
    ends = time.monotonic() + timeout
    with consoles.progress(f"{key.name}: waiting") as say:
        while True:
            found = objects.get(key)
            if goal == "gone" and found is None:
                return None
            if found is not None and _seen(found, generation_spec):
                _raise_refusal(found)
                if _REACHED[goal](found):
                    return found
            phase = found.status.phase if found else "not seen by weir up yet"
            if time.monotonic() > ends:
                raise CommandError.timeout(
                    f"{key.name} is still {phase} after {timeout:g} s",
                    f"it goes on; `weir describe {key.name}` says what it waits for (is `weir up` running?)",
                )
            say(f"{key.name}: {phase}")
            time.sleep(_PAUSE)


def _seen(found: StoredObject, spec: dict[str, object] | None) -> bool:
    if spec is not None and found.spec != spec:
        return False
    return found.status.observed_generation == found.metadata.generation


def _raise_refusal(found: StoredObject) -> None:
    for kind in ("Validated", "StateSafe"):
        condition: Condition | None = found.status.condition(kind)
        if condition is not None and condition.status == "False":
            errors = tuple(str(error) for error in found.status.errors)
            raise CommandError.refused(
                f"{found.metadata.name}: {condition.reason}: {condition.message}",
                errors,
                f"what ran before goes on; `weir describe {found.metadata.name}` tells more",
            )


def _ready(found: StoredObject) -> bool:
    condition = found.status.condition("Ready")
    return condition is not None and condition.status == "True"


_REACHED: Final[dict[Goal, Callable[[StoredObject], bool]]] = {
    "ready": _ready,
    "suspended": lambda found: found.status.phase == "Suspended",
    "gone": lambda _: False,
}
