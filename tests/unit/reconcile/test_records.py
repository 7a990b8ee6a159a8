"""Records counted out of Flink's metrics, and kept over restarts of the process that counts them."""

import pytest

from weir_api.statuses import Records
from weir_api.streamjobs import Insert, Program, Topic
from weir_operator.fleet import metrics
from weir_operator.fleet.observations import JobObservation
from weir_operator.reconcile.rollover import total

PROGRAM = Program(
    tables=(
        "CREATE TABLE `p_source` (x STRING) WITH ('connector' = 'kafka', 'topic' = 'in')",
        "CREATE TABLE `p out.put` (x STRING) WITH ('connector' = 'kafka', 'topic' = 'out')",
        "create temporary table if not exists `p_dead_letters` (x STRING) WITH ('topic' = 'p.dead-letters')",
        "CREATE TABLE p_late (x STRING) WITH ('connector' = 'kafka', 'topic' = 'p.late')",
        "CREATE VIEW v AS SELECT 1",
    ),
    inserts=(Insert(name="a", sql="INSERT"),),
    topics=(
        Topic(name="in", role="source"),
        Topic(name="out"),
        Topic(name="p.dead-letters", role="deadLetters"),
        Topic(name="p.late", role="late"),
    ),
)


def test_the_role_of_each_table_comes_from_its_topic() -> None:
    assert metrics.roles(PROGRAM) == {
        "p_source": "out",
        "p out.put": "out",
        "p_dead_letters": "deadLetters",
        "p_late": "late",
    }


def test_sums_by_role() -> None:
    found = metrics.records(
        {
            "Source__p_source[1].numRecordsIn": 100.0,
            "Source__p_source[1].numRecordsOut": 98.0,
            "Source__p_source[1].KafkaSourceReader.pendingRecords": 7.0,
            "Source__p_source[1].pendingRecords": 7.0,
            "Calc[2].numRecordsIn": 98.0,
            "p_out_put[5]__Writer.numRecordsSend": 40.0,
            "p_out_put[5]__Writer.numRecordsIn": 40.0,
            "p_out_put[5]__Committer.numRecordsIn": 3.0,
            "p_dead_letters[6]__Writer.numRecordsSend": 2.0,
            "p_late[7]__Writer.numRecordsIn": 5.0,
        },
        metrics.roles(PROGRAM),
    )
    assert found == Records(in_=100, out=40, dead_lettered=2, late=5, lag=7)


def test_nothing_fetched_yet_is_not_zero() -> None:
    assert metrics.records({}, metrics.roles(PROGRAM)) == Records()


@pytest.mark.parametrize(
    ("before", "counted", "now", "after"),
    [
        pytest.param(None, None, 5, 5, id="first look"),
        pytest.param(5, 5, 8, 8, id="grown"),
        pytest.param(8, 8, 3, 11, id="another process counts from zero"),
        pytest.param(8, 8, None, 8, id="not fetched"),
        pytest.param(11, 3, 3, 11, id="nothing new"),
    ],
)
def test_totals_survive_a_restart(before: int | None, counted: int | None, now: int | None, after: int) -> None:
    seen = JobObservation(id="j", state="RUNNING", records=Records(in_=now, lag=1))
    assert total(Records(in_=before), Records(in_=counted), seen) == Records(in_=after, lag=1)
