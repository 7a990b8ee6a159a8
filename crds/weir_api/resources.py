"""The kinds of resources and their envelope: from a document to a typed resource, or to every error in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, Literal

from pydantic import Field, ValidationError
from pydantic_core import to_json
from typing_extensions import TypeVar

from . import messages
from .base import DNS_LABEL, Model
from .billings import BillingViewSpec
from .blocks import Spec
from .enrichments import EnrichmentPipelineSpec
from .errors import FieldError, Origin, SpecError, suggestion
from .patterns import PatternSpec
from .routings import RoutingRuleSpec
from .schemas import Schema, schema_of
from .streamjobs import StreamJobSpec

S_co = TypeVar("S_co", bound=Spec, covariant=True, default=Spec)
Name = Annotated[str, Field(pattern=DNS_LABEL, min_length=1)]

MAX_NAME = 45  # leaves room within a Service's 63 characters for `-<revision>` and the part, as in `-rest`
# What an API server adds: no error in a document that was read back from one, and nothing a spec depends on.
_SERVER_METADATA = frozenset(
    {
        "uid",
        "generation",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "finalizers",
        "ownerReferences",
        "selfLink",
    }
)


class Metadata(Model):
    """A resource's name and marks."""

    name: Name = Field(max_length=MAX_NAME)
    namespace: Name = Field(default="default", max_length=63)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Resource(Model, Generic[S_co]):
    """A document with a spec of known kind."""

    api_version: Literal["weir.dev/v1alpha1"]
    kind: str
    metadata: Metadata
    spec: S_co

    @property
    def key(self) -> tuple[str, str, str]:
        """(kind, namespace, name): what makes it the same resource."""
        return self.kind, self.metadata.namespace, self.metadata.name


Pattern = Resource[PatternSpec]
EnrichmentPipeline = Resource[EnrichmentPipelineSpec]
RoutingRule = Resource[RoutingRuleSpec]
BillingView = Resource[BillingViewSpec]
StreamJob = Resource[StreamJobSpec]


@dataclass(frozen=True)
class Kind:
    """A kind as the API server lists it; `pipeline`: one of those that `kubectl get pipelines` shows."""

    name: str
    plural: str
    short_name: str
    resource: type[Resource[Spec]]
    pipeline: bool = True


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Pattern", "patterns", "pat", Pattern),
        Kind("EnrichmentPipeline", "enrichmentpipelines", "enrich", EnrichmentPipeline),
        Kind("RoutingRule", "routingrules", "route", RoutingRule),
        Kind("BillingView", "billingviews", "bill", BillingView),
        Kind("StreamJob", "streamjobs", "sj", StreamJob, pipeline=False),
    )
}


def parse(document: object, origin: Origin | None = None) -> Resource[Spec]:
    """The typed resource of a document of plain dicts, lists and scalars.

    Raises SpecError with everything that is wrong, by field path; `origin` adds file and line to its text.
    """
    kind = _kind(document, origin)
    try:
        resource = kind.resource.model_validate_json(
            to_json(_as_stored(document, kind)), strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise SpecError(messages.field_errors(error, kind.resource), origin) from None
    problems = tuple(_below_spec(resource.spec.problems(resource.metadata.name)))
    if problems:
        raise SpecError(problems, origin)
    return resource


def _kind(document: object, origin: Origin | None) -> Kind:
    if not isinstance(document, dict):
        raise SpecError(
            [FieldError(message="a resource is a mapping with apiVersion, kind, metadata and spec")], origin
        )
    name = document.get("kind")
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    known = ", ".join(KINDS)
    message = (
        f"unknown kind '{name}'{suggestion(str(name), tuple(KINDS)) or f': known are {known}'}"
        if name is not None
        else f"is required: one of {known}"
    )
    raise SpecError([FieldError(path="kind", message=message)], origin)


def _as_stored(document: object, kind: Kind) -> object:
    """The document without what an API server adds, and without the nulls that it drops."""
    match document:
        case {"metadata": dict(metadata), **rest}:
            document = {"metadata": {k: v for k, v in metadata.items() if k not in _SERVER_METADATA}, **rest}
    if isinstance(document, dict):
        document = {key: value for key, value in document.items() if key != "status"}
    return _without_nulls(document, schema_of(kind.resource))


def _without_nulls(value: object, schema: Schema) -> object:
    """A field that is written with no value counts as not written; in maps and lists a null stays, as an error."""
    match value, schema:
        case dict(), {"properties": dict(fields)}:
            return {
                name: _without_nulls(below, fields.get(name, {}))
                for name, below in value.items()
                if below is not None or name not in fields
            }
        case list(), {"items": dict(items)}:
            return [_without_nulls(item, items) for item in value]
    return value


def _below_spec(problems: Iterator[FieldError]) -> Iterator[FieldError]:
    for problem in problems:
        separator = "" if problem.path.startswith("[") or not problem.path else "."
        yield problem.model_copy(update={"path": f"spec{separator}{problem.path}"})
