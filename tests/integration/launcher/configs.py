"""Revisions to run: running sums per key over a topic, written to another one exactly once."""

from pathlib import Path

from weir_api.blocks import Runtime
from weir_api.launchers import RevisionConfig
from weir_api.streamjobs import Check, Insert, Program

KAFKA = "'connector' = 'kafka', 'properties.bootstrap.servers' = '${weir:bootstrapServers}', 'format' = 'json'"
SUMS = "INSERT INTO sums SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY at_) FROM kept"
COUNTS = "INSERT INTO counts SELECT k, v, COUNT(*) OVER (PARTITION BY k ORDER BY at_) FROM events"


def sink(name: str, topic: str) -> str:
    prefix = f"'sink.transactional-id-prefix' = '${{weir:transactionalIdPrefix}}-{name}'"
    return f"WITH ({KAFKA}, 'topic' = '{topic}', 'sink.delivery-guarantee' = 'exactly-once', {prefix})"


def tables(source: str = "in", sums: str = "out", counts: str = "counts", keep: str = "v >= 0") -> tuple[str, ...]:
    start = "'scan.startup.mode' = 'earliest-offset', 'properties.group.id' = 'sums'"
    return (
        f"CREATE TABLE events (k STRING, v INT, at_ AS PROCTIME()) WITH ({KAFKA}, 'topic' = '{source}', {start})",
        f"CREATE TABLE sums (k STRING, v INT, total INT) {sink('sums', sums)}",
        f"CREATE TABLE counts (k STRING, v INT, n BIGINT) {sink('counts', counts)}",
        f"CREATE VIEW kept AS SELECT * FROM events WHERE {keep}",
    )


def config(
    directory: Path,
    *,
    statements: tuple[str, ...] = tables(),
    inserts: tuple[Insert, ...] = (Insert(name="sums", sql=SUMS),),
    checks: tuple[Check, ...] = (),
    revision: str = "r1",
    servers: str = "localhost:9092",
    interval: str = "500ms",
) -> RevisionConfig:
    return RevisionConfig(
        namespace="default",
        name=f"sums-{directory.name}"[:40],
        revision=revision,
        program=Program(tables=statements, inserts=inserts, checks=checks),
        runtime=Runtime(
            checkpoint_interval=interval,
            flink_configuration={"restart-strategy.exponential-delay.attempts-before-reset-backoff": "2"},
        ),
        bootstrap_servers=servers,
        state_directory=(directory / "state").as_uri(),
        work_directory=str(directory / revision),
    )
