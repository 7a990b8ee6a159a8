"""What the statements and settings of all look-ups have in common."""

from math import ceil
from typing import Final

from weir_api.durations import milliseconds

FAILURE = "weir_failure"
NEEDS = "weir_needs"
ANSWER = "l"
"""The alias of what is asked."""

IN_A_TASK_OF_ITS_OWN: Final = f"/*+ LOOKUP('table'='{ANSWER}', 'shuffle'='true') */ "
"""Tells the planner to put an exchange by key before the join, so that who waits there holds up nobody before."""
OVERTAKING: Final = {
    "execution.checkpointing.unaligned.enabled": "true",
    "execution.checkpointing.aligned-checkpoint-timeout": "1 s",
}
"""Checkpoints pass those who wait before a join."""
_CACHED_ROWS: Final = 100_000


def key_column(index: int) -> str:
    """The column of what is asked by which a key of `on` must be equal to."""
    return f"weir_key_{index}"


def seconds(duration: str) -> int:
    """In whole seconds, one at least: the connectors take no others."""
    return max(1, ceil(milliseconds(duration) / 1000))


def cached(duration: str) -> dict[str, str]:
    """Options for answers that are used again for so long."""
    return {
        "lookup.cache": "PARTIAL",
        "lookup.partial-cache.expire-after-write": f"{milliseconds(duration)} ms",
        "lookup.partial-cache.max-rows": str(_CACHED_ROWS),
    }
