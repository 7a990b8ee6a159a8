"""From a typed resource to the program it becomes: pure, one module per kind over a few shared ones."""

from collections.abc import Callable
from typing import Final, cast

from weir_api.blocks import Spec
from weir_api.errors import FieldError, SpecError
from weir_api.resources import BillingView, EnrichmentPipeline, Pattern, Resource, RoutingRule, StreamJob
from weir_api.streamjobs import StreamJobSpec

from .billings import compile_billing
from .enrichments import compile_enrichment
from .patterns import compile_pattern
from .routings import compile_routing
from .series import compile_series


def compile_resource(resource: Resource[Spec]) -> StreamJobSpec:
    """The StreamJob a resource becomes; a StreamJob is its own. Raises SpecError with field paths."""
    compiler = _COMPILERS.get(resource.kind)
    if compiler is None:
        raise SpecError([FieldError(path="kind", message=f"a {resource.kind} cannot be compiled by this version")])
    return compiler(resource)


def _pattern(resource: Resource[Spec]) -> StreamJobSpec:
    return compile_pattern(cast(Pattern, resource))


def _enrichment(resource: Resource[Spec]) -> StreamJobSpec:
    pipeline = cast(EnrichmentPipeline, resource)
    return compile_series(pipeline) if pipeline.spec.writes_series else compile_enrichment(pipeline)


def _routing(resource: Resource[Spec]) -> StreamJobSpec:
    return compile_routing(cast(RoutingRule, resource))


def _billing(resource: Resource[Spec]) -> StreamJobSpec:
    return compile_billing(cast(BillingView, resource))


def _stream_job(resource: Resource[Spec]) -> StreamJobSpec:
    return cast(StreamJob, resource).spec


_COMPILERS: Final[dict[str, Callable[[Resource[Spec]], StreamJobSpec]]] = {
    "Pattern": _pattern,
    "EnrichmentPipeline": _enrichment,
    "RoutingRule": _routing,
    "BillingView": _billing,
    "StreamJob": _stream_job,
}
