"""What is changed about a program for a run on nothing."""

import pytest

from weir_runtime.launcher import warmups

SOURCE, SINK = "scanTableSource", "dynamicTableSink"


def test_a_source_ends_where_it_begins_and_reads_as_a_group_of_its_own() -> None:
    options = {
        "connector": "kafka",
        "topic": "events",
        "properties.group.id": "weir-default-carts",
        "scan.startup.mode": "timestamp",
        "scan.startup.timestamp-millis": "1700000000000",
    }
    assert warmups.changes(SOURCE, options) == {
        "properties.group.id": "weir-default-carts-warm-up",
        "scan.startup.mode": "earliest-offset",
        "scan.bounded.mode": "timestamp",
        "scan.bounded.timestamp-millis": "0",
    }


def test_a_compacted_topic_has_no_start_to_choose() -> None:
    changed = warmups.changes(SOURCE, {"connector": "upsert-kafka"})
    assert changed == {"scan.bounded.mode": "timestamp", "scan.bounded.timestamp-millis": "0"}


def test_a_sink_keeps_away_from_the_transactions_of_the_revision_that_runs() -> None:
    options = {"connector": "kafka", "sink.transactional-id-prefix": "default-carts-r1-derived"}
    assert warmups.changes(SINK, options) == {"sink.transactional-id-prefix": "default-carts-r1-derived-warm-up"}
    assert warmups.changes(SINK, {"connector": "kafka"}) == {}


@pytest.mark.parametrize("role", [SOURCE, SINK])
@pytest.mark.parametrize("options", [{}, {"connector": "jdbc"}, {"connector": "datagen"}])
def test_what_another_connector_does_is_not_guessed(role: str, options: dict[str, str]) -> None:
    assert warmups.changes(role, options) is None


def test_a_query_with_values_of_its_own_would_write_them() -> None:
    scan, sink = {"id": 1, SOURCE: {}}, {"id": 3, SINK: {}}
    one = {"nodes": [scan, sink], "edges": [{"source": 1, "target": 3}]}
    assert warmups.all_read_tables(one)
    values = {"id": 2, "type": "stream-exec-values_1"}
    assert not warmups.all_read_tables({**one, "nodes": [scan, values, sink]})


def test_the_run_keeps_nothing_and_is_not_tried_twice() -> None:
    usual = {
        "pipeline.name": "carts",
        "execution.checkpointing.interval": "5000 ms",
        "restart-strategy.type": "exponential-delay",
        "parallelism.default": "2",
    }
    assert warmups.settings(usual) == {
        "pipeline.name": "carts (warming up)",
        "parallelism.default": "2",
        "restart-strategy.type": "none",
        "execution.checkpointing.checkpoints-after-tasks-finish": "false",
    }
