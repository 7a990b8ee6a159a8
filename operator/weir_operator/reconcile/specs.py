"""From a stored object to its typed resource and spec."""

from collections.abc import Mapping

from weir_api.blocks import Spec
from weir_api.errors import FieldError, SpecError
from weir_api.resources import Resource, parse
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.store import StoredObject


def typed(stored: StoredObject, spec: Mapping[str, object] | None = None) -> Resource[Spec]:
    """The resource, without labels and annotations, with its own spec or one that it had. Raises SpecError."""
    metadata = {"name": stored.metadata.name, "namespace": stored.metadata.namespace}
    given = stored.spec if spec is None else spec
    return parse({"apiVersion": stored.api_version, "kind": stored.kind, "metadata": metadata, "spec": given})


def parsed(stored: StoredObject) -> StreamJobSpec:
    """The spec of a StreamJob. Raises SpecError with every error by field path."""
    spec = typed(stored).spec
    if not isinstance(spec, StreamJobSpec):
        raise SpecError([FieldError(path="kind", message=f"{stored.kind} is no StreamJob")])
    return spec
