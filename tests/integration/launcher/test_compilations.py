"""Programs that Flink's planner takes or refuses, with the field each error came from."""

from pathlib import Path

import pytest

from weir_api.launchers import FieldError, RevisionConfig
from weir_api.streamjobs import Check, Insert
from weir_runtime.launcher.compilations import Compilation, RefusedError, compile_program
from weir_runtime.launcher.gateways import Gateway
from weir_runtime.launcher.planners import Planner
from weir_runtime.launcher.settings import job_settings
from weir_runtime.launcher.variables import of_revision

from .configs import COUNTS, SUMS, config, tables

SUM = Insert(name="sums", sql=SUMS)


def compiled(gateway: Gateway, revision: RevisionConfig, secrets: Path | None = None) -> Compilation:
    planner = Planner(gateway, job_settings(revision), in_jobmanager=False)
    return compile_program(revision, planner, of_revision(revision, secrets), explain=True)


def refused(gateway: Gateway, revision: RevisionConfig, secrets: Path | None = None) -> tuple[FieldError, ...]:
    with pytest.raises(RefusedError) as caught:
        compiled(gateway, revision, secrets)
    return caught.value.errors


def test_gives_signature_and_graph(gateway: Gateway, tmp_path: Path) -> None:
    revision = config(tmp_path, inserts=(SUM, Insert(name="counts", sql=COUNTS)))
    found = compiled(gateway, revision)
    prefix = revision.name
    assert [operator.uid for operator in found.signature.operators] == [
        f"{prefix}.counts-over-aggregate",
        f"{prefix}.sink-counts",
        f"{prefix}.sink-sums",
        f"{prefix}.source-events",
        f"{prefix}.sums-over-aggregate",
    ]
    assert found.signature.max_parallelism == 128
    assert "OverAggregate" in (found.graph or "")


def test_the_signature_is_the_same_for_the_same_program(gateway: Gateway, tmp_path: Path) -> None:
    assert compiled(gateway, config(tmp_path)).signature == compiled(gateway, config(tmp_path)).signature


CHECKS = [
    ("vv > 3", True, "column 'vv' not found, did you mean 'v'? (at column 1)"),
    (
        "v > 3; DROP TABLE events",
        True,
        "';' is not possible here: write one statement or expression only (at column 6)",
    ),
    ("v) FROM events --", True, "')' is not expected here (at column 2)"),
    ("v > 5 AND", True, "'and' is not expected here (at column 7)"),
    ("k, v", False, "',' is not expected here (at column 2)"),
    ("SUM(v) > 3", True, "an aggregate function is not possible here (at column 1)"),
    ("k + 3", False, "+ is not possible for STRING + INTEGER (at column 1)"),
    ("v", True, "this must be a condition, true or false, but its type is INT"),
    ("k = 'a", True, "a quotation mark is not closed (at column 3)"),
    ("v > 0 AND\n  x > 0", True, "column 'x' not found (at line 2, column 3)"),
]


def test_every_wrong_expression_is_told_at_its_own_path(gateway: Gateway, tmp_path: Path) -> None:
    wrong = [
        Check(path=f"spec.sequence[{position}].where", expression=expression, scope="events", condition=condition)
        for position, (expression, condition, _) in enumerate(CHECKS)
    ]
    right = Check(path="spec.emit.value", expression="CASE WHEN v > 1 THEN k END", scope="events")
    errors = refused(gateway, config(tmp_path, checks=(right, *wrong)))
    assert [(error.path, error.message) for error in errors] == [
        (f"spec.sequence[{position}].where", message) for position, (_, _, message) in enumerate(CHECKS)
    ]


def test_a_check_over_two_tables(gateway: Gateway, tmp_path: Path) -> None:
    check = Check(path="spec.emit.took", expression="b.vv - a.v", scope="kept AS a, kept AS b")
    (error,) = refused(gateway, config(tmp_path, checks=(check,)))
    assert error == FieldError(
        path="spec.emit.took", message="column 'vv' not found in 'b', did you mean 'v'? (at column 3)"
    )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        pytest.param("CREATE VIEW x AS SELECT kk FROM events", "column 'kk' not found", id="unknown-column"),
        pytest.param(
            "CREATE VIEW x AS SELECT * FROM evnts", "table 'evnts' not found, did you mean 'events'?", id="table"
        ),
        pytest.param("CREATE VIEW x AS SELECT 1; DROP TABLE events", "write one statement only", id="two"),
        pytest.param("DROP TABLE events", "only CREATE TABLE and CREATE VIEW are possible here", id="drop"),
        pytest.param("SELECT 1", "only CREATE TABLE and CREATE VIEW are possible here", id="query"),
        pytest.param("CREATE TABLE sums (a INT)", "already exists", id="twice"),
        pytest.param("CREATE VIEW x AS SELECT '${weir:gone}'", "no variable", id="variable"),
    ],
)
def test_a_wrong_table_statement(gateway: Gateway, tmp_path: Path, statement: str, message: str) -> None:
    (error,) = refused(gateway, config(tmp_path, statements=(*tables(), statement)))
    assert error.path == "spec.program.tables[4]"
    assert message in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        pytest.param("INSERT INTO sums SELECT kk, v, v FROM kept", "column 'kk' not found", id="unknown-column"),
        pytest.param(f"{SUMS}; {SUMS}", "write one statement only", id="two-statements"),
        pytest.param("SELECT * FROM kept", "only INSERT INTO is possible here", id="query"),
        pytest.param(
            "INSERT INTO smus SELECT 'a', 1, 1", "table 'smus' not found, did you mean 'sums'?", id="unknown-table"
        ),
        pytest.param("INSERT INTO sums SELECT k FROM kept", "do not match", id="columns-that-do-not-fit"),
    ],
)
def test_a_wrong_insert(gateway: Gateway, tmp_path: Path, sql: str, message: str) -> None:
    (error,) = refused(gateway, config(tmp_path, inserts=(SUM, Insert(name="wrong", sql=sql))))
    assert error.path == "spec.program.inserts[1].sql"
    assert message in error.message
    assert "\n" not in error.message


def test_an_unknown_connector_is_told_without_the_secret_beside_it(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "jaas").write_text("hush-hush")
    options = "'connector' = 'kafkaa', 'properties.sasl' = '${secret:kafka:jaas}'"
    statements = (*tables(), f"CREATE TABLE odd (k STRING) WITH ({options})")
    odd = Insert(name="odd", sql="INSERT INTO odd SELECT k FROM kept")
    (error,) = refused(gateway, config(tmp_path, statements=statements, inserts=(odd,)), secrets=tmp_path)
    assert "kafkaa" in error.message
    assert "hush-hush" not in error.message
