"""The newest total of every key and period, in a file that survives restarts.

One writer, many readers. What was read and how far it was read are written together, so that a kill loses nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS totals (
  view TEXT, key TEXT, until TEXT, currency TEXT, period TEXT, "from" TEXT, total TEXT, rounding TEXT,
  events INTEGER, event_time TEXT, place TEXT, PRIMARY KEY (view, key, until, currency)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS periods (view TEXT, until TEXT, period TEXT, PRIMARY KEY (view, until)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_period ON totals (view, until, key);
CREATE TABLE IF NOT EXISTS read (partition INTEGER PRIMARY KEY, next INTEGER, event_time TEXT);
CREATE TABLE IF NOT EXISTS complete (at TEXT);
"""
_COLUMNS: Final = 'view, key, until, currency, period, "from", total, rounding, events, event_time, place'


@dataclass(frozen=True)
class Total:
    """What a key has come to in a period; times are ISO 8601 texts, `place` is the record's `<partition>-<offset>`."""

    view: str
    key: str
    until: str
    currency: str
    period: str
    begins: str
    total: str
    rounding: str
    events: int
    event_time: str | None
    place: str


class Store:
    """Totals in one file. A thread needs a Store of its own: `reader()` gives another on the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # A lost last commit is read from Kafka again.
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)

    def reader(self) -> "Store":
        """Another connection to the same file."""
        return Store(self._path)

    def close(self) -> None:
        """Gives the file back."""
        self._database.close()

    def forget(self) -> None:
        """Forgets everything: it was read from another topic than the one there is now."""
        with self._transaction():
            for table in ("totals", "periods", "read", "complete"):
                self._database.execute(f"DELETE FROM {table}")

    def read_so_far(self) -> Mapping[int, int]:
        """Partition -> offset of the next record."""
        return dict(self._database.execute("SELECT partition, next FROM read"))

    @property
    def complete(self) -> bool:
        """Whether all that was there at some time has been read: before that a total may be an old one."""
        return self._database.execute("SELECT 1 FROM complete LIMIT 1").fetchone() is not None

    def completed(self) -> None:
        """All that was there has been read."""
        with self._transaction():
            self._database.execute("INSERT INTO complete VALUES (strftime('%Y-%m-%dT%H:%M:%fZ'))")

    def put(self, totals: Iterable[Total], read: Mapping[int, int], event_times: Mapping[int, str]) -> None:
        """Replaces the totals of the same keys, later ones those before, and how far each partition was read."""
        with self._transaction():
            for one in totals:
                self._database.execute(
                    f"INSERT OR REPLACE INTO totals ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                    (one.view, one.key, one.until, one.currency, one.period, one.begins, one.total, one.rounding,
                     one.events, one.event_time, one.place),
                )  # fmt: skip
                self._database.execute(
                    "INSERT OR IGNORE INTO periods VALUES (?,?,?)", (one.view, one.until, one.period)
                )
            for partition, offset in read.items():
                self._database.execute(
                    "INSERT INTO read VALUES (?,?,?) ON CONFLICT (partition) DO UPDATE SET next = excluded.next,"
                    " event_time = max(coalesce(read.event_time, ''), coalesce(excluded.event_time, ''))",
                    (partition, offset, event_times.get(partition)),
                )

    def as_of(self) -> tuple[str | None, Mapping[int, int]]:
        """How far event time is known to have come, and the next offset by partition."""
        (time,) = self._database.execute("SELECT nullif(max(event_time), '') FROM read").fetchone()
        return time, self.read_so_far()

    def current(self, view: str) -> str | None:
        """The newest period that any key of the view has; None when there is none."""
        row: tuple[str] | None = self._database.execute(
            "SELECT period FROM periods WHERE view = ? ORDER BY until DESC LIMIT 1", (view,)
        ).fetchone()
        return row[0] if row is not None else None

    def knows(self, view: str, key: str) -> bool:
        """Whether the key has a total in any period."""
        return (
            self._database.execute("SELECT 1 FROM totals WHERE view = ? AND key = ? LIMIT 1", (view, key)).fetchone()
            is not None
        )

    def of_key(self, view: str, key: str, period: str) -> list[Total]:
        """A key's totals in a period, one for each currency, by currency."""
        return self._select(
            "WHERE view = ? AND key = ? AND until = (SELECT until FROM periods WHERE view = ? AND period = ?)"
            " ORDER BY currency",
            (view, key, view, period),
        )

    def history(self, view: str, key: str, before: str | None, limit: int) -> list[Total]:
        """A key's totals from the newest period back, those that end before `before`; at most `limit` rows."""
        return self._select(
            "WHERE view = ? AND key = ? AND (? IS NULL OR until < ?) ORDER BY until DESC, currency LIMIT ?",
            (view, key, before, before, limit),
        )

    def page(self, view: str, period: str, after: tuple[str, str], limit: int) -> list[Total]:
        """Totals of a period by key and currency, those after this key and currency; at most `limit` rows."""
        return self._select(
            "WHERE view = ? AND until = (SELECT until FROM periods WHERE view = ? AND period = ?)"
            " AND (key, currency) > (?, ?) ORDER BY key, currency LIMIT ?",
            (view, view, period, *after, limit),
        )

    def of_period(self, view: str, period: str) -> Iterable[tuple[str, str, str]]:
        """(key, currency, total) of every key in a period."""
        return self._database.execute(
            "SELECT key, currency, total FROM totals WHERE view = ?"
            " AND until = (SELECT until FROM periods WHERE view = ? AND period = ?)",
            (view, view, period),
        )

    def _select(self, rest: str, values: tuple[object, ...]) -> list[Total]:
        return [Total(*row) for row in self._database.execute(f"SELECT {_COLUMNS} FROM totals {rest}", values)]

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database)


class _Transaction:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")
