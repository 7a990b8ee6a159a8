"""What was written anew and is wrong, on an object that stays as it was: told in its status, and nothing else of it."""

from collections.abc import Iterable
from typing import Final

from pydantic import TypeAdapter, ValidationError

from weir_api.errors import FieldError
from weir_operator.fleet.store import StoredObject

REJECTED: Final = "weir.dev/rejected"
"""Annotation: the errors of what stands in the resource's file now, as a JSON list."""
_ERRORS: Final = TypeAdapter(tuple[FieldError, ...])


def written(errors: Iterable[FieldError]) -> str:
    """The annotation's value."""
    return _ERRORS.dump_json(tuple(errors)).decode()


def of(stored: StoredObject) -> tuple[FieldError, ...]:
    """The errors that were noted on the object."""
    text = stored.metadata.annotations.get(REJECTED)
    if text is None:
        return ()
    try:
        return _ERRORS.validate_json(text)
    except ValidationError:
        return (FieldError(message=text),)
