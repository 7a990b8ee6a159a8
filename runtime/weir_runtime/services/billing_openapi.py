"""The description of a query service's routes, as OpenAPI 3.1."""

from collections.abc import Mapping, Sequence
from typing import Final

Json = dict[str, object]
_TEXT: Final[Json] = {"type": "string"}
_TOTAL: Final[Json] = {
    "type": "object",
    "properties": {
        "currency": _TEXT,
        "total": {"type": "string", "description": "A decimal, rounded once", "examples": ["15.50"]},
        "rounding": {"type": "string", "description": "How the sum was rounded"},
        "events": {"type": "integer", "description": "How many events it is the sum of"},
        "from": {"type": "string", "format": "date-time", "description": "When the period begins"},
        "until": {"type": "string", "format": "date-time", "description": "When it ends"},
        "eventTime": {"type": ["string", "null"], "description": "What event time had passed then"},
        "place": {"type": "string", "description": "Partition and offset in the changelog"},
    },
}


def description(views: Mapping[str, Sequence[str]]) -> Json:
    """The document for these views (name -> fields of the key)."""
    paths: Json = {
        "/views": {"get": _get("The views, each with its current period")},
        "/healthz": {"get": _get("Whether the service lives")},
        "/readyz": {"get": _get("Whether it has read all totals there are; else 503 and why")},
        "/metrics": {"get": _get("Prometheus' metrics")},
    }
    for view, by in views.items():
        key = "/".join(f"{{{name}}}" for name in by)
        places = [_parameter(name, f"Value of {name}, encoded", where="path") for name in by]
        paths[f"/views/{view}"] = {
            "get": _get(
                "All keys of a period, by key; `/" + view + "` is short for it",
                _parameter("period", "As in 2026-11; default: the current one"),
                _parameter("after", "What the page before said in `next`"),
                _parameter("limit", "From 1 to 1000; default 100"),
                _parameter("order", "`top`: the greatest totals and the sum instead"),
            )
        }
        paths[f"/views/{view}/{key}"] = {
            "get": _get(
                "A key's totals, in each currency; `/" + view + "/" + key + "` is short for it",
                *places,
                _parameter("period", "As in 2026-11; default: the current one"),
                answer={
                    "type": "object",
                    "properties": {
                        "view": _TEXT,
                        "key": {"type": "object"},
                        "period": _TEXT,
                        "totals": {"type": "array", "items": _TOTAL},
                    },
                },
            )
        }
        paths[f"/views/{view}/{key}/history"] = {
            "get": _get(
                "A key's totals from the newest period back",
                *places,
                _parameter("before", "What the page before said in `next`"),
                _parameter("limit", "From 1 to 1000; default 100"),
            )
        }
        paths[f"/views/{view}/{key}/events"] = {
            "get": _get("A key's totals now and whenever they change, as server-sent events", *places)
        }
        paths[f"/live/{view}/{key}"] = {"get": _get("A page that shows a key's total as it moves", *places)}
        paths[f"/live/{view}"] = {"get": _get("A page with the keys that have the greatest totals")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Totals of a BillingView",
            "version": "v1alpha1",
            "description": "Every answer has an ETag and X-As-Of: what event time had passed, and the next offset of "
            "each partition of the changelog. 404: not there. 503: it cannot be known yet.",
        },
        "paths": paths,
    }


def _get(summary: str, *parameters: Json, answer: Json | None = None) -> Json:
    content = {"content": {"application/json": {"schema": answer}}} if answer is not None else {}
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "The answer", **content},
            "304": {"description": "Nothing new since the ETag in If-None-Match"},
            "400": {"description": "A parameter is wrong"},
            "404": {"description": "Not there"},
            "503": {"description": "Not known yet"},
        },
    }


def _parameter(name: str, meaning: str, where: str = "query") -> Json:
    return {"name": name, "in": where, "required": where == "path", "description": meaning, "schema": _TEXT}
