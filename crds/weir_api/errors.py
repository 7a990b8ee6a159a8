"""What is wrong with a resource, and where it stands: in the document and in the file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from re import fullmatch

from pydantic import Field

from .base import Model


class FieldError(Model):
    """An error at a place in the resource; `path` is empty when no place is known."""

    path: str = Field(default="", description="Field path, as in spec.sequence[1].where")
    message: str = Field(description="What is wrong, and what would be right")

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True)
class Origin:
    """Where a document was read, with the line of each of its field paths; lines count from 1."""

    name: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def line(self, path: str) -> int | None:
        """The line of the field, or of the nearest parent that is there (a missing field has no line)."""
        while path and path not in self.lines:
            path = parent(path)
        return self.lines.get(path)

    def locate(self, error: FieldError) -> str:
        """The error as one line for people: `file.yaml:12: spec.within: is required`."""
        line = self.line(error.path)
        place = ":".join(str(part) for part in (self.name, line) if part)
        return f"{place}: {error}" if self.name else str(error)


class SpecError(Exception):
    """A document that is no valid resource, with everything that is wrong with it."""

    def __init__(self, errors: Iterable[FieldError], origin: Origin | None = None) -> None:
        self.errors: tuple[FieldError, ...] = tuple(errors)
        self.origin = origin or Origin()
        super().__init__("\n".join(self.origin.locate(error) for error in self.errors))


def join(path: str, *parts: str | int) -> str:
    """The path of a field below `path`: `spec`, `sequence`, 1, `where` -> `spec.sequence[1].where`."""
    for part in parts:
        if isinstance(part, int):
            path = f"{path}[{part}]"
        elif fullmatch(r"[A-Za-z_][\w-]*", part):
            path = f"{path}.{part}" if path else part
        else:
            path = f"{path}['{part}']"
    return path


def parent(path: str) -> str:
    """The path one step up; empty for a first step."""
    if path.endswith("']"):
        return path[: path.rindex("['")]
    return path[: max(path.rfind("."), path.rfind("["), 0)]


def suggestion(word: str, known: Sequence[str]) -> str:
    """`, did you mean 'sequence'?` when a known word looks like this one, else nothing."""
    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f", did you mean '{by_folded[close[0]]}'?" if close else ""
