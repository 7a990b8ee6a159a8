"""What is answered about totals: pure over a store, as plain JSON documents and their headers."""

import hashlib
import heapq
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from .billing_stores import Store, Total

_PERIOD: Final = re.compile(r"[0-9]{4}(-W[0-9]{2}|-[0-9]{2}(-[0-9]{2})?)?")
_MOST: Final = 1000
Json = dict[str, object]


class AnswerError(Exception):
    """No answer: an HTTP status and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """A JSON document, and how fresh it is."""

    document: Json
    as_of: str
    body: bytes = field(init=False)
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", json.dumps(self.document, ensure_ascii=False).encode())
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.body).hexdigest()[:32]}"')


class Answers:
    """Asks a store, by a connection for each thread.

    `views`: name -> fields of the key. `fresh`: whether all that was there since the start has been read.
    """

    def __init__(
        self, reader: Callable[[], Store], views: Mapping[str, Sequence[str]], fresh: Callable[[], bool]
    ) -> None:
        self._reader, self.views, self._fresh = reader, views, fresh
        self._own = threading.local()

    @property
    def _store(self) -> Store:
        if not hasattr(self._own, "store"):
            self._own.store = self._reader()
        store: Store = self._own.store
        return store

    def listing(self) -> Answer:
        """The views, with their newest period."""
        self._complete()
        items = [
            {"view": name, "by": list(by), "current": self._store.current(name)} for name, by in self.views.items()
        ]
        return self._answer({"items": items})

    def of_key(self, view: str, parts: Sequence[str], period: str | None) -> Answer:
        """A key's totals in a period; without one in the current period, where it may have none yet.

        Raises AnswerError: 400 for what is no period, 404 for a key or view that is not there, 503 while that cannot
        be known.
        """
        key = self._known(view, parts)
        chosen = _period(period) or self._store.current(view)
        rows = self._store.of_key(view, key, chosen) if chosen is not None else []
        if not rows and period is not None:
            raise AnswerError(404, f"{'/'.join(parts)!r} has no total in {period}")
        return self._answer({**self._named(view, key), "period": chosen, "totals": [_told(row) for row in rows]})

    def history(self, view: str, parts: Sequence[str], before: str | None, limit: str | None) -> Answer:
        """A key's totals from the newest period back, a page of them. Raises AnswerError."""
        key, most = self._known(view, parts), _limit(limit)
        rows = self._store.history(view, key, before, most + 1)
        items = [{"period": row.period, **_told(row)} for row in rows[:most]]
        document: Json = {**self._named(view, key), "items": items}
        if len(rows) > most and rows[most].until != rows[most - 1].until:
            document["next"] = rows[most - 1].until
        elif len(rows) > most:  # a page ends between two periods
            whole = [row for row in rows[:most] if row.until != rows[most].until]
            if whole:
                document["items"] = [{"period": row.period, **_told(row)} for row in whole]
                document["next"] = whole[-1].until
        return self._answer(document)

    def page(self, view: str, period: str | None, after: str | None, limit: str | None) -> Answer:
        """Totals of all keys in a period, by key: a page of them. Raises AnswerError."""
        self._view(view)
        most, chosen = _limit(limit), _period(period) or self._store.current(view)
        place = _after(after)
        rows = self._store.page(view, chosen, place, most + 1) if chosen is not None else []
        items = [{"key": self._fields(view, row.key), **_told(row)} for row in rows[:most]]
        document: Json = {"view": view, "period": chosen, "items": items}
        if len(rows) > most:
            document["next"] = json.dumps([rows[most - 1].key, rows[most - 1].currency], ensure_ascii=False)
        return self._answer(document)

    def top(self, view: str, period: str | None, limit: str | None) -> Answer:
        """The keys with the greatest totals of each currency, and the sum over all keys. Raises AnswerError."""
        self._view(view)
        most, chosen = _limit(limit), _period(period) or self._store.current(view)
        found: dict[str, list[tuple[Decimal, str]]] = {}
        for key, currency, total in self._store.of_period(view, chosen) if chosen is not None else ():
            found.setdefault(currency, []).append((Decimal(total), key))
        currencies = [
            {
                "currency": currency,
                "keys": len(rows),
                "sum": f"{sum((amount for amount, _ in rows), Decimal(0)):f}",
                "items": [
                    {"key": self._fields(view, key), "total": f"{amount:f}"}
                    for amount, key in heapq.nlargest(most, rows)
                ],
            }
            for currency, rows in sorted(found.items())
        ]
        return self._answer({"view": view, "period": chosen, "currencies": currencies})

    def _known(self, view: str, parts: Sequence[str]) -> str:
        """The key as the store has it."""
        by = self._view(view)
        if len(parts) != len(by):
            raise AnswerError(404, f"a key of {view} has {len(by)} part(s): {', '.join(by)}")
        key = parts[0] if len(by) == 1 else json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))
        if self._store.knows(view, key):
            return key
        if not self._fresh():
            raise AnswerError(503, "not all totals have been read yet, so that nobody knows whether this key is there")
        raise AnswerError(404, f"{'/'.join(parts)!r} is not there")

    def _view(self, view: str) -> Sequence[str]:
        if view not in self.views:
            raise AnswerError(404, f"there is no view {view!r}: known are {', '.join(self.views)}")
        self._complete()
        return self.views[view]

    def _complete(self) -> None:
        if not self._store.complete:
            raise AnswerError(503, "the totals are being read for the first time")

    def _named(self, view: str, key: str) -> Json:
        return {"view": view, "key": self._fields(view, key)}

    def _fields(self, view: str, key: str) -> Json:
        by = self.views[view]
        values = [key] if len(by) == 1 else json.loads(key)
        return dict(zip(by, values, strict=False))

    def _answer(self, document: Json) -> Answer:
        time, offsets = self._store.as_of()
        places = ",".join(f"{partition}:{offset}" for partition, offset in sorted(offsets.items()))
        return Answer(document, f"{time or 'unknown'}; offsets={places or 'none'}")


def _told(row: Total) -> Json:
    return {
        "currency": row.currency,
        "total": row.total,
        "rounding": row.rounding,
        "events": row.events,
        "from": row.begins,
        "until": row.until,
        "eventTime": row.event_time,
        "place": row.place,
    }


def _period(text: str | None) -> str | None:
    if text is not None and _PERIOD.fullmatch(text) is None:
        raise AnswerError(
            400, f"{text!r} is no period: write 2026, 2026-11, 2026-W48 or 2026-11-30, as the view has it"
        )
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return 100
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MOST):
        raise AnswerError(400, f"limit must be a whole number from 1 to {_MOST}, not {text!r}")
    return int(text)


def _after(text: str | None) -> tuple[str, str]:
    if text is None:
        return "", ""
    try:
        key, currency = json.loads(text)
    except (ValueError, TypeError):
        key = currency = None
    if not isinstance(key, str) or not isinstance(currency, str):
        raise AnswerError(400, "after must be what the page before said in 'next'")
    return key, currency
