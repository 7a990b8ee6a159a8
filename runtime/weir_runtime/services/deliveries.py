"""What the dispatcher delivers: records of `results-http` as requests, answers as verdicts, dead letters. Pure."""

import json
import random
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

MAX_BODY: Final = 4096  # of an answer, in a dead letter
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
LONGEST_RETRY_AFTER: Final = 300.0
_AGAIN: Final = frozenset({408, 425, 429})

Headers = Mapping[str, bytes | None]


class Undeliverable(Exception):
    """A record that is no delivery; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to be made. `order`: deliveries of the same order follow each other; None: any time will do."""

    place: Place
    raw: bytes
    rule: str
    url: str
    payload: bytes
    idempotency_key: str
    timeout: float  # seconds for one try
    retries: int
    secret: str | None
    order: bytes | None

    @property
    def destination(self) -> tuple[str, str]:
        """(rule, scheme and host): what has limits, failures and metrics of its own."""
        address = urlsplit(self.url)
        return self.rule, f"{address.scheme}://{address.netloc}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try: a status, or, without one, why there is none."""

    status: int | None
    reason: str
    body: str = ""
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the destination has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def final(self) -> bool:
        """Whether another try would be told the same."""
        return self.delivered or (self.status is not None and self.status < 500 and self.status not in _AGAIN)


@dataclass(frozen=True, slots=True)
class Last:
    """The last try of what is given up. `rule`: of the router, where one sent it."""

    url: str
    answer: Answer
    tries: int
    rule: str | None = None


def delivery(place: Place, key: bytes | None, value: bytes | None, headers: Headers) -> Delivery:
    """The delivery that a record asks for. Raises Undeliverable."""
    try:
        document = json.loads(value or b"")
        told = json.loads(headers["weir-delivery"] or b"")
        rule, url = str(told["rule"]), str(document["destination"])
        host = urlsplit(url).hostname
        identity = (headers["weir-id"] or b"").decode()
        payload = document["payload"]
        timeout, retries, secret = int(told["timeoutMs"]) / 1000, int(told["retries"]), told.get("secret")
    except (ValueError, KeyError, TypeError) as error:
        raise Undeliverable(f"is no delivery: {type(error).__name__} {error}") from error
    if not host:
        raise Undeliverable(f"'{url}' has no host")
    return Delivery(
        place, value or b"", rule, url, _payload(value or b"", payload), f"{identity}/{rule}", timeout, retries,
        None if secret is None else str(secret), key,
    )  # fmt: skip


def _payload(value: bytes, payload: object) -> bytes:
    """The payload as it stands in the record: read and written again, numbers would change."""
    mark = b'","payload":'
    start = value.find(mark)
    # The address is in front of it, and a quote in an address is escaped: the first mark is the one.
    if value.startswith(b'{"destination":"') and start >= 0 and value.endswith(b"}"):
        return value[start + len(mark) : -1]
    return json.dumps(payload, ensure_ascii=False).encode()


def pause(tries: int, answer: Answer, now: datetime, jitter: random.Random) -> float:
    """Seconds before the next try, after so many: what the destination asks for, else longer each time, at random."""
    asked = _retry_after(answer.retry_after, now)
    if asked is not None:
        return min(asked, LONGEST_RETRY_AFTER) + jitter.uniform(0, FIRST_PAUSE)
    limit = min(FIRST_PAUSE * 2 ** min(tries, 16), LONGEST_PAUSE)
    return jitter.uniform(limit / 2, limit)


def _retry_after(text: str | None, now: datetime) -> float | None:
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


def dead_letter(place: Place, raw: bytes, reason: str, last: Last | None = None) -> bytes:
    """The record as a dead letter: where it stood, why, its bytes, and what the last try was told."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    letter: dict[str, object] = {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "timestamp": datetime.fromtimestamp(place.timestamp / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "reason": reason,
        "raw": b64encode(raw).decode(),
        "text": text,
    }
    if last is not None:
        answer = last.answer
        letter |= {"rule": last.rule} if last.rule is not None else {}
        letter |= {"destination": last.url, "tries": last.tries}
        letter["answer"] = {"status": answer.status, "reason": answer.reason, "body": answer.body}
    return json.dumps(letter, ensure_ascii=False).encode()
