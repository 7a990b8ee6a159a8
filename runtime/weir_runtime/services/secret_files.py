"""Secrets that a service is given, read when they are needed: a secret that is changed is used at once."""

import os
from collections.abc import Mapping
from pathlib import Path

from weir_api import secret_files
from weir_api.secret_files import SecretError


class Secrets:
    """Looks secrets up by reference."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    @classmethod
    def of_environment(cls) -> "Secrets":
        """Those that WEIR_SECRETS_DIR leads to, or none."""
        directory = os.environ.get("WEIR_SECRETS_DIR")
        return cls(Path(directory) if directory else None)

    def read(self, name: str) -> Mapping[str, str]:
        """Key -> value. Raises SecretError."""
        if self._directory is None:
            raise SecretError(f"secret '{name}' is not available here")
        return secret_files.read(self._directory, name)
