"""Secrets as files, `<directory>/<name>/<key>`, read when they are needed: a secret that is changed is used at once."""

import os
from collections.abc import Mapping
from pathlib import Path


class SecretError(Exception):
    """A secret that is not there; the message has its name and never its content."""


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
        """Key -> value, without the line break at the end. Raises SecretError."""
        if self._directory is None or name in ("", ".", "..") or "/" in name:
            raise SecretError(f"secret '{name}' is not available here")
        try:
            # Kubernetes keeps what it swaps in behind names that start with two dots.
            keys = [path for path in (self._directory / name).iterdir() if not path.name.startswith(".")]
            return {path.name: path.read_text().rstrip("\n") for path in keys}
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"secret '{name}' cannot be read: {type(error).__name__}") from error
