"""`weir get -w`: the table, then a row for each object that changes, as kubectl prints them."""

from collections.abc import Callable
from pathlib import Path

from watchfiles import watch

from ..fleet.store import StoredObject
from . import consoles, listings, objects, tables
from .ages import utc_now


def rows(folder: Path, select: Callable[[], tuple[StoredObject, ...]], form: str) -> None:
    """Print until interrupted. Columns only ever grow, so that a long cell does not shift them back and forth."""
    wide = form == "wide"
    before: dict[str, StoredObject] = {}
    widths: tuple[int, ...] = ()
    header = True
    directory = objects.store(folder).directory
    for _ in watch(directory, debounce=100, step=50, yield_on_timeout=True, rust_timeout=1000, raise_interrupt=False):
        now = {str(item.key): item for item in select()}
        changed = tuple(item for key, item in now.items() if before.get(key) != item)
        gone = tuple(item for key, item in before.items() if key not in now)
        before = now
        printed = listings.rows(changed, utc_now(), wide=wide, namespaces=False)
        ended = listings.rows(gone, utc_now(), wide=wide, namespaces=False)
        printed += [(*row[:2], "Gone", *row[3:]) for row in ended]
        head = [listings.header(wide, namespaces=False)] if header else []
        if printed or header:
            widths = _widest(widths, tables.widths([*head, *printed]))
            consoles.print_lines(*(tables.line(row, widths) for row in [*head, *printed]))
            header = False


def _widest(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return tuple(max(width, shorter[index] if index < len(shorter) else 0) for index, width in enumerate(longer))
