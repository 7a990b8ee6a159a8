"""`transform` as data for a router: a list of fields to keep, and edits of JSON text. Pure.

SQL has no function that changes JSON, and its own cannot change with the rules. So an edit is a regular expression
over the event's JSON as Flink writes it (no blanks, a key once, keys in order): two groups, and what stands between
them afterwards. Groups are possessive: Java runs through those in a loop, and no event makes them slow.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Final

from weir_api import field_paths
from weir_api.routings import Transform, literal

from .readings import path_name

MAX_EDITS: Final = 12
COMMA: Final = "\x01"
"""Stands for a comma where a member follows; JSON text never has a control character."""
CUT: Final = "\x02"
"""Stands where a member was: the comma before it goes where none follows."""
_DEPTH: Final = 24  # of what is passed over; deeper events are dead letters
_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OTHER: Final = r'[^{}\[\]"]++'

Edit = Mapping[str, str | None]
Names = tuple[str, ...]


def kept(transform: Transform) -> list[Mapping[str, str | None]] | None:
    """Pieces of the new object, each text, then a member (`name` and the JSON path of its value); None: all stays."""
    if not transform.keep:
        return None
    pieces = list(_members(_tree(transform.keep), ()))
    found: list[Mapping[str, str | None]] = []
    before = "{"
    for piece in pieces:
        if isinstance(piece, str):
            before += piece
        else:
            found.append({"before": before, "name": f"{_key(piece[-1])}:", "path": json_path(piece)})
            before = ""
    return [*found, {"before": before + "}", "name": None, "path": None}]


def edits(transform: Transform) -> list[Edit]:
    """The edits in order: drop, rename, set."""
    found: list[Edit] = []
    for path in transform.drop:
        found += [_removal(field_paths.names(path))]
    for path, name in transform.rename.items():
        found += _renaming(field_paths.names(path), name)
    for path, value in transform.set.items():
        found += _setting(field_paths.names(path), value)
    return found


def _removal(path: Names, only_if: str = "") -> Edit:
    return {"pattern": f"(?s)^{only_if}({_to(path)}){_quoted(path[-1])}:{_value()},?(.*)$", "before": CUT,
            "path": None, "after": "", "gone": json_path(path) if not only_if else None}  # fmt: skip


def _renaming(path: Names, name: str) -> Iterator[Edit]:
    if path[-1] == name:
        return
    there = f"(?={_to(path)}{_quoted(path[-1])}:)"
    yield _removal((*path[:-1], name), there)
    yield _edit(f"({_to(path)}){_quoted(path[-1])}(:.*)", _key(name))


def _setting(path: Names, value: str) -> Iterator[Edit]:
    for depth in range(1, len(path)):
        yield from _object_at(path[:depth])
    yield _removal(path)
    into = _into(path)
    try:
        yield _edit(into, f"{_key(path[-1])}:{_text(literal(value))}", after=COMMA)
    except ValueError:
        yield _edit(into, f"{_key(path[-1])}:", after=COMMA, path=json_path(field_paths.parse(value)))


def _object_at(path: Names) -> Iterator[Edit]:
    """An object stands at this path afterwards, whatever stood there; the one above is there."""
    there = f"{_to(path)}{_quoted(path[-1])}:"
    yield _removal(path, f"(?={there}(?!\\{{))")
    yield _edit(f"(?!{there}){_into(path)}", f"{_key(path[-1])}:{{}}", after=COMMA)


def _into(path: Names) -> str:
    """The start of the object that holds the member at this path, and the rest."""
    return r"(\{)(.*)" if len(path) == 1 else f"({_to(path[:-1])}{_quoted(path[-2])}:\\{{)(.*)"


def _edit(pattern: str, before: str, *, after: str = "", path: str | None = None) -> Edit:
    return {"pattern": f"(?s)^{pattern}$", "before": before, "path": path, "after": after, "gone": None}


def _to(path: Names) -> str:
    """All text in front of the member at this path."""
    return "".join(rf"\{{{_others(name)}" + (f"{_quoted(name)}:" if more else "")
                   for name, more in zip(path, [True] * (len(path) - 1) + [False], strict=True))  # fmt: skip


def _others(name: str) -> str:
    """Members that are not this one, with their commas."""
    return f"(?:(?!{_quoted(name)}:){_STRING}:{_value()},)*+"


@cache
def _value() -> str:
    inside = f"(?:{_OTHER}|{_STRING})*+"
    for _ in range(_DEPTH):
        inside = rf"(?:{_OTHER}|{_STRING}|[{{\[]{inside}[}}\]])*+"
    return rf'(?:{_STRING}|[{{\[]{inside}[}}\]]|[^,{{}}\[\]"]++)'


def _quoted(name: str) -> str:
    return re.escape(_key(name)).replace("/", r"\/")


def _key(name: str) -> str:
    """The name as Flink writes keys: nothing but what must be is escaped."""
    return json.dumps(name, ensure_ascii=False)


def _text(value: str | bool | Decimal | None) -> str:
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def json_path(path: field_paths.Path) -> str:
    """A field path as SQL's JSON functions take it."""
    return "lax $" + "".join(f"[{step}]" if isinstance(step, int) else f"['{path_name(step)}']" for step in path)


Tree = dict[str, "Tree | None"]


def _tree(paths: tuple[str, ...]) -> Tree:
    root: Tree = {}
    for names in sorted(map(field_paths.names, paths), key=len):
        at: Tree | None = root
        for name in names[:-1]:
            assert at is not None
            if name in at and at[name] is None:
                at = None  # all of it is kept already
                break
            at = at.setdefault(name, {})
        if at is not None:
            at.setdefault(names[-1], None)
    return root


def _members(tree: Tree, above: Names) -> Iterator[str | Names]:
    for name, below in tree.items():
        if below is None:
            yield (*above, name)
        else:
            yield f"{_key(name)}:{{"
            yield from _members(below, (*above, name))
            yield "}" + COMMA
