"""SQL over an event that met its rules: conditions, kept fields, edits and addresses, all of them data. Pure.

SQL has no loops, so each list of a rule is looked at up to a fixed length; `CASE` keeps what is not there from costing
anything. JSON functions take paths that are no constants.
"""

from typing import Final

from weir_api.routings import MAX_PLACEHOLDERS

from .expressions import once, text
from .routing_transforms import COMMA, CUT, MAX_EDITS

PATHS: Final = 8
"""So many paths of a type are worked out once for all its rules; further ones each time they are looked at."""
CONDITIONS: Final = 8
KEPT: Final = 13  # twelve fields and the end
NUMBER: Final = r"^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?\z"

CONDITION_TYPE: Final = (
    "ROW<`at` INT, `look` STRING, `negated` BOOLEAN, `values` ARRAY<STRING>, `pattern` STRING, `signs` STRING,"
    " `number` DECIMAL(38, 18), `rough` DOUBLE>"
)
RULE_TYPE: Final = (
    f"ROW<`name` STRING, `conditions` ARRAY<{CONDITION_TYPE}>, `topic` STRING,"
    " `url` ARRAY<ROW<`before` STRING, `path` STRING>>, `delivery` STRING,"
    " `keep` ARRAY<ROW<`before` STRING, `name` STRING, `path` STRING>>,"
    " `edits` ARRAY<ROW<`pattern` STRING, `before` STRING, `path` STRING, `after` STRING, `gone` STRING>>,"
    " `more` MAP<STRING, STRING>>"
)
RULES_TYPE: Final = f"MAP<STRING, ROW<`paths` ARRAY<STRING>, `rules` ARRAY<{RULE_TYPE}>>>"


def values(line: str, paths: str) -> str:
    """The texts at the first paths of an event, as an array: each is read once for all rules that look at it."""
    each = ",\n    ".join(
        f"CASE WHEN CARDINALITY({paths}) >= {number} THEN {_read(line, f'{paths}[{number}]')} END"
        for number in range(1, PATHS + 1)
    )
    return once(f"CASE WHEN CARDINALITY({paths}) > 0 THEN ARRAY[\n    {each}] END")


def looked_at(line: str, paths: str, read: str) -> str:
    """The text that each condition of a rule looks at, as an array."""
    at = "weir_conditions[{}].`at`".format
    each = ",\n    ".join(
        f"CASE WHEN CARDINALITY(weir_conditions) < {number} THEN CAST(NULL AS STRING)"
        f" WHEN {at(number)} <= {PATHS} THEN {read}[{at(number)}] ELSE {_read(line, f'{paths}[{at(number)}]')} END"
        for number in range(1, CONDITIONS + 1)
    )
    return once(f"CASE WHEN CARDINALITY(weir_conditions) > 0 THEN ARRAY[\n    {each}] END")


def matches(texts: str) -> str:
    """TRUE when all conditions of a rule hold; `texts`: what they look at."""
    return "\n  AND ".join(
        f"(COALESCE(CARDINALITY(weir_conditions), 0) < {number}"
        f" OR {_holds(f'weir_conditions[{number}]', f'{texts}[{number}]')})"
        for number in range(1, CONDITIONS + 1)
    )


def _holds(condition: str, value: str) -> str:
    """One look for all operators: NotIn is In, and DoesNotExist is Exists, the other way round."""
    exact, number = f"TRY_CAST({value} AS DECIMAL(38, 18))", f"{condition}.`number`"
    rough = f"TRY_CAST({value} AS DOUBLE)"
    # Exactly where both fit, else as floating-point numbers; what is no number is neither more nor less.
    sign = (
        f"CASE WHEN NOT REGEXP({value}, {text(NUMBER)}) THEN '!' WHEN {exact} > {number} THEN '>'"
        f" WHEN {exact} = {number} THEN '=' WHEN {exact} < {number} THEN '<'"
        f" WHEN {rough} > {condition}.`rough` THEN '>' WHEN {rough} < {condition}.`rough` THEN '<' ELSE '=' END"
    )
    return (
        f"(CASE {condition}.`look`\n"
        f"      WHEN 'in' THEN ARRAY_CONTAINS({condition}.`values`, {value})\n"
        f"      WHEN 'there' THEN TRUE\n"
        f"      WHEN 'like' THEN REGEXP({value}, {condition}.`pattern`)\n"
        f"      ELSE POSITION({sign} IN {condition}.`signs`) > 0 END\n"
        f"    AND {value} IS NOT NULL) IS TRUE <> {condition}.`negated`"
    )


