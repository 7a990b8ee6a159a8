"""Expected and seen, record for record. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .expectations import Output


@dataclass(frozen=True)
class Finding:
    """One topic: how many records were expected and seen, and those that were only one of it."""

    topic: str
    expected: int
    seen: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    remark: str = ""

    @property
    def equal(self) -> bool:
        """Whether the two are the same records, each as often."""
        return not self.missing and not self.unexpected and not self.remark


def compare(topic: str, expected: Iterable[str], seen: Iterable[str], remark: str = "") -> Finding:
    """Both as multisets: a record seen twice is unexpected the second time."""
    wanted, found = Counter(expected), Counter(seen)
    return Finding(
        topic,
        wanted.total(),
        found.total(),
        tuple(sorted((wanted - found).elements())),
        tuple(sorted((found - wanted).elements())),
        remark,
    )


def text(output: Output, names: Sequence[str]) -> str:
    """The named fields in one way of writing; a whole number is one however it is written."""
    return json.dumps({name: _plain(output.get(name)) for name in names})


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def clean_cut(marks: Sequence[bool]) -> bool:
    """Whether outputs (True: made by the new spec), in the order they were written, change over exactly once."""
    return True not in marks or all(marks[marks.index(True) :])
