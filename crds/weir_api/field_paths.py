"""Paths of fields inside an event, as rules write them: `data.user.id`, `data['odd key']`, `items[0].sku`."""

import re

_STEP = re.compile(
    r"(?P<name>[A-Za-z_$@][\w$@:-]*)|\[(?P<index>[0-9]{1,9})\]|\['(?P<quoted>(?:[^'\\]|\\.)*)'\]", re.ASCII
)
_ESCAPED = re.compile(r"\\(.)")
MAX_STEPS = 16

Path = tuple[str | int, ...]


class FieldPathError(ValueError):
    """A text that is no field path; the message says why."""


def parse(text: str) -> Path:
    """Names and indexes from the outermost in. Raises FieldPathError."""
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        if steps and text[position] == ".":
            position += 1
        elif steps and text[position] != "[":
            break
        match = _STEP.match(text, position)
        if match is None or (match["name"] is None and text[position - 1 : position] == "."):
            break
        steps.append(int(match["index"]) if match["index"] else match["name"] or _ESCAPED.sub(r"\1", match["quoted"]))
        position = match.end()
    if position < len(text) or not steps or text.endswith("."):
        raise FieldPathError(f"'{text}' is no field path: write names as in data.country, items[0].id or ['odd key']")
    if len(steps) > MAX_STEPS:
        raise FieldPathError(f"'{text}' goes deeper than {MAX_STEPS} steps")
    return tuple(steps)


def names(text: str) -> tuple[str, ...]:
    """The same for a path that may go through objects only, not into lists. Raises FieldPathError."""
    steps = parse(text)
    found = tuple(step for step in steps if isinstance(step, str))
    if len(found) != len(steps):
        raise FieldPathError(f"'{text}' goes into a list: only fields of objects are possible here")
    return found
