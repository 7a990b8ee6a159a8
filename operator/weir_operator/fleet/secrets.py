"""Secrets as the operator reads them, by reference and when they are needed: for Kafka alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

from weir_api import secret_files
from weir_api.kafka_clients import ClientPropertyError, for_librdkafka
from weir_api.secret_files import SecretError

from .topics import Authentication, NotAuthorized

Read = Callable[[str, str], Mapping[str, str]]
"""Namespace and name of a secret: its keys and values. Raises NotAuthorized, its message without any of them."""


def in_directory(directory: Path | None) -> Read:
    """Files `<directory>/<name>/<key>`, as a laptop has them; it has no namespaces."""

    def read(_: str, name: str) -> Mapping[str, str]:
        if directory is None:
            raise NotAuthorized(f"secret '{name}' is not there: a folder secrets/{name} with a file for each key")
        try:
            return secret_files.read(directory, name)
        except SecretError as error:
            raise NotAuthorized(str(error)) from error

    return read


def authentication(read: Read, namespace: str, secret: str | None) -> Authentication | None:
    """What a client of Kafka says of itself; None where no secret is named. Raises NotAuthorized."""
    if secret is None:
        return None
    try:
        return for_librdkafka(read(namespace, secret))
    except ClientPropertyError as error:
        raise NotAuthorized(f"secret '{secret}': {error}") from error
