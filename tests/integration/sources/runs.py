"""Runs a source's program on real Flink and Kafka over records that are already there, and reads what came out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from weir_api.blocks import Sink, Source
from weir_operator.compiler import dead_letters, sinks, sources
from weir_operator.fleet import artifacts, java, streams, topics

_BOUNDED_JOB = Path(__file__).with_name("bounded_job.py")
Place = tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """Where the records went: rows of the events view, late records, dead letters."""

    events: list[dict[str, Any]]
    late: list[dict[str, Any]]
    dead: list[dict[str, Any]]

    def places(self) -> dict[str, list[Place]]:
        """Partition and offset of everything, by where it went."""
        return {
            "events": [(row["weir_partition"], row["weir_offset"]) for row in self.events],
            "late": [(row["partition"], row["offset"]) for row in self.late],
            "dead": [(row["partition"], row["offset"]) for row in self.dead],
        }


def write(servers: str, topic: str, values: Iterable[bytes | None], partition: int = 0) -> None:
    """Records with these values, in this order."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value=value, partition=partition)
        producer.poll(0)
    assert producer.flush(30) == 0


@dataclass(frozen=True)
class Job:
    """A source to run over what is in its topic now."""

    directory: Path
    servers: str
    name: str
    source: Source
    required: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    select: str = "SELECT * FROM {events}"


def run(job: Job) -> Outcome:
    """Everything in the source's topic now, through the source's program and a sink for the events view."""
    directory, servers, name, source = job.directory, job.servers, job.name, job.source
    parts = sources.source_program("default", name, source, required_fields=job.required, delivery="atLeastOnce")
    columns = {field: kind.replace("NOT NULL", "") for field, kind in source.fields.items()}
    columns |= {"weir_time": "TIMESTAMP_LTZ(3)", "weir_partition": "INT", "weir_offset": "BIGINT"}
    sink = Sink(topic=f"{name}.events")
    table = sinks.sink_table("seen_events", columns, sink, delivery="atLeastOnce")
    topics.ensure_topics(servers, [*parts.topics, sinks.sink_topic(sink)])
    program = {
        "statements": [_bounded(each, servers) for each in (*parts.tables, table)],
        "inserts": [
            *(each.sql for each in parts.inserts),
            f"INSERT INTO seen_events {job.select.format(events=parts.events_view)}",
        ],
        "settings": {"table.local-time-zone": "UTC", "parallelism.default": "1", **job.settings},
        "jars": [str(jar) for jar in artifacts.connector_jars()],
    }
    path = directory / "program.json"
    path.write_text(json.dumps(program))
    environment = os.environ | {"JAVA_HOME": str(java.java_home())}
    done = subprocess.run(
        [sys.executable, str(_BOUNDED_JOB), str(path)], env=environment, capture_output=True, text=True, timeout=900,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, _first_lines(done.stderr)
    return Outcome(
        _rows(servers, sink.topic),
        _rows(servers, dead_letters.late_topic(name)),
        _rows(servers, dead_letters.dead_letter_topic(name)),
    )


def _bounded(statement: str, servers: str) -> str:
    statement = statement.replace("${weir:bootstrapServers}", servers)
    if "'scan.startup.mode'" in statement:
        statement = statement.replace(
            "'scan.startup.mode'", "'scan.bounded.mode' = 'latest-offset',\n  'scan.startup.mode'"
        )
    return statement


def _rows(servers: str, topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value or "") for record in streams.read_all(servers, topic)]


def _first_lines(log: str) -> str:
    """What went wrong, without the stack."""
    lines = [line for line in log.splitlines() if not line.lstrip().startswith("at ")]
    return "\n".join(line[:1000] for line in lines[-60:])
