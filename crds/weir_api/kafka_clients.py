"""Secrets for Kafka hold a client's properties as Java's clients take them; here as librdkafka takes the same."""

import re
from collections.abc import Mapping
from typing import Final

_CREDENTIAL: Final = re.compile(r"""\b(username|password)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
_RENAMED: Final = {
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
}
_STORES: Final = frozenset({"ssl.truststore.type", "ssl.keystore.type"})
_JAVA: Final = re.compile(r"ssl\.(truststore|keystore)\.(location|password)|.*\.class|sasl\.login\..*")


class ClientPropertyError(Exception):
    """A property that only Java's clients understand; the message has its name and never its value."""


def for_librdkafka(properties: Mapping[str, str]) -> dict[str, str]:
    """The same connection. Raises ClientPropertyError for what has no other form, as a keystore in a file."""
    found: dict[str, str] = {}
    for name, value in properties.items():
        if name == "sasl.jaas.config":
            found |= _credentials(value)
        elif name in _STORES:
            if value.upper() != "PEM":
                raise ClientPropertyError(f"{name}: only PEM can be read by all clients, not {value}")
        elif name in _RENAMED:
            found[_RENAMED[name]] = value
        elif name == "ssl.endpoint.identification.algorithm":
            found[name] = value or "none"
        elif _JAVA.fullmatch(name):
            raise ClientPropertyError(f"{name} is for Java's clients only: give certificates as PEM")
        else:
            found[name] = value
    return found


def _credentials(jaas: str) -> dict[str, str]:
    given = {name: re.sub(r"\\(.)", r"\1", double or single) for name, double, single in _CREDENTIAL.findall(jaas)}
    if given.keys() != {"username", "password"}:
        raise ClientPropertyError("sasl.jaas.config has no username and password")
    return {f"sasl.{name}": value for name, value in given.items()}
