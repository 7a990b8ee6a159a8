"""The names that a look-up's statements have in common."""

FAILURE = "weir_failure"
NEEDS = "weir_needs"
ANSWER = "l"
"""The alias of what is asked."""


def key_column(index: int) -> str:
    """The column of what is asked by which a key of `on` must be equal to."""
    return f"weir_key_{index}"
