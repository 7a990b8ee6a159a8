"""Look-ups in a real PostgreSQL: what is asked and answered, and a database that is away for a while."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from confluent_kafka import Producer

from integration.launcher.processes import DEADLINE, LauncherProcess
from support.databases import PASSWORD, USER, Database, database
from support.waiting import wait_until
from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, streams, topics
from weir_runtime.launcher.flink_rest import FlinkRest

pytestmark = pytest.mark.timeout(1200)
BEGIN = 1_750_000_000_000
JOB = "d" * 32
SLOW, SLOW_SECONDS = 1000, 0.02
TABLES = (
    "CREATE SCHEMA infra",
    """CREATE TABLE infra."Pods" (pod text, zone smallint, "a ""service" varchar(20), cpu double precision,
       price numeric(20, 4), born timestamptz, day date, steady boolean, id uuid)""",
    """INSERT INTO infra."Pods" VALUES
       ('p1', 1, 'pay', 0.25, 12.3400, '2026-01-31 13:00:00.123+01', '2026-01-31', true, gen_random_uuid()),
       ('p1', 2, 'other zone', 1e20, -0.0001, NULL, NULL, false, gen_random_uuid()),
       ('none', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('twice', 1, 'b', 2, 1, NULL, NULL, NULL, gen_random_uuid()),
       ('twice', 1, 'a', 1, 1, NULL, NULL, NULL, gen_random_uuid()),
       ('it''s "ü"', 1, 'quoted', 1, 1, NULL, NULL, NULL, gen_random_uuid())""",
    "CREATE TABLE owners (service text PRIMARY KEY, team text)",
    "INSERT INTO owners VALUES ('pay', 'money'), ('quoted', 'words')",
    f"CREATE VIEW slow AS SELECT id, pg_sleep({SLOW_SECONDS})::text AS slept FROM (VALUES ('slow')) AS names (id)",
)
NOTHING = {"service": None, "cpu": None, "price": None, "born": None, "day": None, "steady": None}
KNOWN = {
    "service": "pay", "cpu": 0.25, "price": 12.34, "born": "2026-01-31T12:00:00.123Z", "day": "2026-01-31",
    "steady": True,
}  # fmt: skip
CASES = [
    pytest.param(["p1", 1, "A"], KNOWN, id="known"),
    pytest.param(["p1", 2, "A"], {**NOTHING, "service": "other zone", "cpu": 1e20, "price": -0.0001, "steady": False},
                 id="both keys count"),
    pytest.param(["none", 1, "A"], NOTHING, id="nulls"),
    pytest.param(["nowhere", 1, "A"], NOTHING, id="no row"),
    pytest.param([None, 1, "A"], NOTHING, id="no key"),
    pytest.param(["p1", 1_000_000, "A"], NOTHING, id="a number the column cannot have"),
    pytest.param(["p\u00001", 1, "A"], NOTHING, id="text the database cannot have"),
    pytest.param(['it\'s "ü"', 1, "A"], {**NOTHING, "service": "quoted", "cpu": 1.0, "price": 1}, id="quotes"),
    pytest.param(["twice", 1, "A"], {**NOTHING, "service": "a", "cpu": 1.0, "price": 1}, id="two rows of a key"),
    pytest.param(["p1", 1, "quiet"], NOTHING, id="lookupWhen"),
]  # fmt: skip


def pipeline(url: str, name: str, **runtime: object) -> dict[str, Any]:
    timestamp = {"field": "at", "unit": "ms", "outOfOrderness": "0s"}
    pods = {
        "name": "pod", "jdbc": {"url": url, "table": "infra.Pods", "secretRef": {"name": "database"}, "timeout": "2s"},
        "fields": {
            "pod": "STRING", "zone": "SMALLINT", 'a "service': "STRING", "cpu": "DOUBLE", "price": "DECIMAL(20, 4)",
            "born": "TIMESTAMP_LTZ(3)", "day": "DATE", "steady": "BOOLEAN",
        },
        "on": {"labels['pod']": "pod", "zone": "zone"},
        "select": ['a "service', "cpu", "price", "born", "day", "steady"],
        "lookupWhen": "type NOT IN ('quiet', 'slow')",
    }  # fmt: skip
    owner = {
        "name": "owner",
        "stream": {
            "topic": f"{name}-owners", "fields": {"service": "STRING", "team": "STRING", "since": "STRING"},
            "timestamp": {"outOfOrderness": "0s", "idleAfter": "1s"},
        },
        "on": {"service": "service"}, "select": ["team"],
        "orElse": {"jdbc": {"url": url, "table": "owners", "secretRef": {"name": "database"}, "cache": "10m"}},
    }  # fmt: skip
    slow = {
        "name": "slow", "jdbc": {"url": url, "table": "slow", "secretRef": {"name": "database"}},
        "fields": {"id": "STRING", "slept": "STRING"}, "on": {"type": "id"}, "select": ["slept"],
        "lookupWhen": "type = 'slow'",
    }  # fmt: skip
    leaves = {key: f"pod.{key}" for key in ("cpu", "price", "born", "steady")}
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": name},
        "spec": {
            "source": {
                "topic": f"{name}-in", "timestamp": {**timestamp, "idleAfter": "1s"},
                "fields": {
                    "id": "STRING", "labels": "MAP<STRING, STRING>", "zone": "BIGINT", "type": "STRING",
                    "service": "STRING", "at": "BIGINT",
                },
            },
            "enrichments": [pods, owner, slow],
            "output": {
                "id": "id", "team": "owner.team", "slept": "slow.slept",
                "pod": {"service": 'pod.`a "service`', **leaves, "day": "CAST(pod.`day` AS STRING)"},
            },
            "sink": {"topic": f"{name}-out"},
            "runtime": {"checkpointInterval": "500ms", **runtime},
        },
    }  # fmt: skip


class Running:
    """The pipeline in a launcher, with its topics and its database."""

    def __init__(self, servers: str, server: Database, launcher: LauncherProcess) -> None:
        self.servers, self.database, self.launcher = servers, server, launcher
        self._producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
        self._at = BEGIN

    def send(self, events: Mapping[str, Sequence[Any]], service: str | None = None) -> None:
        """Events by id: pod, zone and type; and one after them that lets event time pass."""
        for id_, (pod, zone, kind) in {**events, f"tick-{self._at}": [None, None, "quiet"]}.items():
            self._at += 1
            event = {"id": id_, "labels": {"pod": pod}, "zone": zone, "type": kind, "service": service, "at": self._at}
            self._producer.produce("databases-in", json.dumps(event).encode())
        assert self._producer.flush(30) == 0

    def written(self) -> dict[str, Any]:
        """What was committed, by id; each once."""
        values = [json.loads(record.value or b"{}") for record in streams.read_all(self.servers, "databases-out")]
        events = [value for value in values if not value["id"].startswith("tick")]
        assert len({value["id"] for value in events}) == len(events)
        return {value["id"]: value for value in events}

    def await_written(self, *ids: str) -> dict[str, Any]:
        wait_until(lambda: set(ids) <= set(self.written()), DEADLINE, f"{', '.join(ids)[:200]} are written")
        return self.written()

    def flink(self) -> FlinkRest:
        return FlinkRest(self.launcher.answer().flink_url or "")


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with database() as server:
        server.execute(*TABLES)
        yield server


@pytest.fixture(scope="module")
def running(kafka: str, server: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("databases")
    secret = directory / "secrets" / "database"
    secret.mkdir(parents=True)
    (secret / "username").write_text(USER)
    (secret / "password").write_text(PASSWORD)
    job = compile_resource(parse(pipeline(server.url, "databases", stateBackend="rocksdb")))
    topics.ensure_topics(kafka, job.program.topics)
    config = RevisionConfig(
        namespace="default", name="databases", revision="r1", program=job.program, runtime=job.runtime,
        bootstrap_servers=kafka, state_directory=(directory / "state").as_uri(), work_directory=str(directory / "r1"),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIR_SECRETS_DIR", str(directory / "secrets"))
        launcher = LauncherProcess(config, artifacts.connector_jars())
    with launcher:
        launcher.wait_for("standby")
        launcher.start(JOB)
        launcher.wait_for("running")
        yield Running(kafka, server, launcher)


@pytest.fixture(scope="module")
def answered(running: Running) -> dict[str, Any]:
    """Every case, written."""
    running.send({str(case.id): _event(case.values[0]) for case in CASES}, service="pay")
    return running.await_written(*(str(case.id) for case in CASES))


@pytest.mark.parametrize(("event", "wanted"), CASES)
def test_what_is_told(
    event: Sequence[Any], wanted: Mapping[str, Any], answered: Mapping[str, Any], request: pytest.FixtureRequest
) -> None:
    value = answered[request.node.callspec.id]
    assert value["pod"] == wanted, event
    assert value["team"] == "money"


def test_a_change_in_the_database_needs_no_restart(running: Running, answered: Mapping[str, Any]) -> None:
    assert answered
    running.database.execute("""UPDATE infra."Pods" SET "a ""service" = 'moved' WHERE pod = 'p1' AND zone = 1""")
    running.send({"after the change": ["p1", 1, "A"]})
    assert running.await_written("after the change")["after the change"]["pod"]["service"] == "moved"


def test_a_database_that_is_away_is_waited_for(running: Running, answered: Mapping[str, Any]) -> None:
    """Nothing is lost, nothing leaves without what was asked for, and nothing twice."""
    assert answered
    running.database.stop()
    try:
        events = {f"away-{index}": ["p1", 2, "A"] for index in range(50)}
        running.send(events, service="quoted")
        rest = running.flink()
        wait_until(lambda: _state(rest) == "RESTARTING", DEADLINE, "the job notices")
        cause = wait_until(lambda: rest.root_cause(JOB), DEADLINE, "and says why")
        assert "refused" in cause or "terminating connection" in cause, cause
    finally:
        running.database.start()
    written = running.await_written(*events)
    assert {written[id_]["pod"]["service"] for id_ in events} == {"other zone"}
    assert {written[id_]["team"] for id_ in events} == {"words"}


def test_slow_look_ups_hold_up_neither_others_nor_checkpoints(running: Running, answered: Mapping[str, Any]) -> None:
    """What is written here was committed, by checkpoints: those who need no answer leave before those who wait."""
    assert answered
    slow = {f"slow-{index}": [None, None, "slow"] for index in range(SLOW)}
    quick = {f"quick-{index}": [None, None, "quiet"] for index in range(10)}
    running.send({**slow, **quick})
    done = running.await_written(*quick)
    waiting = SLOW - len(slow.keys() & done.keys())
    print(f"{waiting} of {SLOW} were waiting when the others had left")
    assert waiting > SLOW / 2
    running.await_written(*slow)


def test_no_secret_is_told(running: Running, answered: Mapping[str, Any]) -> None:
    """Neither in logs nor in the launcher's answers."""
    assert answered
    told = (running.launcher.work / "log").read_text() + running.launcher.answer().model_dump_json()
    assert PASSWORD not in told


def _event(values: object) -> Sequence[Any]:
    assert isinstance(values, list)
    return values


def _state(rest: FlinkRest) -> str:
    job = rest.job(JOB)
    return job.state if job is not None else ""
