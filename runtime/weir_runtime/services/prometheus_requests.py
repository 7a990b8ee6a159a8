"""One request of a sender: what it says, and what its answer means. Pure but for the request itself."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp
from yarl import URL

from weir_api.secret_files import SecretError

from . import deliveries
from .addresses import Forbidden, Guard
from .deliveries import Answer
from .outgoing import answered
from .prometheus_logins import Login
from .remote_write import bodies, encodings
from .remote_write.bodies import MEDIA_TYPE, Version
from .remote_write.readings import Sample
from .remote_write.series import Meaning

_NUMBERS: Final = {Version.V1: "0.1.0", Version.V2: "2.0.0"}
_WRITTEN: Final = tuple(
    f"X-Prometheus-Remote-Write-{kind}-Written" for kind in ("Samples", "Histograms", "Exemplars")
)  # fmt: skip
_TELL_AGAIN: Final = 60.0
_FIRST_PAUSE: Final = 0.03
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """An answer, and whether it said how much was written."""

    answer: Answer
    counted: bool = False

    @property
    def again(self) -> bool:
        """Whether the protocol wants it sent once more: no answer, 429, 5xx; nothing else."""
        status = self.answer.status
        return status is None or status == 429 or status >= 500


def pause(tries: int, answer: Answer, jitter: random.Random) -> float:
    """Seconds before the next try: what the receiver asks for, else from 30 ms to 5 s, at random."""
    if answer.retry_after is not None:
        return deliveries.pause(tries, answer, datetime.now(UTC), jitter)
    limit = min(_FIRST_PAUSE * 2 ** min(tries, 16), _LONGEST_PAUSE)
    return jitter.uniform(limit / 2, limit)


class Requests:
    """Asks the one receiver there is; knows which version it takes."""

    def __init__(self, url: str, version: str, headers: Mapping[str, str], login: Login, guard: Guard) -> None:
        self._url, self._headers, self._login, self._guard = URL(url), headers, login, guard
        self._may_fall_back = version == "auto"
        self.version = Version.V1 if version == "1.0" else Version.V2
        self._told: dict[str, tuple[Meaning, float]] = {}

    async def send(self, session: aiohttp.ClientSession, batch: Sequence[Sample], seconds: float) -> Result:
        """One try; a receiver that shows that it does not know 2.0 is asked in 1.0, from then on."""
        version = self.version
        result = await self._try(session, batch, version, seconds)
        if version is Version.V2 and self._may_fall_back:
            if _not_understood(result):
                self.version = Version.V1
                result = await self._try(session, batch, Version.V1, seconds)
            elif result.answer.delivered:
                self._may_fall_back = False
        return result

    def body(self, batch: Sequence[Sample], version: Version) -> bytes:
        """As it goes over the wire."""
        if version is Version.V2:
            return bodies.compress(encodings.version2(batch))
        return bodies.compress(encodings.version1(batch, self._news(batch)))

    async def _try(
        self, session: aiohttp.ClientSession, batch: Sequence[Sample], version: Version, seconds: float
    ) -> Result:
        try:
            self._guard.literal(self._url.host or "")
            headers = self._all_headers(version)
            timeout = aiohttp.ClientTimeout(total=seconds)
            # A redirect is an answer like another: it might lead inside, or take the secret elsewhere.
            async with session.post(
                self._url, data=self.body(batch, version), headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                return Result(await answered(response), any(name in response.headers for name in _WRITTEN))
        except TimeoutError:
            return Result(Answer(None, f"no answer within {seconds:g} s"))
        except (SecretError, Forbidden) as error:
            return Result(Answer(None, str(error)))
        except (aiohttp.ClientError, OSError) as error:
            return Result(Answer(None, f"{type(error).__name__}: {error}"))

    def _all_headers(self, version: Version) -> Mapping[str, str]:
        """Raises SecretError."""
        told = MEDIA_TYPE if version is Version.V1 else f"{MEDIA_TYPE};proto={version.value}"
        own = {
            **self._headers, "Content-Type": told, "Content-Encoding": "snappy", "User-Agent": "weir-sender",
            "X-Prometheus-Remote-Write-Version": _NUMBERS[version],
        }  # fmt: skip
        if (shown := self._login.header()) is not None:
            own["Authorization"] = shown
        return own

    def _news(self, batch: Iterable[Sample]) -> list[tuple[str, Meaning]]:
        """What 1.0 tells apart from samples, once a minute."""
        now, news = time.monotonic(), {}
        for one in batch:
            name, meaning = one.known.name, one.meaning
            if meaning.type == "unknown" and meaning.help is None:
                continue
            told = self._told.get(name)
            if told is None or told[0] != meaning or now - told[1] > _TELL_AGAIN:
                self._told[name] = (meaning, now)
                news[name] = meaning
        return list(news.items())


def _not_understood(result: Result) -> bool:
    """Of 2.0: told so, or taken for an empty request of 1.0, as receivers of old do."""
    status = result.answer.status
    return status == 415 or (not result.counted and status is not None and (200 <= status < 300 or status == 400))
