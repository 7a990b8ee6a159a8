"""Users' SQL expressions: made safe to stand inside a statement, and their names bound to columns.

Nothing here knows SQL's grammar beyond its tokens; types and functions are Flink's to judge (Program.checks).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weir_api.errors import suggestion

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<comment>--|/\*|//)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<quoted>`(?:[^`]|``)*`)"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_$]*)"
    r"|(?P<mark>.)",
    re.DOTALL,
)
_CLOSES = {")": "(", "]": "["}
_STATEMENT_WORDS = frozenset({"SELECT", "INSERT", "DELETE", "UPDATE", "DROP", "CREATE", "ALTER", "VALUES"})


class ExpressionError(ValueError):
    """An expression that can be seen to be wrong without asking the planner."""


def identifier(name: str) -> str:
    """The name quoted for SQL, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """The value as a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def once(sql: str) -> str:
    """The expression as a column that is worked out once, however often it is used above.

    The planner puts a projection into the one above it, expressions and all, unless one of them that is used more than
    once could differ from time to time. RAND() is always less than 2.
    """
    return f"CASE WHEN RAND() < 2 THEN {sql} END"


def interval(milliseconds: int) -> str:
    """The duration as a SQL interval literal, exact to the millisecond."""
    seconds, rest = divmod(milliseconds, 1_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"INTERVAL '{days} {hour:02}:{minute:02}:{second:02}.{rest:03}' DAY({max(len(str(days)), 2)}) TO SECOND(3)"


@dataclass(frozen=True)
class Scope:
    """The names an expression may use.

    `columns`: bare name -> SQL for it. `rows`: qualifier -> (name -> SQL). `unclear`: bare name -> why it will not do.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str

    @property
    def name(self) -> str | None:
        match self.kind:
            case "name":
                return self.value
            case "quoted":
                return self.value[1:-1].replace("``", "`")
        return None


def bound(expression: str, scope: Scope) -> str:
    """The expression with the names of the scope bound to its columns; other names are left to the planner.

    Field names that SQL reserves need no quotes (`end.at`): a bare word that is a name of the scope, in just this
    spelling, means that name, unless it is called like a function or stands before a string as in DATE '2026-01-01'.
    Raises ExpressionError for what is no single scalar expression, and for a qualifier or name it knows to be wrong.
    """
    tokens = list(_tokens(expression))
    if not any(token.kind != "space" for token in tokens):
        raise ExpressionError("is empty")
    _balanced(tokens)
    return "".join(_bind(tokens, scope))


def _tokens(expression: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(expression):
        kind, value = str(match.lastgroup), match.group()
        if kind == "comment":
            raise ExpressionError(f"has a comment ({value}); only an expression may stand here")
        if kind == "mark" and value == ";":
            raise ExpressionError("has a ';': only one expression may stand here, no further statement")
        if kind == "mark" and value in "'`":
            raise ExpressionError(f"has a {value} that is not closed")
        if kind == "name" and value.upper() in _STATEMENT_WORDS:
            raise ExpressionError(f"has the word {value}: only a scalar expression may stand here, no statement")
        yield _Token(kind, value)


def _balanced(tokens: list[_Token]) -> None:
    opened: list[str] = []
    for token in tokens:
        if token.kind != "mark":
            continue
        if token.value in "([":
            opened.append(token.value)
        elif token.value in ")]" and (not opened or opened.pop() != _CLOSES[token.value]):
            raise ExpressionError(f"has a '{token.value}' that closes nothing")
        elif token.value == "," and not opened:
            raise ExpressionError("has a ',' outside of brackets: only one expression may stand here")
    if opened:
        raise ExpressionError(f"has a '{opened[-1]}' that is not closed")


def _bind(tokens: list[_Token], scope: Scope) -> Iterator[str]:
    index, before = 0, ""
    while index < len(tokens):
        token = tokens[index]
        name = token.name
        if name is None or before == ".":
            yield token.value
        else:
            end, sql = _reference(tokens, index, name, scope)
            yield sql
            index = end
        if tokens[index].kind != "space":
            before = tokens[index].value
        index += 1


def _reference(tokens: list[_Token], index: int, name: str, scope: Scope) -> tuple[int, str]:
    """Where the reference that starts at `index` ends, and the SQL for it."""
    following = _solid(tokens, index + 1)
    after = tokens[following].value if following < len(tokens) else ""
    if name in scope.rows:
        if after == ".":
            return _qualified(tokens, following + 1, name, scope.rows[name])
        if after != "(" and name not in scope.columns and not _keyword_like(name, tokens[index]):
            raise ExpressionError(f"'{name}' is a step: write {name}.<field>")
    is_call = after == "(" and tokens[index].kind == "name"
    is_literal_type = following < len(tokens) and tokens[following].kind == "text"
    if is_call or is_literal_type:
        return index, tokens[index].value
    if name in scope.columns:
        return index, scope.columns[name]
    if name in scope.unclear:
        raise ExpressionError(f"'{name}' {scope.unclear[name]}")
    return index, tokens[index].value


def _keyword_like(name: str, token: _Token) -> bool:
    """CASE ... END and the like are written in capitals; steps rarely are."""
    return token.kind == "name" and name.isupper()


def _qualified(tokens: list[_Token], index: int, qualifier: str, names: Mapping[str, str]) -> tuple[int, str]:
    position = _solid(tokens, index)
    name = tokens[position].name if position < len(tokens) else None
    if name is None:
        raise ExpressionError(f"'{qualifier}.' needs a field")
    if name not in names:
        raise ExpressionError(f"field '{name}' of '{qualifier}' not found{suggestion(name, tuple(names))}")
    return position, names[name]


def _solid(tokens: list[_Token], index: int) -> int:
    """The next token that is no space."""
    while index < len(tokens) and tokens[index].kind == "space":
        index += 1
    return index
