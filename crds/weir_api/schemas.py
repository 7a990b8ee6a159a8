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
        case "default", dict():
            return {}  # the defaults of its fields fill it
        case "description", str(text):
            return " ".join(text.split()) + _default_in_words(text, schema.get("default"))
        case _, value:
            return value


def _default_in_words(text: str, default: object) -> str:
    if default in ("", None) or "default:" in text or isinstance(default, dict | list):
        return ""
    return f"; default: {str(default).lower() if isinstance(default, bool) else default}"


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """References and optional types written out; what stands beside a reference wins over what it names."""
    match schema:
        case {"$ref": str(reference), **beside}:
            return _resolved(definitions[reference.rsplit("/", 1)[1]], definitions) | beside
        case {"anyOf": [dict(only), {"type": "null"}], **beside}:
            return _resolved(only, definitions) | {k: v for k, v in beside.items() if (k, v) != ("default", None)}
    return schema
