"""Plain aligned columns, as kubectl prints them: easy to read, easy to cut."""

from collections.abc import Iterable, Sequence
from typing import Final

_GAP: Final = 3


def widths(rows: Iterable[Sequence[str]]) -> tuple[int, ...]:
    """The width of each column; the longest row says how many there are."""
    found: list[int] = []
    for row in rows:
        found += [0] * (len(row) - len(found))
        for index, cell in enumerate(row):
            found[index] = max(found[index], len(cell))
    return tuple(found)


def line(row: Sequence[str], columns: Sequence[int]) -> str:
    """One row; the last cell is not padded, so that lines have no trailing blanks."""
    padded = (cell.ljust(width + _GAP) for cell, width in zip(row, columns, strict=False))
    return "".join(padded).rstrip()


def lines(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> tuple[str, ...]:
    """Header and rows; an empty header is left out."""
    everything = [header, *rows] if header else list(rows)
    columns = widths(everything)
    return tuple(indent + line(row, columns) for row in everything)
