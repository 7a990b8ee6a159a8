"""A source block as tables, views and inserts."""

import re
from typing import Any

import pytest

from weir_api.blocks import Source
from weir_api.errors import SpecError
from weir_operator.compiler import shapes, sources

_FIELDS = {"id": "STRING", "at": "BIGINT"}
_TIMESTAMP = {"field": "at", "unit": "s", "outOfOrderness": "20s", "idleAfter": "10s"}


def source(**changes: Any) -> Source:
    return Source.model_validate({"topic": "events", "fields": _FIELDS, "timestamp": _TIMESTAMP} | changes)


def records_table(**changes: Any) -> str:
    return sources.source_program("default", "shop", source(**changes)).tables[0]


def test_a_source_is_never_idle_unless_it_is_asked_for() -> None:
    """Joins of branches of one stream lose matches when it wakes."""
    silent = {"timestamp": {"field": "at", "unit": "s"}}
    assert "idle-timeout" not in records_table(**silent)
    joined = sources.source_program("default", "shop", source(**silent), part=sources.Part(idle_after="10s"))
    assert "'scan.watermark.idle-timeout' = '10000 ms'" in joined.tables[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, "'topic' = 'events'", id="topic"),
        pytest.param({"topic": None, "topicPattern": "e.*"}, "'topic-pattern' = 'e.*'", id="topic-pattern"),
        pytest.param({}, "'scan.startup.mode' = 'earliest-offset'", id="earliest"),
        pytest.param({"startFrom": "latest"}, "'scan.startup.mode' = 'latest-offset'", id="latest"),
        pytest.param(
            {"startFrom": "2026-01-01T00:00:00Z"}, "'scan.startup.timestamp-millis' = '1767225600000'", id="instant"
        ),
        pytest.param({}, "'properties.group.id' = 'weir-default-shop'", id="group"),
        pytest.param({}, "'scan.watermark.idle-timeout' = '10000 ms'", id="idle"),
        pytest.param({}, "weir_time - INTERVAL '0 00:00:20.000'", id="disorder"),
        pytest.param({"timestamp": {}}, "weir_time AS weir_at", id="own-time"),
        pytest.param({}, "'properties.bootstrap.servers' = '${weir:bootstrapServers}'", id="the-operators-kafka"),
        pytest.param({"bootstrapServers": "k:9092"}, "'properties.bootstrap.servers' = 'k:9092'", id="another-kafka"),
        pytest.param(
            {"authentication": {"secretRef": {"name": "login"}}}, "'properties.*' = '${secret:login:*}'", id="secret"
        ),
    ],
)
def test_the_records_table_says(changes: dict[str, Any], expected: str) -> None:
    assert expected in records_table(**changes)


def test_the_source_table_does_not_depend_on_where() -> None:
    """So that a changed condition finds the offsets it left."""
    assert records_table(where="id = 'a'") == records_table()


def test_names_are_quoted() -> None:
    parts = sources.source_program("default", "shop", source(fields={"a`b": "STRING", "it's": "INT", "at": "BIGINT"}))

    assert "`a``b` STRING" in parts.tables[0]
    assert "lax $[''it\\''s'']" in "".join(parts.tables)


def test_where_is_checked_against_the_fields() -> None:
    [check] = sources.source_program("default", "shop", source(where="id = 'a'")).checks

    assert (check.path, check.condition, check.scope) == ("spec.source.where", True, "`shop_readable`")


