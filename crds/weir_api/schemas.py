"""Structural schemas, as an API server wants them, from the models: no `$ref`, no `anyOf`, no titles."""

from functools import cache
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]  # JSON Schema is recursive and heterogeneous; it is read by match, never by attribute

# What is kept, in the order a reader wants it.
# fmt: off
_KEYWORDS = (
    "type", "format", "description", "default", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties", "required", "properties", "items", "additionalProperties",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
# fmt: on


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """The structural OpenAPI v3 schema of a model; one value for all, not to be changed."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(raw, raw.get("$defs", {}))


def _structural(schema: Schema, definitions: Schema) -> Schema:
    merged = _resolved(schema, definitions)
    return {word: _kept(word, merged, definitions) for word in _KEYWORDS if _is_said(word, merged)}


def _is_said(word: str, schema: Schema) -> bool:
    # additionalProperties: false is what the API server does anyway, by pruning or refusing unknown fields
    return word in schema and not (word == "additionalProperties" and schema[word] is False)


def _kept(word: str, schema: Schema, definitions: Schema) -> object:
    match word, schema[word]:
        case "properties", dict(below):
            return {name: _structural(field, definitions) for name, field in below.items()}
        case "items" | "additionalProperties", dict(below):
            return _structural(below, definitions)
        case "default", dict(given):
            return _beyond(given, schema.get("properties", {}), definitions)
        case "description", str(text):
            default = schema.get("default")
            told = _kept("default", schema, definitions) if isinstance(default, dict) else default
            return " ".join(text.split()) + _default_in_words(text, told)
        case _, value:
            return value


def _beyond(given: Schema, fields: Schema, definitions: Schema) -> Schema:
    """What of an object's default its fields' own do not fill in."""
    found: Schema = {}
    for name, value in given.items():
        field = _resolved(fields.get(name, {}), definitions)
        if isinstance(value, dict):
            below = _beyond(value, field.get("properties", {}), definitions)
            if below or "default" not in field:
                found[name] = below
        elif value is not None and value != field.get("default"):
            found[name] = value
    return found


def _default_in_words(text: str, default: object) -> str:
    if default in ("", None, {}) or "default:" in text or isinstance(default, list):
        return ""
    return f"; default: {in_words(default)}"


def in_words(default: object) -> str:
    """A default as people write it in YAML."""
    if isinstance(default, dict):
        return "{" + ", ".join(f"{name}: {in_words(value)}" for name, value in default.items()) + "}"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """References and optional types written out; what stands beside a reference wins over what it names."""
    match schema:
        case {"$ref": str(reference), **beside}:
            return _resolved(definitions[reference.rsplit("/", 1)[1]], definitions) | beside
        case {"anyOf": [dict(only), {"type": "null"}], **beside}:
            return _resolved(only, definitions) | {k: v for k, v in beside.items() if (k, v) != ("default", None)}
    return schema
