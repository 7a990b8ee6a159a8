"""How a service starts: `python -m weir_runtime.services.<program> FILE`, FILE holding a ServiceConfig.

Environment: WEIR_SECRETS_DIR (<name>/<key> files).
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import Field, ValidationError

from weir_api.base import Model
from weir_api.kafka_clients import ClientPropertyError, for_librdkafka
from weir_api.secret_files import SecretError
from weir_api.services import ServiceConfig
from weir_runtime.announcements import announce

from .secret_files import Secrets

_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


class ConfigurationError(Exception):
    """A service that cannot start as it was told to; the message holds no secret."""


class KafkaSettings(Model):
    """Which Kafka a service works with, and as whom."""

    bootstrap_servers: str | None = Field(default=None, description="Default: the servers of its ServiceConfig")
    authentication: str | None = Field(
        default=None, pattern=r"^\$\{secret:[^:}]+:\*\}$", description="Kafka's client properties, as ${secret:NAME:*}"
    )

    def client(self, config: ServiceConfig) -> Mapping[str, str]:
        """What every client of Kafka is told: where it is, and the properties in the secret.

        Raises ConfigurationError.
        """
        return {**self._properties(), "bootstrap.servers": self.bootstrap_servers or config.bootstrap_servers}

    def _properties(self) -> Mapping[str, str]:
        if self.authentication is None:
            return {}
        name = self.authentication.removeprefix("${secret:").removesuffix(":*}")
        try:
            return for_librdkafka(Secrets.of_environment().read(name))
        except (SecretError, ClientPropertyError) as error:
            raise ConfigurationError(str(error)) from error


S = TypeVar("S", bound=KafkaSettings)


def run(program: str, arguments: Sequence[str], settings: type[S], serve: Callable[[ServiceConfig, S], None]) -> int:
    """Has `serve` do what FILE says until it is told to end; returns the exit code: 2 when it cannot start."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s %(levelname)-5s {program} %(message)s")
    try:
        serve(*_configuration(arguments, settings))
    except (ConfigurationError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def announced(config: ServiceConfig, port: int) -> None:
    """Says where the service answers, by an address that whoever started it can reach; raises OSError."""
    host = _HOSTS.get(config.host, config.host)
    announce(Path(config.work_directory), f"http://{host}:{port}", config.service.name)


def _configuration(arguments: Sequence[str], settings: type[S]) -> tuple[ServiceConfig, S]:
    """The configuration in the file that the only argument names, and its settings. Raises ConfigurationError."""
    if len(arguments) != 1:
        raise ConfigurationError("usage: python -m weir_runtime.services.<program> FILE")
    try:
        config = ServiceConfig.model_validate_json(Path(arguments[0]).read_bytes())
        return config, settings.model_validate_json(config.settings)
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{arguments[0]}: {error}") from error
