"""Requests that leave: to permitted addresses only, and their answers."""

import aiohttp

from .addresses import Guard, GuardedResolver
from .deliveries import MAX_BODY, Answer


def session(guard: Guard, at_once: int) -> aiohttp.ClientSession:
    """Makes so many requests at once, without a time limit of its own; keeps no cookies."""
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(guard), limit=at_once, ttl_dns_cache=30)
    # A proxy or .netrc of the environment would lead requests elsewhere than they were judged for.
    return aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=None), trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
    )  # fmt: skip


async def answered(response: aiohttp.ClientResponse) -> Answer:
    """What it says, with the beginning of its body. Raises aiohttp.ClientError and TimeoutError."""
    body = await response.content.read(MAX_BODY)
    # Bytes that are no UTF-8 come as surrogates, which no dead letter could hold.
    phrase = (response.reason or "").encode(errors="replace").decode()
    reason = f"the answer was {response.status} {phrase}".rstrip()
    return Answer(response.status, reason, body.decode(errors="replace"), response.headers.get("Retry-After"))
