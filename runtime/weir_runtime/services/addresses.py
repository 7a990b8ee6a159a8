"""Which addresses may be delivered to: none inside the cluster or machine, unless its network is allowed."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Forbidden(OSError):
    """A destination whose address may not be reached."""


class Guard:
    """Judges addresses; `allowed` are networks in CIDR notation that may be reached although they are not public."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed: Sequence[Network] = [ipaddress.ip_network(each) for each in allowed]

    def permits(self, address: str) -> bool:
        """Whether a connection may be made to this IP address."""
        found: Address = ipaddress.ip_address(address.partition("%")[0])
        # An IPv4 address in the clothes of IPv6 is judged as what it is.
        if isinstance(found, ipaddress.IPv6Address):
            found = found.ipv4_mapped or found.sixtofour or found
        if any(found.version == network.version and found in network for network in self._allowed):
            return True
        return found.is_global and not found.is_multicast

    def literal(self, host: str) -> None:
        """Raises Forbidden for a host that is itself an address that may not be reached."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        if not self.permits(host):
            raise Forbidden(f"{host} is not a public address, and its network is not allowed")


class GuardedResolver(AbstractResolver):
    """Resolves names to permitted addresses only: what was judged is what is connected to, whatever DNS says next."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises Forbidden when none of the addresses is permitted."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        permitted = [each for each in found if self._guard.permits(str(each[4][0]))]
        if found and not permitted:
            raise Forbidden(f"{host} has no public address, and its network is not allowed")
        return [
            ResolveResult(
                hostname=host, host=str(place[0]), port=port, family=kind, proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, place in permitted
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is held."""
