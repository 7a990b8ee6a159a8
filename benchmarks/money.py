"""The money pipeline: its streams, what Weir compiles of it, and the same in Flink SQL by hand.

Duplicates within a minute are left out; each payment gets the country of its session and what is known of its user as
of its time, and whether it is the first of its user and type. Unreadable records are dead letters in both programs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from weir_api.resources import parse
from weir_api.streamjobs import Insert, Program, Topic
from weir_operator.compiler import compile_resource

BEGIN: Final = 1_750_000_000_000
STREAMS: Final = ("money", "sessions", "users")
WITHIN_MS: Final = 60_000
_TIMES: Final = {"field": "at", "unit": "ms", "outOfOrderness": "5s"}
_FIELDS: Final = {
    "money": {"id": "STRING", "user": "STRING", "session": "STRING", "type": "STRING", "amount": "DECIMAL(12, 2)",
              "at": "BIGINT", "n": "BIGINT"},
    "sessions": {"id": "STRING", "user": "STRING", "country": "STRING", "at": "BIGINT"},
    "users": {"user": "STRING", "born": "INT", "place": "STRING", "at": "BIGINT"},
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """How many payments, of how many users; 2 ms apart, one in twenty sent twice, one in 5,000 unreadable."""

    payments: int
    users: int = 20_000
    every: int = 10
    """Payments to one session and one change of a user."""


def payments(shape: Shape) -> Iterator[bytes]:
    """`n` counts the records, so that a result tells how far the job is."""
    for n in range(shape.payments):
        original = n - 1 if n % 20 == 19 else n
        user = original * 7_919 % shape.users
        if n % 5_000 == 4_999:
            yield b'{"id": "unreadable"'
            continue
        yield json.dumps(
            {
                "id": f"p{original}", "user": f"u{user}", "session": f"s{user}", "type": f"t{original % 5}",
                "amount": original % 10_000 / 100, "at": BEGIN + 2 * original, "n": n,
            }
        ).encode()  # fmt: skip


def sessions(shape: Shape) -> Iterator[bytes]:
    """One every so many payments, and one behind the last payment."""
    for n in range(0, shape.payments + shape.every, shape.every):
        user = n * 31 % shape.users
        row = {"id": f"s{user}", "user": f"u{user}", "country": f"c{n % 200}", "at": BEGIN + 2 * n}
        yield json.dumps(row).encode()


def users(shape: Shape) -> Iterator[bytes]:
    """One of the two fields at a time."""
    for n in range(0, shape.payments + shape.every, shape.every):
        told = {"born": 1950 + n % 60} if n % 20 else {"place": f"c{n % 200}"}
        yield json.dumps({"user": f"u{n * 17 % shape.users}", **told, "at": BEGIN + 2 * n}).encode()


def results(shape: Shape) -> int:
    """How many payments leave before event time stops, 5 s before the last."""
    settled = max(0, shape.payments - 2_500)
    return settled - settled // 20


def document(name: str, sink: str, **spec: Any) -> dict[str, Any]:
    """The pipeline; parts of its spec may be given instead."""

    def stream(topic: str) -> dict[str, Any]:
        return {"topic": topic, "fields": dict(_FIELDS[topic]), "timestamp": dict(_TIMES)}

    login = {"name": "login", "stream": stream("sessions"), "on": {"session": "id"}, "select": ["country"],
               "expireAfter": "1d"}  # fmt: skip
    user = {"name": "about", "stream": stream("users"), "on": {"user": "user"}, "merge": "latestNonNull",
            "select": ["born", "place"]}  # fmt: skip
    given = {
        "source": stream("money"), "deduplicate": {"by": ["user", "id"], "within": "1m"},
        "enrichments": [login, user], "flags": {"firstOccurrence": {"per": ["user", "type"]}},
        "output": {"n": "n", "id": "id", "amount": "amount", "country": "login.country", "born": "about.born",
                   "place": "about.place", "first": "firstOccurrence"},
        "sink": {"topic": sink}, **spec,
    }  # fmt: skip
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": name}, "spec": given,
    }  # fmt: skip


def weir(name: str, sink: str) -> Program:
    """What Weir compiles."""
    return compile_resource(parse(document(name, sink))).program


def by_hand(name: str, sink: str) -> Program:
    """Range OVER, two temporal joins, OVER; dead letters and late events kept, as topics."""
    tables = [each for topic in STREAMS for each in _read(topic, name)]
    letters, late = (f"{name}-{kind}" for kind in ("dead-letters", "late"))
    tables += [
        _sink("letters", letters, "content BYTES"),
        _sink("late", late, "origin STRING, content STRING"),
        _sink("results", sink, "n BIGINT, id STRING, amount DECIMAL(12, 2), country STRING, born INT, place STRING,"
              " `first` BOOLEAN"),
        "CREATE TEMPORARY VIEW session AS SELECT id, t, country FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id"
        " ORDER BY t DESC) AS r FROM sessions_on_time) WHERE r = 1",
        "CREATE TEMPORARY VIEW told AS SELECT `user`, t, LAST_VALUE(born) OVER w AS born, LAST_VALUE(place) OVER w AS"
        " place FROM users_on_time WINDOW w AS (PARTITION BY `user` ORDER BY t)",
        "CREATE TEMPORARY VIEW about AS SELECT `user`, t, born, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY"
        " `user` ORDER BY t DESC) AS r FROM told) WHERE r = 1",
        "CREATE TEMPORARY VIEW once AS SELECT * FROM (SELECT *, MIN(`offset`) OVER (PARTITION BY `user`, id ORDER BY t"
        " RANGE BETWEEN INTERVAL '59.999' SECOND PRECEDING AND CURRENT ROW) AS earliest FROM money_on_time)"
        " WHERE earliest = `offset`",
        "CREATE TEMPORARY VIEW joined AS SELECT m.*, s.country, CASE WHEN s.t > m.t - INTERVAL '1' DAY THEN s.country"
        " END AS seen, a.born, a.place FROM once m LEFT JOIN session FOR SYSTEM_TIME AS OF m.t AS s ON m.session = s.id"
        " LEFT JOIN about FOR SYSTEM_TIME AS OF m.t AS a ON m.`user` = a.`user`",
    ]  # fmt: skip
    first = "COUNT(*) OVER (PARTITION BY `user`, `type` ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    inserts = [
        Insert(
            name="main", sql=f"INSERT INTO results SELECT n, id, amount, seen, born, place, {first} = 1 FROM joined"
        ),
        Insert(name="letters", sql="INSERT INTO letters " + " UNION ALL ".join(_unread(each) for each in STREAMS)),
        Insert(name="late", sql="INSERT INTO late " + " UNION ALL ".join(_late(each) for each in STREAMS)),
    ]
    topics = (Topic(name=sink), Topic(name=letters, role="deadLetters"), Topic(name=late, role="late"))
    return Program(tables=tuple(tables), inserts=tuple(inserts), topics=topics)


def _read(topic: str, name: str) -> Iterator[str]:
    columns = ", ".join(f"`{field}` {kind}" for field, kind in _FIELDS[topic].items())
    common = (
        f"'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '${{weir:bootstrapServers}}',"
        " 'scan.startup.mode' = 'earliest-offset', 'properties.isolation.level' = 'read_committed'"
    )
    yield (
        f"CREATE TEMPORARY TABLE {topic}_records ({columns}, `offset` BIGINT METADATA VIRTUAL,"
        " t AS TO_TIMESTAMP_LTZ(`at`, 3), WATERMARK FOR t AS t - INTERVAL '5' SECOND)"
        f" WITH ({common}, 'properties.group.id' = '{name}-{topic}', 'format' = 'json',"
        " 'json.ignore-parse-errors' = 'true', 'scan.watermark.idle-timeout' = '10 s')"
    )
    yield (
        f"CREATE TEMPORARY TABLE {topic}_lines (line STRING) WITH ({common},"
        f" 'properties.group.id' = '{name}-{topic}-lines', 'format' = 'raw')"
    )
    rows = f"{topic}_records WHERE `at` IS NOT NULL AND {_ON_TIME}"
    yield f"CREATE TEMPORARY VIEW {topic}_on_time AS SELECT * FROM {rows}"


_ON_TIME: Final = "(CURRENT_WATERMARK(t) IS NULL OR t > CURRENT_WATERMARK(t))"


def _unread(topic: str) -> str:
    return f"SELECT CAST(line AS BYTES) FROM {topic}_lines WHERE line IS NOT JSON OBJECT"


def _late(topic: str) -> str:
    key = "id" if topic != "users" else "`user`"
    return f"SELECT '{topic}', {key} FROM {topic}_records WHERE `at` IS NOT NULL AND NOT {_ON_TIME}"


def _sink(table: str, topic: str, columns: str) -> str:
    return (
        f"CREATE TEMPORARY TABLE {table} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' ="
        " 'json', 'properties.bootstrap.servers' = '${weir:bootstrapServers}', 'sink.delivery-guarantee' ="
        f" 'exactly-once', 'sink.transactional-id-prefix' = '${{weir:transactionalIdPrefix}}-{table}',"
        " 'properties.transaction.timeout.ms' = '900000')"
    )
