"""Pydantic's errors in the words of those who write resources."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import FieldError, join, suggestion
from .schemas import Schema, schema_of

_JSON_TYPES: Mapping[str, str] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_TEMPLATES: Mapping[str, str] = {
    "missing": "is required",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length} entry",
    "too_long": "takes at most {max_length} entries",
    "string_too_long": "takes at most {max_length} characters",
    "string_too_short": "must not be empty",
}
# What a pattern asks for, by the pattern: a reader of errors should not have to read regular expressions.
_PATTERNS: Mapping[str, str] = {
    r"^0*[1-9][0-9]{0,8}(ms|s|m|h|d)$": "must be a whole number of more than 0 and ms, s, m, h or d, as in 45s",
    r"^[0-9]{1,9}(ms|s|m|h|d)$": "must be a whole number and ms, s, m, h or d, as in 45s",
    r"^[A-Za-z][A-Za-z0-9_]*$": "must be a letter, then letters, digits and _",
    r"^[A-Za-z0-9._-]+$": "may have letters, digits, '.', '_' and '-' only, as Kafka has it",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "must be lower-case letters, digits and '-', as in my-name",
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": "must be lower-case letters, digits, '-' and '.', as in my-name",
    r"^([0-9]+(\.[0-9]+)?|[0-9]+m)$": "must be cores, as in 1, 0.5 or 500m",
    r"^[0-9]+(Mi|Gi)$": "must be a size in Mi or Gi, as in 512Mi",
}


def field_errors(error: ValidationError, model: type[BaseModel]) -> Iterator[FieldError]:
    """Each error with the path of its field in a document of this model."""
    for detail in error.errors(include_url=False):
        if _is_echo(detail):
            continue
        location = [part for part in detail["loc"] if part != "[key]"]
        yield FieldError(path=join("", *location), message=_message(detail, location, model))


def _is_echo(detail: ErrorDetails) -> bool:
    # pydantic calls a list too short as well when it is its entries that are wrong
    match detail:
        case {"type": "too_short", "input": list(entries), "ctx": {"min_length": int(least)}}:
            return len(entries) >= least
    return False


def _message(detail: ErrorDetails, location: Sequence[str | int], model: type[BaseModel]) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields_at(schema_of(model), location[:-1])
        return f"unknown field '{location[-1]}'{suggestion(str(location[-1]), known)}"
    if kind == "literal_error":
        return _choice(str(context["expected"]), value)
    if kind in _JSON_TYPES:
        quote = f"; write it in quotes: '{_plain(value)}'" if kind == "string_type" and _is_scalar(value) else ""
        return f"must be {_JSON_TYPES[kind]}, not {_shown(value)}{quote}"
    if kind == "string_pattern_mismatch":
        must = _PATTERNS.get(str(context["pattern"]), f"must match {context['pattern']}")
        return f"{must}, not {_shown(value)}"
    if kind in _TEMPLATES:
        return _TEMPLATES[kind].format(**context)
    return detail["msg"].removeprefix("Value error, ")


def _choice(expected: str, value: object) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    must = f"must be one of {', '.join(choices)}" if len(choices) > 1 else f"must be {choices[0]}"
    return f"{must}, not {_shown(value)}{suggestion(value, choices) if isinstance(value, str) else ''}"


def _fields_at(schema: Schema, location: Sequence[str | int]) -> tuple[str, ...]:
    for part in location:
        match schema:
            case {"items": dict(below)} if isinstance(part, int):
                schema = below
            case {"properties": dict(fields)} if part in fields:
                schema = fields[part]
            case {"additionalProperties": dict(below)}:
                schema = below
            case _:
                return ()
    return tuple(schema.get("properties", ()))


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    match value:
        case None:
            return "empty"
        case str():
            return f"'{value}'"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return _plain(value)
