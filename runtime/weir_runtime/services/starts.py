"""How a service starts: `python -m weir_runtime.services.<program> FILE`, FILE holding a ServiceConfig.

Environment: WEIR_SECRETS_DIR (<name>/<key> files).
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from weir_api.kafka_clients import ClientPropertyError, for_librdkafka
from weir_api.services import ServiceConfig
from weir_runtime.announcements import announce

from .secret_files import SecretError, Secrets

S = TypeVar("S", bound=BaseModel)
_SECRET: Final = re.compile(r"\$\{secret:([^:}]+):\*\}")
_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


class ConfigurationError(Exception):
    """A service that cannot start as it was told to; the message holds no secret."""


def configuration(arguments: Sequence[str], settings: type[S]) -> tuple[ServiceConfig, S]:
    """The configuration in the file that the only argument names, and its settings. Raises ConfigurationError."""
    if len(arguments) != 1:
        raise ConfigurationError("usage: python -m weir_runtime.services.<program> FILE")
    try:
        config = ServiceConfig.model_validate_json(Path(arguments[0]).read_bytes())
        return config, settings.model_validate_json(config.settings)
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{arguments[0]}: {error}") from error


def properties(reference: str | None) -> Mapping[str, str]:
    """The keys and values of the secret that `${secret:NAME:*}` refers to; none without one.

    Raises ConfigurationError.
    """
    if reference is None:
        return {}
    found = _SECRET.fullmatch(reference)
    if found is None:
        raise ConfigurationError(f"'{reference}' refers to no secret: write ${{secret:NAME:*}}")
    try:
        return for_librdkafka(Secrets.of_environment().read(found[1]))
    except (SecretError, ClientPropertyError) as error:
        raise ConfigurationError(str(error)) from error


def announced(config: ServiceConfig, port: int) -> None:
    """Says where the service answers, by an address that whoever started it can reach; raises OSError."""
    host = _HOSTS.get(config.host, config.host)
    announce(Path(config.work_directory), f"http://{host}:{port}", config.service.name)


def failed(error: Exception) -> int:
    """Tells why a service does not start; returns its exit code."""
    print(error, file=sys.stderr)
    return 2
