"""What the statements and settings of all look-ups have in common."""

from typing import Final

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


def key_column(index: int) -> str:
    """The column of what is asked by which a key of `on` must be equal to."""
    return f"weir_key_{index}"
