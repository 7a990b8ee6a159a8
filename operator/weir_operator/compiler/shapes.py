"""Declared column types as trees, so that text can be read into them piece by piece."""

import re
from dataclasses import dataclass

from weir_api.columns import type_problem

_TOKEN = re.compile(r"\s*(`[^`]+`|'(?:[^']|'')*'|[A-Za-z_]\w*|[0-9]+|[<>(),])")
_SYNONYMS = {"INTEGER": "INT", "DEC": "DECIMAL", "NUMERIC": "DECIMAL"}


@dataclass(frozen=True)
class Shape:
    """A type: its name, its numbers as in DECIMAL(12, 2), its parts as in MAP<STRING, INT>, whether NULL is allowed.

    `fields` are the names of a ROW's parts, in order; empty for other types.
    """

    name: str
    numbers: tuple[int, ...] = ()
    parts: tuple["Shape", ...] = ()
    fields: tuple[str, ...] = ()
    nullable: bool = True

    @property
    def sql(self) -> str:
        """The type as Flink takes it, always nullable: a view's columns have no other."""
        match self.name:
            case "ROW":
                inner = ", ".join(
                    f"`{name.replace('`', '``')}` {part.sql}"
                    for name, part in zip(self.fields, self.parts, strict=True)
                )
                return f"ROW<{inner}>"
            case "ARRAY" | "MAP" | "MULTISET":
                return f"{self.name}<{', '.join(part.sql for part in self.parts)}>"
        return f"{self.name}({', '.join(map(str, self.numbers))})" if self.numbers else self.name


def shape(declared: str) -> Shape:
    """The tree of a declared type. Raises ValueError for what is no type."""
    if (problem := type_problem(declared)) is not None:
        raise ValueError(problem)
    return _Reader([match[1] for match in _TOKEN.finditer(declared)]).type()


class _Reader:
    """A recursive descent over tokens that are known to be right."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def type(self) -> Shape:
        name = self._take().upper()
        name = _SYNONYMS.get(name, name)
        if name == "ROW":
            return self._row()
        parts = self._parts() if self._at("<") else ()
        if name == "DOUBLE" and self._at("PRECISION"):
            self._take()
        numbers = self._numbers() if self._at("(") else ()
        return Shape(self._zoned(name), numbers, parts, nullable=self._nullable())

    def _row(self) -> Shape:
        self._take()
        fields: list[str] = []
        parts: list[Shape] = []
        closed = False
        while not closed:
            fields.append(self._take().strip("`"))
            parts.append(self.type())
            if self._tokens[0].startswith("'"):
                self._take()
            closed = self._take() in ">)"
        return Shape("ROW", (), tuple(parts), tuple(fields), self._nullable())

    def _parts(self) -> tuple[Shape, ...]:
        parts: list[Shape] = []
        while self._take() in "<,":
            parts.append(self.type())
            if self._at(">"):
                self._take()
                break
        return tuple(parts)

    def _numbers(self) -> tuple[int, ...]:
        numbers: list[int] = []
        while self._take() in "(,":
            numbers.append(int(self._take()))
        return tuple(numbers)

    def _zoned(self, name: str) -> str:
        local = self._at("WITH")
        while self._tokens and self._tokens[0].upper() in {"WITH", "WITHOUT", "LOCAL", "TIME", "ZONE"}:
            self._take()
        return "TIMESTAMP_LTZ" if local else name

    def _nullable(self) -> bool:
        required = self._at("NOT")
        while self._tokens and self._tokens[0].upper() in {"NOT", "NULL"}:
            self._take()
        return not required

    def _at(self, word: str) -> bool:
        return bool(self._tokens) and self._tokens[0].upper() == word

    def _take(self) -> str:
        return self._tokens.pop(0)
