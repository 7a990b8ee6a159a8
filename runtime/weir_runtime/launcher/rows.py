"""Row types and keys as they stand in a compiled plan."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_FIELD_NAME: Final = re.compile(r"`((?:[^`]|``)*)` ")
_LONG_TYPES: Final = {
    "TIMESTAMP_WITH_LOCAL_TIME_ZONE": "TIMESTAMP({}) WITH LOCAL TIME ZONE",
    "TIMESTAMP_WITHOUT_TIME_ZONE": "TIMESTAMP({})",
}


@dataclass(frozen=True)
class Row:
    """A row type: Flink's text for it and the names of its top level fields."""

    text: str
    names: tuple[str, ...]


def parse(output: object) -> Row:
    """The row type of a node's `outputType`, which is text, or an object where a field is a time attribute.

    A time attribute is printed as the timestamp it is: state does not know the difference.
    """
    if isinstance(output, str):
        return Row(output, _names(output))
    fields = _fields(output)
    text = ", ".join(f"`{name}` {kind}" for name, kind in fields)
    return Row(f"ROW<{text}>", tuple(name for name, _ in fields))


def _fields(output: object) -> list[tuple[str, str]]:
    assert isinstance(output, Mapping), output
    return [(str(field["name"]), _type(field["fieldType"])) for field in output["fields"]]


def _type(kind: object) -> str:
    if isinstance(kind, str):
        return kind
    assert isinstance(kind, Mapping), kind
    name = str(kind["type"])
    text = _LONG_TYPES[name].format(kind["precision"]) if name in _LONG_TYPES else _composite(kind)
    return text if kind.get("nullable", True) else f"{text} NOT NULL"


def _composite(kind: Mapping[str, object]) -> str:
    if "fields" in kind:
        return "ROW<" + ", ".join(f"`{name}` {inner}" for name, inner in _fields(kind)) + ">"
    return str(dict(kind))


def _names(text: str) -> tuple[str, ...]:
    """The names at depth one of `ROW<`a` INT, `b` ROW<`c` INT>>`."""
    names: list[str] = []
    depth = position = 0
    while position < len(text):
        match = _FIELD_NAME.match(text, position)
        if match:
            if depth == 1:
                names.append(match[1].replace("``", "`"))
            position = match.end()
            continue
        depth += {"<": 1, ">": -1}.get(text[position], 0)
        position += 1
    return tuple(names)


def key(body: Mapping[str, object], inputs: Sequence[Row]) -> tuple[str, ...]:
    """The names of the columns a node's state is kept by, one per key column; `left = right` for joins."""
    match body:
        case (
            {"grouping": [*indices]}
            | {"uniqueKeys": [*indices]}
            | {"overSpec": {"partition": {"fields": [*indices]}}}
            | {"matchSpec": {"partition": {"fields": [*indices]}}}
            | {"partition": {"fields": [*indices]}}
            | {"partitionSpec": {"fields": [*indices]}}
        ):
            return _named(indices, inputs[0])
        case {"intervalJoinSpec": {"joinSpec": {"leftKeys": [*left], "rightKeys": [*right]}}} | {
            "joinSpec": {"leftKeys": [*left], "rightKeys": [*right]}
        }:
            return _pairs(left, right, inputs)
        case _:
            return ()


def _named(indices: Sequence[object], row: Row) -> tuple[str, ...]:
    return tuple(row.names[int(str(index))] for index in indices)


def _pairs(left: Sequence[object], right: Sequence[object], inputs: Sequence[Row]) -> tuple[str, ...]:
    if len(inputs) < 2:
        return _named(left, inputs[0])
    return tuple(
        f"{one} = {other}" for one, other in zip(_named(left, inputs[0]), _named(right, inputs[1]), strict=True)
    )
