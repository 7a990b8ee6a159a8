"""What every model shares: frozen, no unknown fields, camelCase outside and snake_case inside."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

GROUP = "weir.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class Model(BaseModel):
    """A value read from or written to a document; equal by content, never changed in place."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def document(self) -> dict[str, JsonValue]:
        """The model as it stands in YAML or JSON: camelCase, without what was not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rules(*validations: dict[str, str]) -> ConfigDict:
    """Model configuration with these rules for the API server (CEL, `self` is the model)."""
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": [dict(rule) for rule in validations]})


def rule(expression: str, message: str, field: str | None = None) -> dict[str, str]:
    """What must hold across fields, and the field that is named when it does not."""
    place = {"fieldPath": f".{field}"} if field else {}
    return {"rule": expression, "message": message, **place}


# Nine digits of days still fit Flink's 64-bit milliseconds.
Duration = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,9}(ms|s|m|h|d)$",
        max_length=12,
        description="A whole number and ms, s, m, h or d, as in 250ms",
    ),
]
PositiveDuration = Annotated[
    str,
    Field(
        pattern=r"^0*[1-9][0-9]{0,8}(ms|s|m|h|d)$", max_length=12, description="A duration of more than 0, as in 45s"
    ),
]
Expression = Annotated[str, Field(min_length=1, max_length=8192)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", min_length=1, max_length=249)]
