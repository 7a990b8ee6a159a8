"""The Flink SQL types that fields are declared with, read far enough to find a wrong one without Flink."""

import re
from collections.abc import Iterator

from .errors import suggestion

INTEGER_TYPES = ("BIGINT", "INT", "INTEGER", "SMALLINT", "TINYINT")
TIME_TYPES = ("TIMESTAMP", "TIMESTAMP_LTZ", "STRING", "VARCHAR", "CHAR")

# Name -> how many numbers may stand in parentheses after it.
_SCALARS = {
    **dict.fromkeys((*INTEGER_TYPES, "BOOLEAN", "FLOAT", "DATE", "STRING", "BYTES"), 0),
    **dict.fromkeys(("CHAR", "VARCHAR", "BINARY", "VARBINARY", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ"), 1),
    **dict.fromkeys(("DECIMAL", "DEC", "NUMERIC"), 2),
    "DOUBLE": 0,
}
_NESTED = {"ARRAY": 1, "MULTISET": 1, "MAP": 2}
_NAMES = (*_SCALARS, *_NESTED, "ROW")
_TOKEN = re.compile(r"\s*(`[^`]+`|'(?:[^']|'')*'|[A-Za-z_]\w*|[0-9]+|[<>(),])")


class _Wrong(Exception):
    """What is wrong with a type."""


def type_problem(text: str) -> str | None:
    """What is wrong with a declared type, or None: `unknown type 'STRNG', did you mean 'STRING'?`."""
    try:
        _Reader(text).whole()
    except _Wrong as wrong:
        return str(wrong)
    return None


def base_name(text: str) -> str:
    """The type's name without parameters: `TIMESTAMP_LTZ` for `TIMESTAMP(3) WITH LOCAL TIME ZONE`."""
    reader = _Reader(text)
    return reader.type()


class _Reader:
    """A recursive descent over the tokens of a type."""

    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), ""]

    def whole(self) -> None:
        self.type()
        if self._tokens[0]:
            raise _Wrong(f"'{self._tokens[0]}' is not expected here")

    def type(self) -> str:
        name = self._take().upper()
        if name == "ROW":
            self._row()
        elif name in _NESTED:
            self._expect("<")
            self.type()
            for _ in range(_NESTED[name] - 1):
                self._expect(",")
                self.type()
            self._expect(">")
        elif name in _SCALARS:
            name = self._scalar(name)
        else:
            raise _Wrong(f"unknown type '{name}'{suggestion(name, _NAMES)}" if name else "a type is missing")
        self._skip("NOT", "NULL") or self._skip("NULL")
        return name

    def _scalar(self, name: str) -> str:
        if name == "DOUBLE":
            self._skip("PRECISION")
        if self._tokens[0] == "(":
            self._numbers(name, _SCALARS[name])
        if name == "TIMESTAMP" and self._skip("WITH", "LOCAL", "TIME", "ZONE"):
            return "TIMESTAMP_LTZ"
        if name in {"TIMESTAMP", "TIME"}:
            self._skip("WITHOUT", "TIME", "ZONE")
        return name

    def _numbers(self, name: str, most: int) -> None:
        self._expect("(")
        count = 0
        while count == 0 or self._skip(","):
            number = self._take()
            count += 1
            if not number.isdigit() or count > most:
                raise _Wrong(f"{name} takes {most or 'no'} number{'s' if most != 1 else ''} in parentheses")
        self._expect(")")

    def _row(self) -> None:
        close = {"<": ">", "(": ")"}.get(self._take())
        if close is None:
            raise _Wrong("ROW needs its fields, as in ROW<id STRING, amount DOUBLE>")
        while True:
            self._take()
            self.type()
            if self._tokens[0].startswith("'"):
                self._take()
            if not self._skip(","):
                break
        self._expect(close)

    def _take(self) -> str:
        token = self._tokens[0]
        if token:
            del self._tokens[0]
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise _Wrong(f"'{token}' is missing")

    def _skip(self, *words: str) -> bool:
        found = [token.upper() for token in self._tokens[: len(words)]] == list(words)
        if found:
            del self._tokens[: len(words)]
        return found


def _tokens(text: str) -> Iterator[str]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _Wrong(f"'{text[position:].strip()[0]}' is not expected in a type")
        yield match[1]
        position = match.end()
