"""A regular expression for lines of JSON whose fields surely fit, so that nearly no record needs a second parser.

It matches flat objects as most producers write them, and nothing that any JSON parser would refuse. Repeated groups are
possessive: Java runs through those in a loop, and through others by recursion, which a long line would not survive.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Single characters below 256 are one look into a table for Java; ranges and exclusions are calls of their own.
# No escapes and no replacement character: a string that came from bytes that are no UTF-8 has one.
# Control characters are written as escapes: whoever prints the program must not print those.
_LATIN: Final = "".join(
    rf"\x{code:02x}" if 0x80 <= code < 0xA0 else re.escape(chr(code))
    for code in range(0x20, 0x100)
    if chr(code) not in '"\\\x7f\x85'
)
_STRING: Final = rf'"[{_LATIN}]*(?:[^\x00-\xff\ufffd][{_LATIN}]*)*+"'
_VALUE: Final = rf"{_STRING}|-?(?:0|[1-9][0-9]{{0,17}}+)(?:[.][0-9]{{1,17}}+)?|true|false"
_LEADING_ZERO: Final = "(?!-?0[0-9])"


@dataclass(frozen=True)
class Plain:
    """Texts that surely fit a field: a pattern, whether they may stand without quotes, or just any value."""

    pattern: str
    bare: bool
    anything: bool = False

    @property
    def value(self) -> str:
        """The pattern of such a value in a line, null and what is not a scalar left out."""
        if self.anything:
            return _VALUE
        quoted = f'"(?:{self.pattern})"'
        return f"{_LEADING_ZERO}(?:{self.pattern})|{quoted}" if self.bare else quoted


ANYTHING: Final = Plain("", bare=True, anything=True)


@dataclass(frozen=True)
class Entry:
    """A declared field; `plain` is None where no pattern tells what fits."""

    name: str
    plain: Plain | None
    required: bool

    @property
    def key(self) -> str:
        """The pattern of its key and colon."""
        return f"{re.escape(json.dumps(self.name, ensure_ascii=False))}:"

    @property
    def pattern(self) -> str:
        """The pattern of the whole entry."""
        values = [] if self.plain is None else [self.plain.value]
        values += [] if self.required else ["null"]
        return f"{self.key} ?(?:{'|'.join(values)})"

    @property
    def free(self) -> bool:
        """Whether there is nothing that could be wrong with it."""
        return not self.required and self.plain is not None and self.plain.anything


def pattern(entries: Sequence[Entry]) -> str | None:
    """For lines that have all required fields and no field that might not fit; None when a field has no pattern.

    The fields in the order they were declared in are one look; any order, with other fields between, is a longer one.
    """
    if any(entry.plain is None and entry.required for entry in entries):
        return None
    in_order = ", ?".join(entry.pattern for entry in entries)
    bound = [entry for entry in entries if not entry.free]
    # Objects inside have none of these keys either, so one of them can be nothing but the field.
    free = f"(?!{'|'.join(entry.key for entry in bound)}){_STRING}: ?" if bound else f"{_STRING}: ?"
    scalar = f"(?:{_VALUE}|null)"
    inside = f"{free}{scalar}"
    nested = rf"\[(?:{scalar}(?:, ?{scalar})*+)?\]|[{{](?:{inside}(?:, ?{inside})*+)?[}}]"
    either = "|".join([*(entry.pattern for entry in bound), f"{free}(?:{scalar}|{nested})"])
    there = "".join(f"(?=.*?{entry.key})" for entry in bound if entry.required)
    return f"^(?=[{{])(?:[{{]{in_order}[}}]|{there}(?:(?:^[{{]|, ?)(?:{either}))++[}}])$"
