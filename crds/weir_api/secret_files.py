"""Secrets as files, `<directory>/<name>/<key>`: as Kubernetes mounts them, and as a laptop has them."""

from collections.abc import Mapping
from pathlib import Path


class SecretError(Exception):
    """A secret that is not there; the message has its name and never its content."""


def read(directory: Path, name: str) -> Mapping[str, str]:
    """Key -> value, without the line break at the end. Raises SecretError."""
    if name in ("", ".", "..") or "/" in name:
        raise SecretError(f"secret '{name}' is not available here")
    try:
        # Kubernetes keeps what it swaps in behind names that start with two dots.
        keys = [path for path in (directory / name).iterdir() if not path.name.startswith(".")]
        return {path.name: path.read_text().rstrip("\n") for path in keys}
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"secret '{name}' cannot be read: {type(error).__name__}") from error
