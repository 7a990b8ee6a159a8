"""From a stored object to its typed spec."""

from weir_api.errors import FieldError, SpecError
from weir_api.resources import parse
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.store import StoredObject


def parsed(stored: StoredObject) -> StreamJobSpec:
    """The spec of a StreamJob. Raises SpecError with every error by field path."""
    document = {
        "apiVersion": stored.api_version,
        "kind": stored.kind,
        "metadata": {"name": stored.metadata.name, "namespace": stored.metadata.namespace},
        "spec": stored.spec,
    }
    resource = parse(document)
    if not isinstance(resource.spec, StreamJobSpec):
        raise SpecError([FieldError(path="kind", message=f"{stored.kind} is no StreamJob")])
    return resource.spec
