"""A real HTTP service for look-ups: what a session's name says is what it does."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from support.http_servers import Asked, Reply, answering


@dataclass
class Service:
    """What was asked, how often, and with which Authorization."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    authorizations: set[str | None] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Asked) -> Reply:
        """`/sessions/<name>`."""
        name = unquote(request.path.removeprefix("/sessions/"))
        status, body = self._found(name, request.headers.get("Authorization"))
        return Reply(status, body.encode(), {"Content-Type": "application/json"})

    def _found(self, name: str, authorization: str | None) -> tuple[int, str]:
        """Status and body for a session."""
        with self.lock:
            self.asked[name] += 1
            self.authorizations.add(authorization)
            tries = self.asked[name]
        match name.rpartition("/")[2].split("-"):
            case ["missing"]:
                return 404, "nothing"
            case ["broken"]:
                return 500, "no"
            case ["refused"]:
                return 400, "no"
            case ["flaky"] if tries < 3:
                return 503, "later"
            case ["text"]:
                return 200, "this is no JSON"
            case ["slow", *_]:
                time.sleep(2)
        return 200, json.dumps({"id": "of the answer", "country": f"UK {name}", "more": 1})


@contextmanager
def serving() -> Iterator[Service]:
    """The service, for as long as a test needs it."""
    service = Service()
    with answering(service.answer) as service.url:
        yield service
