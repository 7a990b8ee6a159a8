"""What is wrong with a table that is looked up in is told before anything starts, at the field that names it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.databases import PASSWORD, USER, Database, database
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_runtime.launcher.compilations import Compilation, RefusedError, compile_program
from weir_runtime.launcher.gateways import Gateway
from weir_runtime.launcher.planners import Planner
from weir_runtime.launcher.settings import job_settings
from weir_runtime.launcher.variables import of_revision

from .pipelines import compiled as plan_of
from .pipelines import document

TABLES = (
    "CREATE TABLE pods (pod text, zone integer, team varchar(9), hidden text, since timestamptz)",
    "CREATE DOMAIN word AS text",
    "CREATE VIEW people AS SELECT CAST(pod AS word) AS pod, team FROM pods",
    "CREATE ROLE reader LOGIN PASSWORD 'reads'",
    "GRANT SELECT (pod, zone, team, since) ON pods TO reader",
    "CREATE SCHEMA closed",
    "CREATE TABLE closed.pods (pod text)",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with database() as server:
        server.execute(*TABLES)
        yield server


def compiled(gateway: Gateway, directory: Path, user: str = USER, password: str = PASSWORD, **side: Any) -> Compilation:
    """The pipeline with one side that is looked up, as the launcher compiles it. Raises RefusedError."""
    secret = directory / "database"
    secret.mkdir()
    (secret / "username").write_text(user)
    (secret / "password").write_text(password)
    jdbc = {"table": "pods", "secretRef": {"name": "database"}, "timeout": "2s", **side.pop("jdbc")}
    owner = {"name": "owner", "fields": {"pod": "STRING", "team": "STRING"}, "on": {"who": "pod"}, "select": ["team"],
             "jdbc": jdbc, **side}  # fmt: skip
    job = compile_resource(parse(document(enrichments=[owner])))
    revision = RevisionConfig(
        namespace="default", name="money", revision="r", program=job.program, runtime=job.runtime,
        bootstrap_servers="localhost:9092", state_directory=directory.as_uri(), work_directory=str(directory),
    )  # fmt: skip
    planner = Planner(gateway, job_settings(revision), in_jobmanager=False)
    return compile_program(revision, planner, of_revision(revision, directory), explain=True)


@pytest.mark.parametrize(
    ("side", "error"),
    [
        pytest.param({"jdbc": {"table": "pod"}}, "jdbc.table: the database has no table 'pod'", id="no table"),
        pytest.param({"jdbc": {"table": "Pods"}}, "jdbc.table: the database has no table 'Pods'", id="capitals"),
        pytest.param(
            {"fields": {"pod": "STRING", "tame": "STRING"}, "select": ["tame"]},
            "select[0]: table 'pods' has no column 'tame', did you mean 'team'?", id="no column",
        ),
        pytest.param(
            {"fields": {"port": "STRING", "team": "STRING"}, "on": {"who": "port"}},
            "on.who: table 'pods' has no column 'port'", id="no column for a key",
        ),
        pytest.param(
            {"fields": {"zone": "BIGINT", "team": "STRING"}, "on": {"`at`": "zone"}},
            "on['`at`']: column 'zone' of 'pods' is integer: BIGINT is read from bigint", id="type of a key",
        ),
        pytest.param(
            {"fields": {"pod": "STRING", "team": "INT"}},
            "select[0]: column 'team' of 'pods' is character varying: INT is read from smallint or integer", id="type",
        ),
        pytest.param(
            {"fields": {"pod": "STRING", "since": "TIMESTAMP(3)"}, "select": ["since"]},
            "select[0]: column 'since' of 'pods' is timestamp with time zone: TIMESTAMP(3) is read from timestamp"
            " without time zone", id="time zone",
        ),
    ],
)  # fmt: skip
def test_refused(side: dict[str, Any], error: str, server: Database, gateway: Gateway, tmp_path: Path) -> None:
    jdbc = {"url": server.url, **side.get("jdbc", {})}
    with pytest.raises(RefusedError) as caught:
        compiled(gateway, tmp_path, **{**side, "jdbc": jdbc})
    assert [str(each) for each in caught.value.errors] == [f"spec.enrichments[0].{error}"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param({"password": "wrong"}, "jdbc.secretRef: the database says: FATAL: password authentication"
                     " failed for user \"***\"", id="password"),
        pytest.param({"database": "nowhere"}, "jdbc.url: the database says: FATAL: database \"nowhere\" does not"
                     " exist", id="database"),
        pytest.param(
            {"user": "reader", "password": "reads", "select": ["hidden"],
             "fields": {"pod": "STRING", "hidden": "STRING"}},
            "select[0]: the user may not read column 'hidden' of 'pods'", id="privilege",
        ),
        pytest.param(
            {"user": "reader", "password": "reads", "table": "closed.pods"},
            "jdbc.table: the database says: ERROR: permission denied for schema closed", id="schema",
        ),
    ],
)  # fmt: skip
def test_who_may_not_read(
    given: dict[str, Any], error: str, server: Database, gateway: Gateway, tmp_path: Path
) -> None:
    options = dict(given)
    url = server.url.replace("/postgres", f"/{options.pop('database', 'postgres')}")
    jdbc = {"url": url, "table": options.pop("table", "pods")}
    with pytest.raises(RefusedError) as caught:
        compiled(gateway, tmp_path, **options, jdbc=jdbc)
    assert [str(each) for each in caught.value.errors] == [f"spec.enrichments[0].{error}"]


def test_a_view_of_domains_will_do(server: Database, gateway: Gateway, tmp_path: Path) -> None:
    """And the plan looks up in a task of its own, behind an exchange, and tells no secret."""
    found = compiled(gateway, tmp_path, jdbc={"url": server.url, "table": "people"})
    graph = found.graph or ""
    plan = graph[graph.rindex("Optimized Execution Plan") :]
    before = plan[plan.index("LookupJoin") :].splitlines()[1]
    assert "Exchange(distribution=[hash[weir_owner_ask_0]])" in before
    assert PASSWORD not in graph
    assert "money.look-up-owner" not in {operator.uid for operator in found.signature.operators}


def test_who_waits_for_a_service_is_state(gateway: Gateway, tmp_path: Path) -> None:
    """So a side may not be looked up elsewhere, unasked, while events may wait."""
    owner = {"name": "owner", "fields": {"pod": "STRING", "team": "STRING"}, "on": {"who": "pod"}, "select": ["team"]}
    found = plan_of(gateway, tmp_path, enrichments=[{**owner, "http": {"url": "http://owners/{who}"}}])
    assert "money.look-up-owner" in {operator.uid for operator in found.signature.operators}


def test_a_database_that_is_away_is_no_error(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The job will wait for it; that is said, without the password."""
    with caplog.at_level(logging.WARNING):
        compiled(gateway, tmp_path, jdbc={"url": "jdbc:postgresql://127.0.0.1:9/postgres"})
    (message,) = [record.getMessage() for record in caplog.records if "not checked" in record.getMessage()]
    assert message.startswith(
        "spec.enrichments[0].jdbc: not checked, the job will wait for the database: Connection to"
    )
    assert PASSWORD not in caplog.text
