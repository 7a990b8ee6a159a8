"""What is filled into statements, and what is kept out of messages."""

from pathlib import Path

import pytest

from weir_api.blocks import Runtime
from weir_api.launchers import RevisionConfig
from weir_api.streamjobs import Insert, Program
from weir_runtime.launcher.variables import UnknownVariableError, Variables, of_revision


def variables(secrets: Path | None) -> Variables:
    config = RevisionConfig(
        namespace="shop",
        name="orders",
        revision="r1",
        program=Program(tables=(), inserts=(Insert(name="x", sql="x"),)),
        runtime=Runtime(),
        bootstrap_servers="kafka:9092",
        state_directory="/s",
        work_directory="/w",
    )
    return of_revision(config, secrets)


def test_fills_in_servers_and_a_prefix_of_this_revision_only() -> None:
    statement = "'${weir:bootstrapServers}' '${weir:transactionalIdPrefix}-out'"
    assert variables(None).fill(statement) == "'kafka:9092' 'shop-orders-r1-out'"


def test_a_secret_is_quoted_for_sql_and_taken_out_of_messages(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "password").write_text("it's\n")
    own = variables(tmp_path)
    assert own.fill("'${secret:credentials:password}'") == "'it''s'"
    assert own.redact("cannot log in with it's or 'it''s'") == "cannot log in with *** or '***'"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        pytest.param("${weir:unknown}", "no variable", id="unknown"),
        pytest.param("${secret:credentials}", "NAME:KEY", id="no-key"),
        pytest.param("${secret:../x:password}", "not the name", id="path-as-name"),
        pytest.param("${secret:credentials:gone}", "cannot be read", id="missing"),
    ],
)
def test_says_what_is_not_there(statement: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownVariableError, match=message):
        variables(tmp_path).fill(statement)


def test_says_that_no_secrets_are_there() -> None:
    with pytest.raises(UnknownVariableError, match="no secrets directory"):
        variables(None).fill("${secret:a:b}")


def test_every_key_of_a_secret_becomes_a_property(tmp_path: Path) -> None:
    (tmp_path / "login").mkdir()
    (tmp_path / "login" / "sasl.jaas.config").write_text("it's secret\n")
    (tmp_path / "login" / "security.protocol").write_text("SASL_SSL")
    filling = variables(tmp_path)

    filled = filling.fill("WITH ('a' = 'b', 'properties.*' = '${secret:login:*}')")

    assert filled == (
        "WITH ('a' = 'b', 'properties.sasl.jaas.config' = 'it''s secret', 'properties.security.protocol' = 'SASL_SSL')"
    )
    assert "it''s" not in filling.redact(filled)


def test_so_it_becomes_a_header_of_requests(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "Authorization").write_text("Bearer it's me")
    assert variables(tmp_path).fill("'lookup.header.*' = '${secret:service:*}'") == (
        "'lookup.header.Authorization' = 'Bearer it''s me'"
    )


def test_a_secret_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnknownVariableError, match="secret 'empty' has no keys: it needs one per 'properties"):
        variables(tmp_path).fill("'properties.*' = '${secret:empty:*}'")


SHADED = "org.apache.flink.kafka.shaded.org.apache.kafka.x.Plain required;"


@pytest.mark.parametrize(
    ("key", "given", "wanted"),
    [
        ("sasl.jaas.config", "org.apache.kafka.x.Plain required;", SHADED),
        ("sasl.jaas.config", SHADED, SHADED),
        ("password", "org.apache.kafka.", "org.apache.kafka."),
    ],
)
def test_classes_of_kafkas_client_have_the_name_they_have_in_flinks_connector(
    key: str, given: str, wanted: str
) -> None:
    assert Variables({}, lambda *_: given).fill(f"'a' = '${{secret:s:{key}}}'") == f"'a' = '{wanted}'"
