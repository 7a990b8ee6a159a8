"""A task that takes its TaskManager along: the process ends, so that whoever started it starts it again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.waiting import wait_until
from weir_api.streamjobs import Insert
from weir_operator.fleet import streams

from .configs import SUMS, config, sink, tables
from .processes import LauncherProcess

TopicFactory = Callable[..., str]
pytestmark = pytest.mark.timeout(300)

# Kafka refuses what is dated two days ahead.
AHEAD = "INSERT INTO ahead SELECT k, CURRENT_TIMESTAMP + INTERVAL '2' DAY FROM events"


def test_without_a_taskmanager_the_process_ends_and_says_why(
    kafka: str, topic: TopicFactory, jars: tuple[Path, ...], tmp_path: Path
) -> None:
    source, out = topic("in"), topic("out")
    statements = (
        *tables(source, topic("sums")),
        f"CREATE TABLE ahead (k STRING, at_ TIMESTAMP_LTZ(3) METADATA FROM 'timestamp') {sink('ahead', out)}",
    )
    inserts = (Insert(name="ahead", sql=AHEAD), Insert(name="sums", sql=SUMS))
    job = config(tmp_path, servers=kafka, statements=statements, inserts=inserts)
    # A TaskManager ends itself when a task is not cancelled in time.
    impatient = {"task.cancellation.timeout": "1 ms"}
    job = job.model_copy(update={"runtime": job.runtime.model_copy(update={"flink_configuration": impatient})})

    with LauncherProcess(job, jars) as launcher:
        launcher.wait_for("standby")
        launcher.start("1" * 32)
        launcher.wait_for("running")
        streams.produce(kafka, source, [json.dumps({"k": "a", "v": 1})])

        wait_until(lambda: launcher.process.poll() is not None, 100, "the launcher to end")

        assert launcher.process.returncode == 1
        last = [line for line in (launcher.work / "log").read_text().splitlines() if "TaskManager has ended" in line]
        assert last and "out of range" in last[-1]
