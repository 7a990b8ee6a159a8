"""State over stop and start, change and kill, on real Flink and Kafka: every record counted once."""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest

from support.waiting import wait_until
from weir_api.streamjobs import Insert
from weir_operator.fleet import streams
from weir_runtime.launcher.records import StartRecord

from .configs import COUNTS, SUMS, config, tables
from .processes import DEADLINE, LauncherProcess, Refused

TopicFactory = Callable[..., str]

# Several JVMs start in turn, each taking fifteen seconds of one core's time.
pytestmark = pytest.mark.timeout(600)

Row = tuple[str, int, int]

FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32


def events(start: int, end: int) -> list[tuple[str, int]]:
    return [(f"k{number % 5}", number) for number in range(start, end)]


def produce(kafka: str, topic: str, rows: Iterable[tuple[str, int]]) -> None:
    streams.produce(kafka, topic, [json.dumps({"k": key, "v": value}) for key, value in rows])


def running(rows: Iterable[tuple[str, int]], add: Callable[[int], int]) -> Counter[Row]:
    """What a running sum of `add(v)` per key gives out, row by row."""
    totals: defaultdict[str, int] = defaultdict(int)
    found: Counter[Row] = Counter()
    for key, value in rows:
        totals[key] += add(value)
        found[key, value, totals[key]] += 1
    return found


def written(kafka: str, topic: str, column: str) -> Counter[Row]:
    """The committed rows of a topic."""
    rows = (json.loads(record.value or b"") for record in streams.read_all(kafka, topic))
    return Counter((row["k"], row["v"], row[column]) for row in rows)


def wait_for_rows(kafka: str, topic: str, column: str, expected: Counter[Row]) -> None:
    """Until so many rows are committed; then they must be exactly these."""
    wait_until(
        lambda: written(kafka, topic, column).total() >= expected.total(),
        DEADLINE,
        f"{expected.total()} rows committed in {topic}",
        every=0.3,
    )
    assert written(kafka, topic, column) == expected


def test_a_changed_program_goes_on_with_what_the_old_one_knew(
    kafka: str, topic: TopicFactory, jars: tuple[Path, ...], tmp_path: Path
) -> None:
    source, sums, counts = topic("in"), topic("sums"), topic("counts")
    old = config(tmp_path, servers=kafka, statements=tables(source, sums, counts))
    both = (*old.program.inserts, Insert(name="counts", sql=COUNTS))
    new = config(
        tmp_path,
        servers=kafka,
        statements=tables(source, sums, counts, keep="MOD(v, 2) = 0"),
        inserts=both,
        revision="r2",
    ).model_copy(update={"warm_up": True})
    before, after = events(0, 1000), events(1000, 2000)

    with LauncherProcess(old, jars) as first, LauncherProcess(new, jars) as second:
        produce(kafka, source, before)
        assert first.wait_for("standby").signature is not None
        first.start(FIRST)
        wait_for_rows(kafka, sums, "total", running(before, int))
        second.wait_for("standby")
        assert "warmed up in" in (second.work / "log").read_text()
        assert list(streams.read_all(kafka, counts)) == [], "what only warmed up has read and written nothing"
        savepoint = first.stop_with_savepoint(FIRST, f"{old.state_directory}/savepoints/1")
        first.wait_for("ended")
        produce(kafka, source, after)

        broken = tmp_path / "state" / "savepoints" / "broken" / Path(savepoint).name
        shutil.copytree(savepoint.removeprefix("file:"), broken)
        (broken / "_metadata").write_bytes((broken / "_metadata").read_bytes()[:50])
        second.start(SECOND, broken.as_uri())
        (error,) = second.wait_for("failed").errors
        assert "is damaged" in error.message

        second.start(THIRD, savepoint)
        answer = second.wait_for("running")
        assert answer.job is not None
        assert answer.job.restored_from == savepoint
        kept = [row for row in after if row[1] % 2 == 0]
        wait_for_rows(kafka, sums, "total", running([*before, *kept], int))
        wait_for_rows(kafka, counts, "n", running(after, lambda _: 1))

        points = second.restore_points().points
        assert {point.job_id for point in points if point.kind == "checkpoint"} >= {THIRD}
        assert savepoint in {point.location for point in points if point.kind == "savepoint"}
        with pytest.raises(Refused) as caught:
            second.start(FIRST)
        assert caught.value.status == 409


def test_a_killed_launcher_goes_on_by_itself_and_never_restarts_what_has_ended(
    kafka: str, topic: TopicFactory, jars: tuple[Path, ...], tmp_path: Path
) -> None:
    source, sums = topic("in"), topic("sums")
    revision = config(tmp_path, servers=kafka, statements=tables(source, sums, "unused"))
    first, second = events(0, 1000), events(1000, 2000)

    with LauncherProcess(revision, jars) as launcher:
        produce(kafka, source, first)
        launcher.wait_for("standby")
        launcher.start(FIRST)
        assert launcher.start(FIRST).phase in ("starting", "running")
        wait_for_rows(kafka, sums, "total", running(first, int))
        produce(kafka, source, second)
        jvm = launcher.kill()
    assert jvm
    _, alive = psutil.wait_procs(jvm, timeout=30)
    assert not alive

    with LauncherProcess(revision, jars) as launcher:
        answer = launcher.wait_for("running")
        assert answer.job is not None
        assert answer.job.id == FIRST
        assert f"/checkpoints/{FIRST}/chk-" in (answer.job.restored_from or "")
        wait_for_rows(kafka, sums, "total", running([*first, *second], int))
        launcher.stop_with_savepoint(FIRST, f"{revision.state_directory}/savepoints/1")
        launcher.wait_for("ended")

    # As if it had been killed just before it could record the end.
    path = Path(revision.work_directory) / "start.json"
    record = StartRecord.model_validate_json(path.read_text())
    assert record.outcome == "ended"
    path.write_text(record.model_copy(update={"outcome": None}).model_dump_json(by_alias=True))
    with LauncherProcess(revision, jars) as launcher:
        launcher.wait_for("ended")
        assert StartRecord.model_validate_json(path.read_text()).outcome == "ended"
        launcher.shutdown()
        assert launcher.process.wait(30) == 0


def test_a_poisoned_job_fails_with_its_cause(
    kafka: str, topic: TopicFactory, jars: tuple[Path, ...], tmp_path: Path
) -> None:
    source = topic("in")
    revision = config(
        tmp_path,
        servers=kafka,
        statements=tables(source, topic("sums"), "unused", keep="10 / v > 0"),
        inserts=(Insert(name="sums", sql=SUMS),),
    )
    with LauncherProcess(revision, jars) as launcher:
        produce(kafka, source, [("k", 0)])
        launcher.wait_for("standby")
        launcher.start(FIRST)
        (error,) = launcher.wait_for("failed").errors
        assert "by zero" in error.message
        assert StartRecord.model_validate_json((launcher.work / "start.json").read_text()).outcome == "failed"
