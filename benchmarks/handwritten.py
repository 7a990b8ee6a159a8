"""The same jobs as one writes them in Flink SQL by hand: the yardstick for what Weir compiles.

Three front ends (`Tables`) and a query for each pattern. `plain` drops what it cannot read and what is late;
`careful` keeps both, as Weir does. A query reads the view `events` and its result has what `sink` declares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from visits import WITHIN_MS
from weir_api.streamjobs import Insert, Program, Topic

_SECONDS: Final = WITHIN_MS // 1_000
_COLUMNS: Final = "`session` STRING, `metric` STRING, `value` BIGINT, `at` BIGINT, `n` BIGINT, `page` STRING"
_TIME: Final = "t AS TO_TIMESTAMP_LTZ(`at`, 3), WATERMARK FOR t AS t - INTERVAL '5' SECOND"
_IN_TIME: Final = "CURRENT_WATERMARK(t) IS NULL OR t > CURRENT_WATERMARK(t)"
_PLACE: Final = "`partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL"
_WELL_FORMED: Final = (
    r'^[{]"session":"[^"\\]*","metric":"[^"\\]*","value":[0-9]{1,18},"at":[0-9]{1,15},"n":[0-9]{1,18},'
    r'"page":"[^"\\]*"[}]$'
)
START: Final = "metric = 'products_fetch_start'"
END: Final = "metric = 'products_fetch_end'"


@dataclass(frozen=True)
class Tables:
    """Statements that make the view `events`, and the inserts and topics beside the main one."""

    statements: tuple[str, ...]
    inserts: tuple[Insert, ...] = ()
    topics: tuple[Topic, ...] = ()


def plain(topic: str, name: str) -> Tables:
    """The least one can write: what cannot be read is dropped without a word."""
    source = f"CREATE TABLE events ({_COLUMNS}, {_TIME}) WITH ({_json(topic, name)})"
    return Tables((source,))


def careful(topic: str, name: str) -> Tables:
    """Records with a field that is missing or mistyped, and late ones, go to topics of their own.

    Flink's JSON format has no dead letters: it makes NULL of what it cannot read. So the topic is read a second time
    as it is. A pattern that knows how this producer writes lets nearly all records pass; the others are looked into.
    """
    raw = _source(topic, f"{name}-raw", {"format": "raw"})
    letters, late = f"{name}-dead-letters", f"{name}-late"
    numbers = ("value", "at", "n")
    read = " AND ".join(f"`{number}` IS NOT NULL" for number in numbers)
    wrong = " OR ".join(f"TRY_CAST(JSON_VALUE(line, '$.{number}') AS BIGINT) IS NULL" for number in numbers)
    statements = (
        f"CREATE TABLE parsed ({_COLUMNS}, {_PLACE}, {_TIME}) WITH ({_json(topic, name)})",
        f"CREATE TABLE unparsed (line STRING, {_PLACE}) WITH ({raw})",
        f"CREATE VIEW events AS SELECT * FROM parsed WHERE {read} AND ({_IN_TIME})",
        _sink("dead_letters", letters, "`partition` INT, `offset` BIGINT, content BYTES"),
        _sink("late", late, f"{_COLUMNS}, `partition` INT, `offset` BIGINT"),
    )
    columns = "session, metric, `value`, `at`, n, page, `partition`, `offset`"
    unreadable = (
        "INSERT INTO dead_letters SELECT `partition`, `offset`, CAST(line AS BYTES) FROM unparsed "
        f"WHERE NOT COALESCE(REGEXP(line, '{_WELL_FORMED}'), FALSE) AND ({wrong})"
    )
    return Tables(
        statements,
        (
            Insert(name="dead-letters", sql=unreadable),
            Insert(name="late", sql=f"INSERT INTO late SELECT {columns} FROM parsed WHERE {read} AND NOT ({_IN_TIME})"),
        ),
        (Topic(name=letters, role="deadLetters"), Topic(name=late, role="late")),
    )


def program(tables: Tables, query: str, sink: str, columns: Sequence[str]) -> Program:
    """The whole job; `columns` are the names and types of the query's result."""
    insert = Insert(name="main", sql=f"INSERT INTO results {query}")
    return Program(
        tables=(*tables.statements, _sink("results", sink, ", ".join(columns))),
        inserts=(insert, *tables.inserts),
        topics=(Topic(name=sink), *tables.topics),
    )


PAIR: Final = ("session STRING", "took BIGINT", "n BIGINT")
ABSENT: Final = ("session STRING", "n BIGINT")

EVERY_END: Final = f"""
SELECT s.session, e.`at` - s.`at`, e.n
FROM (SELECT * FROM events WHERE {START}) s JOIN (SELECT * FROM events WHERE {END}) e
ON s.session = e.session AND e.t BETWEEN s.t AND s.t + INTERVAL '{_SECONDS - 0.001}' SECOND
"""
"""Start and end within 45 s: the plainest SQL, which gives every end after a start and not only the first."""

FIRST_END: Final = f"""
SELECT s.session, e.`at` - s.`at`, e.n
FROM (SELECT * FROM events WHERE {START}) s
JOIN (SELECT *, LAG(`at`) OVER (PARTITION BY session ORDER BY t) AS before FROM events WHERE {END}) e
ON s.session = e.session AND e.t BETWEEN s.t AND s.t + INTERVAL '{_SECONDS - 0.001}' SECOND
AND (e.before IS NULL OR s.`at` >= e.before)
"""
"""Start and the first end after it: a start older than the end before has had its end."""

RECOGNIZED: Final = f"""
SELECT session, took, n FROM (SELECT * FROM events WHERE {START} OR {END}) MATCH_RECOGNIZE (
  PARTITION BY session ORDER BY t MEASURES B.`at` - A.`at` AS took, B.n AS n
  ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (A X*? B) WITHIN INTERVAL '{_SECONDS}' SECOND
  DEFINE A AS A.{START}, X AS X.{START}, B AS B.{END})
"""
"""The same as FIRST_END by complex event processing."""

NO_END: Final = f"""
SELECT s.session, s.n
FROM (SELECT * FROM events WHERE {START}) s LEFT JOIN (SELECT * FROM events WHERE {END}) e
ON s.session = e.session AND e.t BETWEEN s.t AND s.t + INTERVAL '{_SECONDS - 0.001}' SECOND
WHERE e.session IS NULL
"""
"""Start without an end within 45 s."""


def _json(topic: str, name: str) -> str:
    return _source(topic, name, {"format": "json", "json.ignore-parse-errors": "true"})


def _source(topic: str, group: str, options: dict[str, str]) -> str:
    return _kafka(topic, {"properties.group.id": group, "scan.startup.mode": "earliest-offset", **options})


def _sink(table: str, topic: str, columns: str) -> str:
    options = {
        "format": "json",
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": f"${{weir:transactionalIdPrefix}}-{table}",
        "properties.transaction.timeout.ms": "900000",
    }
    return f"CREATE TABLE {table} ({columns}) WITH ({_kafka(topic, options)})"


def _kafka(topic: str, options: dict[str, str]) -> str:
    every = {
        "connector": "kafka",
        "topic": topic,
        "properties.bootstrap.servers": "${weir:bootstrapServers}",
        **options,
    }
    return ", ".join(f"'{name}' = '{value}'" for name, value in every.items())
