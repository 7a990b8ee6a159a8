"""Query services as processes, and a changelog as a BillingView writes it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Producer

from support.service_processes import DEADLINE, Running
from support.waiting import wait_until

VIEWS = {"customers": ["customer"], "types": ["type"], "both": ["customer", "type"]}


def total(view: str, key: str, period: str, amount: str, *, events: int = 1, currency: str = "EUR") -> dict[str, Any]:
    """A record of the changelog; `period` is a month as 2026-11."""
    year, month = map(int, period.split("-"))
    after = f"{year + month // 12}-{month % 12 + 1:02}"
    return {
        "view": view, "key": key, "currency": currency, "period": period, "from": f"{period}-01T00:00:00Z",
        "until": f"{after}-01T00:00:00Z", "total": amount, "rounding": "halfUp", "events": events,
        "eventTime": f"{period}-0{min(events, 9)}T12:00:00Z",
    }  # fmt: skip


def write(servers: str, topic: str, rows: Iterable[dict[str, Any]], transaction: str = "", commit: bool = True) -> None:
    """Records of the changelog, in a transaction if it has a name."""
    producer = Producer(
        {"bootstrap.servers": servers, "enable.idempotence": True}
        | ({"transactional.id": transaction} if transaction else {})
    )
    if transaction:
        producer.init_transactions(30)
        producer.begin_transaction()
    for row in rows:
        key = {name: row[name] for name in ("view", "key", "currency", "period")}
        producer.produce(topic, json.dumps(row).encode(), json.dumps(key).encode())
    assert producer.flush(30) == 0
    if transaction:
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class QueryService(Running):
    """One replica, which is there before it is ready."""

    def __init__(self, servers: str, topic: str, work: Path) -> None:
        super().__init__(servers, work, "billing_queries", {"topic": topic, "views": VIEWS}, "bills")

    def __enter__(self) -> Self:
        self.start(ready=False)
        return self

    def ask(self, path: str, **headers: str) -> Reply:
        """The answer, whatever its status."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def ready(self) -> Self:
        wait_until(lambda: self.ask("/readyz").status == 200, DEADLINE, "the service is ready")
        return self
