"""Kubernetes' API as documents: what Weir asks of it, and its refusals. Every call ends within seconds."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast

import httpx2
import msgspec
from lightkube import ApiError, Client, KubeConfig
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.types import CascadeType, PatchType

from weir_api.base import GROUP, VERSION
from weir_api.resources import KINDS

from .. import store
from .configs import JsonObject
from .names import FIELD_MANAGER

_TIMEOUT: Final = httpx2.Timeout(10.0, connect=3.0)
ALL_NAMESPACES: Final = "*"


class ClusterError(store.StoreError):
    """The API server does not answer, or refuses; the same may be tried again later."""


class ConflictError(ClusterError, store.StaleError):
    """The object is there already, or has changed since it was read: look again."""


class InvalidError(ClusterError, store.InvalidError):
    """The API server takes no such object: the schema refuses it, or it is too large."""


class GoneError(ClusterError, store.GoneError):
    """The object, or its namespace, is not there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server lists it."""

    api_version: str
    name: str
    plural: str


SERVICE: Final = Kind("v1", "Service", "services")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SECRET: Final = Kind("v1", "Secret", "secrets")
POD: Final = Kind("v1", "Pod", "pods")
EVENT: Final = Kind("v1", "Event", "events")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
JOB: Final = Kind("batch/v1", "Job", "jobs")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
OWN: Final[Mapping[str, Kind]] = {
    kind.name: Kind(f"{GROUP}/{VERSION}", kind.name, kind.plural) for kind in KINDS.values()
}
_ALL: Final = {
    kind.name: kind for kind in (SERVICE, CONFIG_MAP, SECRET, POD, EVENT, DEPLOYMENT, JOB, LEASE, *OWN.values())
}

Called = Callable[[str, str, str, float], None]
"""Told of each call: verb, plural, outcome (an HTTP status or `unreachable`), seconds."""


def _resource(kind: Kind) -> type[GenericNamespacedResource]:
    group, _, version = kind.api_version.rpartition("/")
    return create_namespaced_resource(group, version, kind.name, kind.plural)


_RESOURCES: Final = {kind: _resource(kind) for kind in _ALL.values()}


def from_environment() -> KubeConfig:
    """The service account's, or what KUBECONFIG names."""
    return KubeConfig.from_env()


class KubernetesApi:
    """Safe to use from several threads; connections are kept."""

    def __init__(self, config: KubeConfig, called: Called = lambda *_: None) -> None:
        self._client = Client(config, timeout=_TIMEOUT, trust_env=False, field_manager=FIELD_MANAGER)
        self._called = called

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        """The object, or None."""
        try:
            with self._counted("get", kind):
                return _document(self._client.get(_RESOURCES[kind], name, namespace=namespace))
        except GoneError:
            return None

    def list(self, kind: Kind, namespace: str, labels: Mapping[str, str] | None = None) -> list[JsonObject]:
        """Those with all of these labels."""
        with self._counted("list", kind):
            found = self._client.list(_RESOURCES[kind], namespace=namespace, labels=dict(labels or {}), chunk_size=500)
            return [_document(one) for one in found]

    def apply(self, document: JsonObject) -> JsonObject:
        """Make it so, fields of ours only; whoever else set them loses them."""
        kind, namespace, name = _place(document)
        with self._counted("patch", kind):
            sent = cast(JsonObject, msgspec.Raw(_as_yaml(document)))  # passed on as it is
            return _document(
                self._client.patch(
                    _RESOURCES[kind], name, sent, namespace=namespace, patch_type=PatchType.APPLY, force=True
                )
            )

    def create(self, document: JsonObject) -> JsonObject:
        """Raises ConflictError when there is one."""
        kind, namespace, _ = _place(document)
        with self._counted("create", kind):
            return _document(self._client.create(_RESOURCES[kind].from_dict(document), namespace=namespace))

    def replace(self, document: JsonObject) -> JsonObject:
        """As it is written, if it is still of the version it names. Raises ConflictError, GoneError."""
        kind, namespace, name = _place(document)
        with self._counted("update", kind):
            return _document(self._client.replace(_RESOURCES[kind].from_dict(document), name, namespace=namespace))

    def replace_status(self, document: JsonObject) -> JsonObject:
        """The status alone, if the object is still of the version it names. Raises ConflictError, GoneError."""
        kind, namespace, name = _place(document)
        with self._counted("update", kind, "/status"):
            return _document(
                self._client.replace(_RESOURCES[kind].Status.from_dict(document), name, namespace=namespace)
            )

    def merge(self, kind: Kind, namespace: str, name: str, patch: JsonObject) -> JsonObject:
        """A merge patch; with metadata.resourceVersion only for that version. Raises ConflictError, GoneError."""
        with self._counted("patch", kind):
            return _document(
                self._client.patch(
                    _RESOURCES[kind], name, patch, namespace=namespace, patch_type=PatchType.MERGE, field_manager=None
                )
            )

    def delete(self, kind: Kind, namespace: str, name: str, foreground: bool = False) -> None:
        """Ask for its removal; fine when it is gone. In the foreground it stays until all it owns is gone."""
        cascade = CascadeType.FOREGROUND if foreground else CascadeType.BACKGROUND
        try:
            with self._counted("delete", kind):
                self._client.delete(_RESOURCES[kind], name, namespace=namespace, cascade=cascade)
        except GoneError:
            return

    @contextmanager
    def _counted(self, verb: str, kind: Kind, subresource: str = "") -> Iterator[None]:
        began, outcome = time.monotonic(), "200"
        try:
            yield
        except httpx2.HTTPStatusError as error:
            outcome = str(error.response.status_code)
            raise _refusal(error, f"{verb} {kind.plural}{subresource}") from error
        except httpx2.HTTPError as error:
            outcome = "unreachable"
            raise ClusterError(f"{verb} {kind.plural}{subresource}: the API server does not answer: {error}") from error
        finally:
            self._called(verb, kind.plural + subresource, outcome, time.monotonic() - began)


def _refusal(error: httpx2.HTTPStatusError, what: str) -> ClusterError:
    # Only what the API server itself says has a message for people; whatever stands before it has a page of HTML.
    said = str(error) if isinstance(error, ApiError) else f"HTTP status {error.response.status_code}"
    message = f"{what}: {said}"
    match error.response.status_code:
        case HTTPStatus.NOT_FOUND:
            return GoneError(message)
        case HTTPStatus.CONFLICT:
            return ConflictError(message)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.REQUEST_ENTITY_TOO_LARGE | HTTPStatus.UNPROCESSABLE_ENTITY:
            return InvalidError(message)
        case _:
            return ClusterError(message)


def _as_yaml(document: JsonObject) -> bytes:
    """The document as what an API server applies: JSON in which nothing stands that YAML does not take unescaped."""
    text = json.dumps(document, separators=(",", ":"))  # escapes all but ASCII
    return re.sub("\x7f", r"\\u007f", text).encode()


def _document(found: object) -> JsonObject:
    return dict(cast(JsonObject, found))


def _place(document: JsonObject) -> tuple[Kind, str, str]:
    metadata = cast(Mapping[str, str], document["metadata"])
    return _ALL[str(document["kind"])], metadata["namespace"], metadata["name"]