def _read(line: str, path: str) -> str:
    """The text of a field: a scalar's own, an object's or array's as JSON; NULL when missing or null."""
    return f"COALESCE(JSON_VALUE({line}, {path}), JSON_QUERY({line}, {path}))"


def address(line: str) -> str:
    """The address with the event's fields in it, as in a JSON string; NULL when it needs one that is not there."""
    pieces = []
    for number in range(1, MAX_PLACEHOLDERS + 2):
        piece = f"weir_url[{number}]"
        value = f"REPLACE(URL_ENCODE(JSON_VALUE({line}, {piece}.`path`)), '+', '%20')"
        pieces.append(
            f"CASE WHEN CARDINALITY(weir_url) < {number} THEN ''"
            f" WHEN {piece}.`path` IS NULL THEN {piece}.`before`"
            f" ELSE {piece}.`before` || {value} END"
        )
    return once(f"CASE WHEN CARDINALITY(weir_url) > 0 THEN\n    {_concat(pieces)} END")


def document(line: str) -> str:
    """The payload as JSON before edits: kept fields, or all; NULL where it stays as the bytes it came as."""
    pieces = []
    for number in range(1, KEPT + 1):
        piece = f"weir_keep[{number}]"
        member = f"COALESCE({piece}.`name` || {_json(line, f'{piece}.`path`')} || CHR({ord(COMMA)}), '')"
        pieces.append(f"CASE WHEN CARDINALITY(weir_keep) < {number} THEN '' ELSE {piece}.`before` || {member} END")
    kept = _tidy(_concat(pieces))
    whole = f"JSON_QUERY({line}, 'lax $')"
    return once(
        f"CASE WHEN CARDINALITY(weir_keep) > 0 THEN {kept}\n"
        f"    WHEN CARDINALITY(weir_edits) > 0 OR weir_delivery IS NOT NULL THEN {whole} END"
    )


def edited(line: str, number: int) -> str:
    """The document after the edit of this number; NULL when what must go is deeper than can be seen."""
    assert 1 <= number <= MAX_EDITS
    edit, before = f"weir_edits[{number}]", "weir_document"
    value = f"CASE WHEN {edit}.`path` IS NULL THEN '' ELSE {_json(line, f'{edit}.`path`')} END"
    head, tail = (f"REGEXP_EXTRACT({before}, {edit}.`pattern`, {group})" for group in (1, 2))
    changed = _tidy(f"({head} || {edit}.`before` || {value} || {edit}.`after` || {tail})")
    hidden = f"{edit}.`gone` IS NOT NULL AND {_read(before, f'{edit}.`gone`')} IS NOT NULL"
    return once(
        f"CASE WHEN COALESCE(CARDINALITY(weir_edits), 0) < {number} THEN {before}\n"
        f"    WHEN REGEXP({before}, {edit}.`pattern`) THEN COALESCE({changed}, {before})\n"
        f"    WHEN {hidden} THEN CAST(NULL AS STRING) ELSE {before} END"
    )


def _json(line: str, path: str) -> str:
    """A field's value as JSON, every digit and escape as Flink writes it, and `]`: as an array without its start."""
    return f"SUBSTRING(JSON_QUERY({line}, {path} WITH UNCONDITIONAL ARRAY WRAPPER) FROM 2)"


def _tidy(document: str) -> str:
    """Values without the `]` behind them, and commas where members follow each other and nowhere else."""
    comma, cut = f"CHR({ord(COMMA)})", f"CHR({ord(CUT)})"
    marks = {
        f"']' || {comma}": comma, f"',' || {cut} || '}}'": "'}'", cut: "''", f"{comma} || '}}'": "'}'", comma: "','",
    }  # fmt: skip
    for mark, instead in marks.items():
        document = f"REPLACE({document}, {mark}, {instead})"
    return document


def _concat(pieces: list[str]) -> str:
    return "\n    || ".join(f"({piece})" for piece in pieces)
