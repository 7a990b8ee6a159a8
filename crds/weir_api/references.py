"""Tables in docs/ that say what the models say: `python -m weir_api.references [--check] docs`.

A page marks the place with `<!-- table: NAME -->` and `<!-- end -->`; what stands between is written anew.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from .phases import TRANSITIONS
from .reasons import REASONS, STEPS
from .resources import KINDS
from .schemas import Schema, in_words, schema_of
from .statuses import Status

_PLACE = re.compile(r"(?P<head><!-- table: (?P<name>[^>]+?) -->\n).*?(?P<foot><!-- end -->)", re.DOTALL)


def spec_table(kind: str) -> Iterator[str]:
    """Every field of a kind's spec: path, type, whether it is required or what it is by default, meaning."""
    schema = schema_of(KINDS[kind].resource)["properties"]["spec"]
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for path, field, required in _fields(schema):
        meaning = _without_default(field.get("description", ""), field.get("default"))
        yield f"| `{path}` | {_type(field)} | {'required' if required else _default(field)} | {meaning} |"


def status_table() -> Iterator[str]:
    """Every field of status: path, type, meaning."""
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for path, field, _ in _fields(schema_of(Status)):
        meaning = _without_default(field.get("description", ""), field.get("default"))
        yield f"| `{path}` | {_type(field)} | {meaning} |"


def meanings_table(head: str, meanings: Mapping[str, str]) -> Iterator[str]:
    """Words and what they mean."""
    yield f"| {head} | meaning |"
    yield "|---|---|"
    for word, meaning in meanings.items():
        yield f"| `{word}` | {meaning} |"


def transitions_table() -> Iterator[str]:
    """What phase may follow what; staying is always legal."""
    yield "| phase | may be followed by |"
    yield "|---|---|"
    for phase, after in TRANSITIONS.items():
        yield f"| `{phase}` | {', '.join(f'`{name}`' for name in TRANSITIONS if name in after) or 'nothing'} |"


def _reasons(kind: str) -> Mapping[str, str]:
    # the steps of a rollover are reasons of Progressing too; they have a table of their own
    known = {str(name): meanings for name, meanings in REASONS.items()}[kind]
    return {reason: meaning for reason, meaning in known.items() if reason not in STEPS}


TABLES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "status": status_table,
    "transitions": transitions_table,
    "steps": partial(meanings_table, "step", STEPS),
    **{f"reasons of {kind}": partial(meanings_table, "reason", _reasons(kind)) for kind in REASONS},
    **{f"spec of {kind}": partial(spec_table, kind) for kind in KINDS},
}


def filled(page: str) -> str:
    """The page with its tables as they should be. Raises KeyError for a table that is not known."""

    def table(place: re.Match[str]) -> str:
        lines = "\n".join(TABLES[place["name"]]())
        return f"{place['head']}{lines}\n{place['foot']}"

    return _PLACE.sub(table, page)


def _fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema, bool]]:
    for name, field in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        yield below, field, name in schema.get("required", ())
        yield from _fields(field, below)
        yield from _fields(field.get("items", {}), f"{below}[]")


def _type(field: Schema) -> str:
    match field:
        case {"enum": list(choices)}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"type": "array", "items": dict(items)}:
            return f"list of {_plural(_type(items))}"
        case {"additionalProperties": dict(values)}:
            return f"map of {_plural(_type(values))}"
        case {"x-kubernetes-preserve-unknown-fields": True}:
            return "expressions or objects"
        case {"format": "date-time"}:
            return "instant"
    return str(field["type"])


def _plural(name: str) -> str:
    return name if name.startswith(("list", "map", "expressions", "`")) else f"{name}s"


def _default(field: Schema) -> str:
    default = field.get("default")
    return "" if default in (None, "", [], {}) else f"`{in_words(default)}`"


def _without_default(text: str, default: object) -> str:
    # the column beside says it
    return text.removesuffix(f"; default: {in_words(default)}").replace("|", "\\|")


def main(arguments: list[str] | None = None) -> int:
    """Write the tables of all pages below a directory, or with --check say which differ (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m weir_api.references", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="where the pages are, as in docs")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a table is not as it should be")
    options = parser.parse_args(arguments)
    stale = []
    for path in sorted(options.directory.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (wanted := filled(page)) == page:
            continue
        stale.append(str(path))
        if not options.check:
            path.write_text(wanted, encoding="utf-8")
    if stale and options.check:
        print(f"tables differ: {', '.join(stale)}; run python -m weir_api.references docs", file=sys.stderr)
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
