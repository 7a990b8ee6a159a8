"""Pattern documents to compile."""

from typing import Any

from weir_api.resources import parse
from weir_api.streamjobs import Program
from weir_operator.compiler import compile_resource

START = {"name": "start", "where": "metric = 'start'"}
END = {"name": "end", "where": "metric = 'end'"}


def document(**spec: Any) -> dict[str, Any]:
    """A two-step pattern, with these parts of its spec instead."""
    source = {"topic": "metrics", "fields": {"id": "STRING", "metric": "STRING", "value": "BIGINT", "at": "BIGINT"}}
    default = {
        "source": source,
        "keyBy": ["id"],
        "sequence": [START, END],
        "within": "45s",
        "emit": {"id": "id", "value": "end.value - start.value"},
        "sink": {"topic": "derived"},
    }
    return {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "Pattern",
        "metadata": {"name": "load"},
        "spec": {**default, **spec},
    }


def program(**spec: Any) -> Program:
    """What it compiles to. Raises SpecError."""
    return compile_resource(parse(document(**spec))).program
