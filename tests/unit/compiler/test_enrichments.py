"""From an EnrichmentPipeline to a program: parts and their names, which errors, what changes with what."""

from typing import Any

import pytest

from weir_api.errors import SpecError
from weir_api.resources import parse
from weir_api.streamjobs import Program
from weir_operator.compiler import compile_resource

LOGIN: dict[str, Any] = {
    "name": "login",
    "stream": {"topic": "logins", "fields": {"id": "STRING", "country": "STRING"}},
    "on": {"session": "id"},
    "select": ["country"],
}
USER: dict[str, Any] = {
    "name": "aUser",
    "stream": {"topic": "users", "fields": {"id": "STRING", "born": "INT"}},
    "on": {"who": "id"},
    "select": ["born"],
    "merge": "latestNonNull",
}


def program(**spec: Any) -> Program:
    default = {
        "source": {"topic": "wallet", "fields": {"id": "STRING", "who": "STRING", "session": "STRING"}},
        "enrichments": [LOGIN, USER],
        "sink": {"topic": "enriched"},
    }
    document = {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "money"},
        "spec": {**default, **spec},
    }  # fmt: skip
    return compile_resource(parse(document)).program


def made(program: Program) -> list[str]:
    """What the statements make, in order."""
    return [statement.split("`")[1] for statement in program.tables]


def test_sources_do_not_share_names() -> None:
    compiled = program()
    assert len(set(made(compiled))) == len(made(compiled))
    assert [insert.name for insert in compiled.inserts] == ["dead-letters", "enriched"]
    groups = [part.split("'")[0] for part in "".join(compiled.tables).split("'properties.group.id' = '")[1:]]
    assert sorted(groups) == [
        "weir-default-money", "weir-default-money-dead-letters",
        "weir-default-money.auser", "weir-default-money.auser-dead-letters",
        "weir-default-money.login", "weir-default-money.login-dead-letters",
    ]  # fmt: skip


def test_topics_stand_once() -> None:
    topics = program(enrichments=[LOGIN, {**USER, "stream": {**USER["stream"], "topic": "logins"}}]).topics
    assert [(topic.name, topic.role) for topic in topics] == [
        ("wallet", "source"), ("money.dead-letters", "deadLetters"), ("logins", "source"), ("enriched", "sink"),
    ]  # fmt: skip


def test_a_side_in_another_kafka_leaves_its_letters_in_that_of_the_source() -> None:
    stream = {**LOGIN["stream"], "bootstrapServers": "other:9092"}
    compiled = program(enrichments=[{**LOGIN, "stream": stream}])
    letters = [table for table in compiled.tables if "_dead_letters`" in table.split("(")[0]]
    assert len(letters) == 1
    assert "other:9092" not in letters[0]
    assert {topic.name: topic.bootstrap_servers for topic in compiled.topics}["logins"] == "other:9092"


def test_a_table_expects_no_disorder() -> None:
    """Its newest record would wait for the next one."""
    table = {"name": "pod", "table": {"topic": "pods", "fields": {"who": "STRING", "team": "STRING"}},
             "on": {"who": "who"}, "select": ["team"]}  # fmt: skip
    (records,) = (each for each in program(enrichments=[table]).tables if "`money_of_pod_records` (" in each)
    assert "weir_time - INTERVAL '0 00:00:00.000'" in records


