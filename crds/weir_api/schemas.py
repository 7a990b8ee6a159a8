"""Structural schemas, as an API server wants them, from the models: no `$ref`, no `anyOf`, no titles."""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]  # JSON Schema is recursive and heterogeneous; it is read by match, never by attribute


def schema_of(model: type[BaseModel]) -> Schema:
    """The structural OpenAPI v3 schema of a model."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(raw, raw.get("$defs", {}))


def _structural(schema: Schema, definitions: Schema) -> Schema:
    merged = _resolved(schema, definitions)
    kept: Schema = {key: value for key, value in merged.items() if key not in _DROPPED}
    for key, value in kept.items():
        match key, value:
            case "properties", dict():
                kept[key] = {name: _structural(below, definitions) for name, below in value.items()}
            case "items" | "additionalProperties", dict():
                kept[key] = _structural(value, definitions)
    if kept.get("additionalProperties") is False or "properties" in kept:
        kept.pop("additionalProperties", None)
    return kept


_DROPPED = frozenset({"title", "$defs", "$ref", "anyOf", "propertyNames"})


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """References and optional types written out; what stands beside a reference wins over what it names."""
    match schema:
        case {"$ref": str(reference), **beside}:
            return _resolved(definitions[reference.rsplit("/", 1)[1]], definitions) | beside
        case {"anyOf": [dict(only), {"type": "null"}], **beside}:
            return _resolved(only, definitions) | {k: v for k, v in beside.items() if (k, v) != ("default", None)}
    return schema
