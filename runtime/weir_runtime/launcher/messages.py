"""What Flink's planner says, put into words for the person who wrote the expression. Pure: text in, text out.

Flink reports by text only, so text is what is read here; whatever is not known is passed on as it is, first line only.
"""

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_POSITION: Final = re.compile(r"(?:From|At) line (\d+), column (\d+)(?: to line \d+, column \d+)?:\s*")
_AT: Final = re.compile(r"\s*at line (\d+), column (\d+)\.?")
_PREFIXES: Final = re.compile(r"^(?:SQL parse failed\.|SQL validation failed\.)\s*")
_TYPE: Final = re.compile(r"<([^<>]*(?:<[^<>]*>[^<>]*)*)>")
_LONGEST_STRING: Final = re.compile(r"VARCHAR\(2147483647\)")
_PARSERS: Final = ("SqlParserException", "SqlParseException", ".ParseException", "SqlParserEOFException")
_END_OF_TEXT: Final = "<EOF>"
_CONNECTIVES: Final = frozenset({"AND", "AS", "BY", "FROM", "GROUP", "IN", "IS", "NOT", "ON", "OR", "SELECT", "WHERE"})


@dataclass(frozen=True)
class Cause:
    """One exception of a chain, outermost first: the Java class, its message, and the SQL state a database told."""

    type: str
    message: str
    state: str = ""


@dataclass(frozen=True)
class Position:
    """A place in what the user wrote; both count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"column {self.column}" if self.line == 1 else f"line {self.line}, column {self.column}"


Shift = Callable[[Position], Position]
"""From a place in the statement Flink saw to the place in what the user wrote."""


def unshifted(position: Position) -> Position:
    """For statements that Flink saw as the user wrote them."""
    return position


def is_parse_error(chain: Sequence[Cause]) -> bool:
    """Whether the text could not even be read as SQL."""
    return any(cause.type.endswith(_PARSERS) for cause in chain)


def describe(
    chain: Sequence[Cause], columns: Sequence[str] = (), tables: Sequence[str] = (), shift: Shift = unshifted
) -> str:
    """One sentence about what is wrong, with what could be meant and the place where known."""
    text = _innermost(chain)
    while (stripped := _PREFIXES.sub("", text)) != text:
        text = stripped
    position: Position | None = None
    for pattern in (_POSITION, _AT):
        if (match := pattern.search(text)) is not None:
            # The parser says line 0 for an empty text.
            position = shift(Position(int(match[1]), int(match[2]))) if match[1] != "0" else None
            text = text[: match.start()] + text[match.end() :]
            break
    sentence = _sentence(text.strip(), columns, tables)
    return sentence if position is None else f"{sentence} (at {position})"


def _innermost(chain: Sequence[Cause]) -> str:
    """The cause nearest to the fault that says something; those with a position are preferred to those without."""
    told = [cause.message for cause in chain if cause.message and cause.message != "null"]
    located = [text for text in told if _POSITION.search(text) or _AT.search(text)]
    return (located or told or [chain[-1].type if chain else "unknown error"])[-1]


def _sentence(text: str, columns: Sequence[str], tables: Sequence[str]) -> str:
    for pattern, words in _RULES:
        if (match := pattern.search(text)) is not None:
            return words(match, columns, tables)
    return _types(text.splitlines()[0]) if text else "unknown error"


def suggested(name: str, known: Sequence[str]) -> str:
    """`, did you mean 'x'?` when something near is there; nothing else."""
    exact = [other for other in known if other.lower() == name.lower()]
    near = exact or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean '{near[0]}'?" if near else ""


def _types(text: str) -> str:
    return _TYPE.sub(lambda match: match[1], _LONGEST_STRING.sub("STRING", text))


Words = Callable[[re.Match[str], Sequence[str], Sequence[str]], str]


def _column(match: re.Match[str], columns: Sequence[str], _: Sequence[str]) -> str:
    return f"column '{match[1]}' not found{suggested(match[1], columns)}"


def _column_of(match: re.Match[str], columns: Sequence[str], _: Sequence[str]) -> str:
    return f"column '{match[1]}' not found in '{match[2]}'{suggested(match[1], columns)}"


def _table(match: re.Match[str], columns: Sequence[str], tables: Sequence[str]) -> str:
    name = match[1].rpartition(".")[2].strip("`")
    return f"table '{name}' not found{suggested(name, [*tables, *columns])}"


def _function(match: re.Match[str], _: Sequence[str], __: Sequence[str]) -> str:
    return f"there is no function {_types(match[1])}"


def _encountered(match: re.Match[str], _: Sequence[str], __: Sequence[str]) -> str:
    token = match[1].strip()
    if token.endswith(_END_OF_TEXT):
        before = token.removesuffix(_END_OF_TEXT).strip()
        return f"it ends too early, after '{before}'" if before else "it ends too early"
    if token.startswith(";"):
        return "';' is not possible here: write one statement or expression only"
    if token.count("'") % 2:
        return "a quotation mark is not closed"
    return _unexpected(token)


def _unexpected(token: str) -> str:
    if token.isidentifier() and token.upper() not in _CONNECTIVES:
        return f"'{token}' is not expected here; if it is meant as a name, write `{token}` in backticks"
    return f"'{token}' is not expected here"


def _keyword(match: re.Match[str], _: Sequence[str], __: Sequence[str]) -> str:
    return _unexpected(match[1].lower())


def _operands(match: re.Match[str], _: Sequence[str], __: Sequence[str]) -> str:
    return f"{match[1]} is not possible for {_types(match[2])}"


def _said(sentence: str) -> Words:
    return lambda *_: sentence


_RULES: Final[Sequence[tuple[re.Pattern[str], Words]]] = (
    (re.compile(r"Column '([^']+)' not found in any table"), _column),
    (re.compile(r"Column '([^']+)' not found in table '([^']+)'"), _column_of),
    (re.compile(r"Column '([^']+)' is ambiguous"), lambda m, *_: f"column '{m[1]}' could be of several tables"),
    (re.compile(r"(?:Object|Table) '([^']+)' not found"), _table),
    (re.compile(r"Cannot find table '([^']+)'"), _table),
    (re.compile(r"No match found for function signature (.+)"), _function),
    (re.compile(r"Cannot apply '([^']+)' to arguments of type '(.+?)'\. Supported form", re.DOTALL), _operands),
    (re.compile(r"Incorrect syntax near the keyword '([^']+)'"), _keyword),
    (re.compile(r"Encountered \"(.+?)(?: \)| FROM)?\"", re.DOTALL), _encountered),
    (re.compile(r"Lexical error"), _said("a quotation mark is not closed, or a character is not possible here")),
    (re.compile(r"Aggregate expression is illegal in WHERE"), _said("an aggregate function is not possible here")),
    (re.compile(r"Windowed aggregate expression is illegal"), _said("a function OVER a window is not possible here")),
    (re.compile(r"Non-query expression encountered in illegal context"), _said("this is not an SQL statement")),
    (re.compile(r"only single statement supported"), _said("write one statement only")),
)