def test_each_operator_has_a_name() -> None:
    compiled = program(
        deduplicate={"by": ["id"], "within": "1m"}, flags={"firstOccurrence": {"per": ["who"]}}
    )  # fmt: skip
    assert [operator.name for operator in compiled.operators] == [
        "duplicates", "late-duplicates", "late-and-known", "first-occurrence",
        "told-login", "sorted-login", "newest-login", "side-login", "late-side-login",
        "told-auser", "sorted-auser", "newest-auser-born", "side-auser-born", "late-side-auser",
        "first-of-all",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        pytest.param({"output": {"a": {"b": "login.contry"}}}, "spec.output.a.b",
                     "field 'contry' of 'login' not found, did you mean 'country'?", id="output"),
        pytest.param({"enrichments": [{**LOGIN, "on": {"session;": "id"}}]}, "spec.enrichments[0].on['session;']",
                     "has a ';': only one expression may stand here, no further statement", id="on"),
        pytest.param({"enrichments": [LOGIN, {**USER, "on": {"login.country": "id"}}]},
                     "spec.enrichments[1].on['login.country']", "'login' is a side: none sees what another gives",
                     id="a side's field in on"),
        pytest.param({"enrichments": [{**LOGIN, "on": {"login.id": "id"}}]}, "spec.enrichments[0].on['login.id']",
                     "'login' is a side: none sees what another gives", id="a side that asks itself"),
        pytest.param({"enrichments": [{**LOGIN, "orElse": {"http": {"url": "http://s/{session}"}},
                                       "lookupWhen": "aUser.born > 3"}, USER]}, "spec.enrichments[0].lookupWhen",
                     "'aUser' is a side: none sees what another gives", id="a side in lookupWhen"),
        pytest.param({"enrichments": [{**LOGIN, "endWhen": "country = 'x"}]}, "spec.enrichments[0].endWhen",
                     "has a ' that is not closed", id="endWhen"),
        pytest.param({"enrichments": [{**LOGIN, "stream": {**LOGIN["stream"], "format": "avro"}}]},
                     "spec.enrichments[0].stream.format", "avro cannot be read yet: use json or csv", id="stream"),
    ],
)  # fmt: skip
def test_errors_name_the_place(spec: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        program(**spec)
    assert [(error.path, error.message) for error in caught.value.errors] == [(path, message)]


DATABASE: dict[str, Any] = {
    "url": "jdbc:postgresql://db/meta?ssl=true", "table": "infra.pods", "secretRef": {"name": "meta"}, "cache": "5s",
    "timeout": "1500ms",
}  # fmt: skip
OWNER: dict[str, Any] = {
    "name": "owner", "jdbc": DATABASE, "fields": {"pod": "STRING", "zone": "INT", "since": "TIMESTAMP_LTZ(3)"},
    "on": {"who": "pod"}, "select": ["zone", "since"],
}  # fmt: skip


def test_a_database_is_asked_by_a_query() -> None:
    """One row for a key, all values as text; no colon, which the connector takes for a parameter."""
    compiled = program(enrichments=[OWNER])
    (table,) = (table for table in compiled.tables if "'connector' = 'jdbc'" in table)
    query = (
        'SELECT DISTINCT ON ("pod") "pod" AS weir_key_0, CAST("zone" AS text) AS weir_value_0,'
        " CAST(CAST(\"since\" AS timestamptz) AT TIME ZONE ''UTC'' AS text) AS weir_value_1"
        ' FROM "infra"."pods" ORDER BY "pod", CAST("zone" AS text),'
        " CAST(CAST(\"since\" AS timestamptz) AT TIME ZONE ''UTC'' AS text)"
    )
    assert f"'table-name' = '({query}) AS weir_rows'" in table
    assert "'url' = 'jdbc:postgresql://db/meta?ssl=true&connectTimeout=2&socketTimeout=2'" in table
    assert "'password' = '${secret:meta:password}'" in table
    assert "'lookup.partial-cache.expire-after-write' = '5000 ms'" in table
    (known,) = compiled.databases
    assert (known.path, known.name, known.secret) == ("spec.enrichments[0].jdbc", ("infra", "pods"), "meta")
    assert [(column.path, column.name, column.types) for column in known.columns] == [
        ("spec.enrichments[0].on.who", "pod", ("text", "character varying", "character", "name", "citext")),
        ("spec.enrichments[0].select[0]", "zone", ("smallint", "integer")),
        ("spec.enrichments[0].select[1]", "since", ("timestamp with time zone",)),
    ]


def test_whoever_asks_a_database_goes_on_trying() -> None:
    """With a service beside it, what either needs is set."""
    settings = program(enrichments=[OWNER, LOOKED]).settings
    assert settings["restart-strategy.exponential-delay.attempts-before-reset-backoff"] == "2147483647"
    assert settings["execution.checkpointing.unaligned.enabled"] == "true"
    assert settings["table.exec.async-lookup.buffer-capacity"] == "640"
    assert "execution.checkpointing.unaligned.enabled" not in program().settings
    assert not [name for name in program(enrichments=[LOOKED]).settings if name.startswith("restart-strategy")]


def test_a_database_where_a_stream_has_no_answer() -> None:
    """Only what is selected is asked for; the side keeps its shape."""
    compiled = program(enrichments=[{**LOGIN, "orElse": {"jdbc": DATABASE}}])
    (answered,) = (table for table in compiled.tables if "LEFT JOIN `money_login_service`" in table)
    assert "CAST(NULL AS STRING), TRY_CAST(l.weir_value_0 AS STRING)" in answered
    assert [column.name for column in compiled.databases[0].columns] == ["id", "country"]


PODS: dict[str, Any] = {
    "name": "owner", "table": {"topic": "pods", "fields": {"pod": "STRING", "team": "STRING"}}, "on": {"who": "pod"},
    "select": ["team"],
}  # fmt: skip


def test_a_table_is_read_once_with_its_keys() -> None:
    compiled = program(enrichments=[PODS])
    (table,) = (table for table in compiled.tables if "CREATE TEMPORARY TABLE `money_of_owner_records`" in table)
    assert "'key.fields' = 'weir_record_key'" in table
    assert not any("money_of_owner_raw" in statement for statement in compiled.tables)
    (topic,) = (topic for topic in compiled.topics if topic.name == "pods")
    assert topic.config == {"cleanup.policy": "compact"}
    assert any("weir_deleted IS TRUE" in statement for statement in compiled.tables)


def test_backfill_says_where_a_side_begins() -> None:
    compiled = program(enrichments=[{**LOGIN, "backfill": {"from": "2026-01-31T12:00:00Z"}}, PODS])
    tables = {statement.split("`")[1]: statement for statement in compiled.tables}
    assert "'scan.startup.timestamp-millis' = '1769860800000'" in tables["money_of_login_records"]
    assert "'scan.startup.timestamp-millis' = '1769860800000'" in tables["money_of_login_raw"]
    assert "'scan.startup.mode' = 'earliest-offset'" in tables["money_of_owner_records"]


def test_every_expression_is_checked_where_it_stands() -> None:
    checks = {
        check.path: check
        for check in program(
            enrichments=[{**LOGIN, "endWhen": "country = 'none'"}], output={"a": {"b": "login.country"}}
        ).checks
    }
    assert checks["spec.output.a.b"].expression == "`login.country`"
    assert checks["spec.output.a.b"].scope == "`money_flat`"
    assert checks["spec.enrichments[0].endWhen"].scope == "`money_of_login_events`"
    assert checks["spec.enrichments[0].endWhen"].condition
    assert (
        checks["spec.enrichments[0].on.session"].expression
        == "(`money_events`.`session`) = `money_of_login_events`.`id`"
    )


def test_the_output_is_a_tree() -> None:
    insert = program(output={"a": {"b": "id", "it''s": "who"}}).inserts[-1].sql
    assert "JSON_OBJECT(KEY 'a' VALUE JSON_OBJECT(KEY 'b' VALUE `id`, KEY 'it''''s' VALUE `who` NULL ON NULL)" in insert


def test_without_output_all_stand_flat() -> None:
    insert = program(enrichments=[LOGIN]).inserts[-1].sql
    assert "KEY 'id' VALUE `id`, KEY 'who' VALUE `who`, KEY 'session' VALUE `session`, KEY 'country'" in insert


HTTP: dict[str, Any] = {"url": "http://sessions/{session}/of/{who}", "secretRef": {"name": "service"}, "cache": "10m"}
LOOKED: dict[str, Any] = {**LOGIN, "on": {"session": "id", "who": "country"}, "orElse": {"http": HTTP}}


def test_a_look_up_asks_by_the_fields_of_on() -> None:
    (table,) = (table for table in program(enrichments=[LOOKED]).tables if "'rest-lookup'" in table)
    assert "'url' = 'http://sessions/{weir_key_0}/of/{weir_key_1}'" in table
    assert "'lookup.partial-cache.expire-after-write' = '600000 ms'" in table
    assert "header.*' = '${secret:service:*}'" in table


def test_waiting_is_bounded_by_what_all_may_take() -> None:
    """640 events wait at most, 64 are asked for at a time, each for 4 s and the waits between its tries."""
    settings = program(enrichments=[LOOKED]).settings
    assert settings["table.exec.async-lookup.buffer-capacity"] == "640"
    assert settings["table.exec.async-lookup.timeout"] == f"{60_000 + 10 * (4_000 + 700)} ms"
    assert "table.exec.async-lookup.timeout" not in program().settings


def test_dead_letters_of_a_look_up_go_through_the_sink() -> None:
    """A second insert would ask twice."""
    failing = {**LOOKED, "orElse": {"http": {**HTTP, "onError": "deadLetter"}}}
    compiled = program(enrichments=[failing])
    assert any("'topic' = 'enriched;money.dead-letters'" in table for table in compiled.tables)
    assert len([insert for insert in compiled.inserts if "weir_answer" in insert.sql or insert.name == "enriched"]) == 1
    assert "weir_topic" not in "".join(program(enrichments=[LOOKED]).tables[-1:])


def test_a_look_up_of_its_own_has_no_stream() -> None:
    owner = {"name": "owner", "http": {"url": "http://o/{who}"}, "fields": {"who": "STRING", "team": "STRING"},
             "on": {"who": "who"}, "select": ["team"], "lookupWhen": "id = 'x'"}  # fmt: skip
    compiled = program(enrichments=[owner])
    assert [operator.name for operator in compiled.operators] == ["look-up-owner"]
    assert [check.path for check in compiled.checks] == ["spec.enrichments[0].lookupWhen", "spec.enrichments[0].on.who"]
    assert "KEY 'team' VALUE `owner.team`" in compiled.inserts[-1].sql
