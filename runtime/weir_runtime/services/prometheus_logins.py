"""Who may send to a receiver, and how a sender shows who it is."""

import hmac
from base64 import b64encode
from collections.abc import Mapping

from weir_api.secret_files import SecretError

from .secret_files import Secrets


class Login:
    """Basic or bearer, by a secret that is read anew each time; none without one."""

    def __init__(self, secrets: Secrets, basic: str | None, bearer: str | None) -> None:
        self._secrets, self._basic, self._bearer = secrets, basic, bearer

    @property
    def scheme(self) -> str | None:
        """What is asked for."""
        return "Basic" if self._basic else "Bearer" if self._bearer else None

    def header(self) -> str | None:
        """The Authorization header that shows it. Raises SecretError."""
        if self._basic is not None:
            found = self._secrets.read(self._basic)
            pair = f"{_key(found, self._basic, 'username')}:{_key(found, self._basic, 'password')}"
            return f"Basic {b64encode(pair.encode()).decode()}"
        if self._bearer is not None:
            return f"Bearer {_key(self._secrets.read(self._bearer), self._bearer, 'token')}"
        return None

    def accepts(self, given: str | None) -> bool:
        """Whether this Authorization header is the one; takes as long for every wrong one. Raises SecretError."""
        wanted = self.header()
        if wanted is None:
            return True
        scheme, _, rest = (given or "").partition(" ")
        shown = f"{scheme.capitalize()} {rest.strip()}"
        return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), wanted.encode())


def _key(found: Mapping[str, str], name: str, key: str) -> str:
    if not found.get(key):
        raise SecretError(f"secret '{name}' has no key {key}")
    return found[key]