def test_topics_of_all_three_places() -> None:
    topics = sources.source_program("default", "shop", source()).topics

    assert [(topic.name, topic.role) for topic in topics] == [
        ("events", "source"),
        ("shop.dead-letters", "deadLetters"),
        ("shop.late", "late"),
    ]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        pytest.param({"fields": _FIELDS | {"x": "BYTES"}}, "spec.source.fields.x", "BYTES cannot be read", id="bytes"),
        pytest.param(
            {"fields": _FIELDS | {"x": "ARRAY<ROW<a INT>>"}}, "spec.source.fields.x", "cannot be read", id="nested"
        ),
        pytest.param({"where": "id = 'a'; DROP TABLE x"}, "spec.source.where", "';'", id="two-statements"),
        pytest.param({"format": "avro"}, "spec.source.format", "avro", id="avro"),
    ],
)
def test_what_cannot_be_compiled_is_named(changes: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        sources.source_program("default", "shop", source(**changes))

    [error] = refused.value.errors
    assert error.path == path
    assert message in error.message


@pytest.mark.parametrize(
    ("declared", "sql"),
    [
        ("decimal(12, 2)", "DECIMAL(12, 2)"),
        ("TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(3)"),
        ("MAP<STRING, ARRAY<INT NOT NULL>> NOT NULL", "MAP<STRING, ARRAY<INT>>"),
        ("ROW<a INT, `b c` ROW<d DOUBLE PRECISION 'note'>>", "ROW<`a` INT, `b c` ROW<`d` DOUBLE>>"),
        ("INTEGER", "INT"),
    ],
)
def test_shapes_read_types(declared: str, sql: str) -> None:
    assert shapes.shape(declared).sql == sql


def test_not_null_makes_a_field_required() -> None:
    assert (
        "NOT weir_missing_0"
        in sources.source_program("d", "shop", source(fields=_FIELDS | {"id": "STRING NOT NULL"})).tables[1]
    )


def test_a_condition_stays_one_beside_others() -> None:
    part = sources.Part(keeps_late="id <> 'b'")
    parts = sources.source_program("default", "shop", source(where="id = 'a' OR id = 'b'"), part=part)
    (late,) = (insert.sql for insert in parts.inserts if insert.name == "late")
    assert late.endswith("WHERE (`id` = 'a' OR `id` = 'b') AND (id <> 'b')")


@pytest.mark.parametrize(
    ("changes", "guarded"),
    [
        pytest.param({}, True, id="by default"),
        pytest.param({"timestamp": {"field": "at", "unit": "s", "maxAhead": "2d"}}, True, id="2 days"),
        pytest.param({"format": "csv"}, True, id="CSV"),
        pytest.param({"timestamp": {}}, False, id="the record's own time"),
    ],
)
def test_a_clock_that_is_ahead_moves_no_event_time(changes: dict[str, Any], guarded: bool) -> None:
    ahead = "2 00:00:00.000" if "2d" in str(changes) else "0 01:00:00.000"
    possible = f"weir_time <= weir_at + INTERVAL '{ahead}'"
    assert (f"WATERMARK FOR weir_time AS CASE WHEN {possible}" in records_table(**changes)) == guarded
    events, late = (
        sources.source_program("default", "shop", source(**changes)).tables[2],
        sources.source_program("default", "shop", source(**changes)).inserts[1].sql,
    )
    assert (possible in events, f"OR NOT {possible}" in late) == (guarded, guarded)


def test_the_clock_is_judged_by_the_event_where_weir_time_is_something_else() -> None:
    row_time = sources.RowTime(of=lambda time: f"END_OF({time})", delay=0, keep=0)
    parts = sources.source_program("default", "shop", source(), part=sources.Part(row_time=row_time))
    ahead = "<= weir_at + INTERVAL '0 01:00:00.000' DAY(2) TO SECOND(3)"
    assert re.search(
        rf"WATERMARK FOR weir_time AS CASE WHEN TO_TIMESTAMP_LTZ\(.+ {re.escape(ahead)} THEN", parts.tables[0]
    )
    assert f"weir_time {ahead}" not in parts.tables[2]


def test_where_late_events_are_used_those_ahead_are_dead_letters() -> None:
    parts = sources.source_program(
        "default", "shop", source(where="id = 'a' OR id = 'b'"), part=sources.Part(uses_late=True)
    )
    assert "its time is more than 1h ahead of its record''s" in parts.letters
    assert "WHERE (`id` = 'a' OR `id` = 'b') AND NOT weir_time <= weir_at" in parts.letters
