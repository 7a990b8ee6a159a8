"""What is filled into a program's statements just before Flink sees them."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from weir_api.launchers import RevisionConfig

# All properties of a client at once, as in 'properties.*': a table's option for each key of the secret.
_PROPERTIES: Final = re.compile(r"'([^'*]+)\.\*' = '\$\{secret:([^:}']+):\*\}'")
_VARIABLE: Final = re.compile(r"\$\{(weir|secret):([^}]*)\}")
_KAFKA: Final = re.compile(r"(?<![\w.])org\.apache\.kafka\.")
SECRET: Final = "***"


class UnknownVariableError(Exception):
    """A statement names a variable or a secret that is not there; the message says which."""


class Variables:
    """Fills in `${weir:...}` and `${secret:NAME:KEY}`, and takes secrets out of what is shown to people."""

    def __init__(
        self,
        values: Mapping[str, str],
        secret: Callable[[str, str], str],
        keys: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._values = values
        self._read = secret
        self._keys = keys
        self._seen: set[str] = set()

    def fill(self, statement: str) -> str:
        """The statement with every variable replaced; raises UnknownVariableError."""
        return _VARIABLE.sub(self._replace, _PROPERTIES.sub(self._properties, statement))

    def secret(self, name: str, key: str) -> str:
        """The value of a key of a secret; raises UnknownVariableError."""
        return self.fill(f"${{secret:{name}:{key}}}").replace("''", "'")

    def redact(self, text: str) -> str:
        """The text without any secret that was filled in so far."""
        for secret in sorted(self._seen, key=len, reverse=True):
            text = text.replace(secret, SECRET)
        return text

    def _properties(self, match: re.Match[str]) -> str:
        prefix, name = match[1], match[2]
        keys = self._keys(name)
        if not keys:
            raise UnknownVariableError(f"secret '{name}' has no keys: it needs one per '{prefix}.*'")
        return ", ".join(f"'{prefix}.{_quoted(key)}' = '${{secret:{name}:{key}}}'" for key in keys)

    def _replace(self, match: re.Match[str]) -> str:
        if match[1] == "weir":
            if match[2] not in self._values:
                raise UnknownVariableError(f"there is no variable ${{weir:{match[2]}}}")
            return _quoted(self._values[match[2]])
        name, separator, key = match[2].partition(":")
        if not separator:
            raise UnknownVariableError(f"write ${{secret:NAME:KEY}} for a secret, not {match[0]}")
        secret = _shaded(key, self._read(name, key))
        if secret:
            self._seen.update({secret, _quoted(secret)})
        return _quoted(secret)


def _shaded(key: str, value: str) -> str:
    """Classes of Kafka's client by the name they have in Flink's connector, which brings its own."""
    named = key == "sasl.jaas.config" or key.endswith(".class")
    return _KAFKA.sub("org.apache.flink.kafka.shaded.org.apache.kafka.", value) if named else value


def _quoted(value: str) -> str:
    """As it must stand inside an SQL string: a value can never end the string it stands in."""
    return value.replace("'", "''")


def of_revision(config: RevisionConfig, secrets: Path | None) -> Variables:
    """The variables of a revision; `secrets` is the directory with a folder per secret and a file per key."""
    values = {
        "bootstrapServers": config.bootstrap_servers,
        "transactionalIdPrefix": f"{config.namespace}-{config.name}-{config.revision}",
    }

    def read(name: str, key: str) -> str:
        if secrets is None:
            raise UnknownVariableError(f"secret '{name}' is not available here: no secrets directory is set")
        if any(part in ("", ".", "..") or "/" in part for part in (name, key)):
            raise UnknownVariableError(f"'{name}:{key}' is not the name and key of a secret")
        try:
            return (secrets / name / key).read_text().rstrip("\n")
        except OSError as error:
            raise UnknownVariableError(f"key '{key}' of secret '{name}' cannot be read: {error.strerror}") from error

    def keys(name: str) -> Sequence[str]:
        if secrets is None or name in ("", ".", "..") or "/" in name:
            raise UnknownVariableError(f"secret '{name}' is not available here")
        try:
            # Kubernetes keeps what it swaps in behind names that start with two dots.
            return sorted(path.name for path in (secrets / name).iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise UnknownVariableError(f"secret '{name}' cannot be read: {error.strerror}") from error

    return Variables(values, read, keys)
