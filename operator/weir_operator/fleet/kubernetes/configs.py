"""What the chart tells the operator about the cluster: one YAML file, read once at the start."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from weir_api.base import Model
from weir_api.blocks import Resources

JsonObject = dict[str, object]
Name = Annotated[str, Field(min_length=1, max_length=253)]


class ConfigError(Exception):
    """The file is missing or says something that cannot be; the message names the field."""


class State(Model):
    """Where checkpoints and savepoints are: on a volume claim in each namespace, or under a URI."""

    claim: Name | None = None
    uri: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9+.-]*://.+$")

    @model_validator(mode="after")
    def _one(self) -> "State":
        if (self.claim is None) == (self.uri is None):
            raise ValueError("needs exactly one of claim and uri")
        return self


class Toleration(Model):
    """As in Kubernetes."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class EnvironmentVariable(Model):
    """As in Kubernetes; `valueFrom` names a key of a Secret or a ConfigMap, or a field of the pod."""

    name: Name
    value: str | None = None
    value_from: JsonObject | None = None

    @model_validator(mode="after")
    def _one(self) -> "EnvironmentVariable":
        if self.value is not None and self.value_from is not None:
            raise ValueError("takes value or valueFrom, not both")
        return self


class PodSettings(Model):
    """What every runtime pod gets on top of what Weir gives it."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    env: tuple[EnvironmentVariable, ...] = ()
    priority_class_name: str | None = None
    run_as_user: int = Field(default=10001, ge=1)


class ClusterConfig(Model):
    """See docs/kubernetes-internals.md."""

    image: str = Field(min_length=1)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[Name, ...] = ()
    bootstrap_servers: str = Field(min_length=1)
    service_account: Name
    namespaces: tuple[Name, ...] = ()
    state: State
    job_manager: Resources = Resources(cpu="250m", memory="1Gi")
    pod: PodSettings = PodSettings()
    services: dict[str, JsonObject] = Field(default_factory=dict)
    """Settings of services by program, over those they are asked for with."""


def load(path: Path) -> ClusterConfig:
    """The file's content. Raises ConfigError."""
    try:
        document = YAML(typ="safe").load(path.read_text())
        return ClusterConfig.model_validate(document)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"{path}: {told}") from error
