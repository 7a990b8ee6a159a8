"""Secrets of a cluster that the operator may read: those for Kafka that the chart's values name, and no others."""

import base64
import binascii
from collections.abc import Mapping

from ..secrets import Read
from ..topics import NotAuthorized
from .api import SECRET, ClusterError, KubernetesApi


def in_cluster(api: KubernetesApi) -> Read:
    """By the API server, in the namespace of who refers to it."""

    def read(namespace: str, name: str) -> Mapping[str, str]:
        try:
            document = api.get(SECRET, namespace, name)
        except ClusterError as error:
            how = "name it in kafka.secrets of the chart's values"
            raise NotAuthorized(f"the operator may not read secret '{name}' in {namespace}: {how}") from error
        if document is None:
            raise NotAuthorized(f"there is no secret '{name}' in {namespace}")
        match document:
            case {"data": dict(data)}:
                return {str(key): _decoded(name, value) for key, value in data.items()}
        return {}

    return read


def _decoded(name: str, value: object) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode().rstrip("\n")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotAuthorized(f"secret '{name}' holds what is no text") from error
