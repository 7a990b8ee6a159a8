"""The Patterns the benchmarks run, as a user writes them, and what Weir compiles them to."""

from typing import Final

from ruamel.yaml import YAML

from handwritten import Tables
from visits import FIELDS, WITHIN_MS
from weir_api.patterns import PatternSpec
from weir_api.resources import Resource, parse
from weir_api.streamjobs import Program
from weir_operator import compiler
from weir_operator.compiler import sources

SEQUENCE: Final = """\
  sequence:
    - {name: start, where: "metric = 'products_fetch_start'"}
    - {name: end, where: "metric = 'products_fetch_end'"}
  emit: {session: session, took: end.at - start.at, n: end.n}
"""
ABSENCE: Final = """\
  sequence:
    - {name: start, where: "metric = 'products_fetch_start'"}
    - {name: end, where: "metric = 'products_fetch_end'", absent: true}
  emit: {session: session, n: start.n}
"""


def document(
    name: str,
    steps: str,
    source: str,
    sink: str,
    *,
    further: str = "",
    within_ms: int = WITHIN_MS,
    written_as: str = "json",
) -> str:
    """The whole resource; `further` are more lines of the spec."""
    fields = ", ".join(f"{field}: {kind}" for field, kind in FIELDS.items())
    return f"""\
apiVersion: weir.dev/v1alpha1
kind: Pattern
metadata: {{name: {name}}}
spec:
  source:
    topic: {source}
    format: {written_as}
    fields: {{{fields}}}
    timestamp: {{field: at, unit: ms, outOfOrderness: 5s}}
  keyBy: [session]
  within: {within_ms}ms
  sink: {{topic: {sink}}}
{steps}{further}"""


def compiled(text: str) -> Program:
    """What Weir makes of a resource."""
    return compiler.compile_resource(_parsed(text)).program


def source_of(text: str) -> Tables:
    """Only what Weir compiles for the resource's source, as the front end of a query written by hand."""
    resource = _parsed(text)
    assert isinstance(resource.spec, PatternSpec)
    name = resource.metadata.name
    parts = sources.source_program("default", name, resource.spec.source, required_fields=resource.spec.key_by)
    events = f"CREATE TEMPORARY VIEW events AS SELECT *, weir_time AS t FROM {parts.events_view}"
    return Tables((*parts.tables, events), parts.inserts, parts.topics)


def _parsed(text: str) -> Resource:
    return parse(YAML(typ="safe").load(text))
