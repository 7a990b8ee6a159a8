"""What every model shares: frozen, no unknown fields, camelCase outside and snake_case inside."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .durations import milliseconds

GROUP = "weir.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Model(BaseModel):
    """A value read from or written to a document; equal by content, never changed in place."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def document(self) -> dict[str, object]:
        """The model as it stands in YAML or JSON: camelCase, without what was not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _known_duration(value: str) -> str:

    milliseconds(value)
    return value


Duration = Annotated[
    str,
    Field(pattern=r"^[0-9]+(ms|s|m|h|d)$", description="A duration: a whole number and ms, s, m, h or d, as in 250ms."),
    AfterValidator(_known_duration),
]
