"""Commands on a folder that is up: real Flink, real Kafka, everything through the command line."""

import json
import re

from support.waiting import wait_until
from weir_operator.cli.listings import HEADER

from .weirs import Weir, big_orders, run

ORDERS = '{"id": "a", "amount": 150.0}\n{"id": "b", "amount": 50.0}\n'
COUNT = "INSERT INTO big_orders SELECT customer, SUM(amount) FROM orders GROUP BY customer"


def test_the_table_looks_as_kubectls(weir: Weir) -> None:
    answer = weir("get", "sj")
    assert answer.out.splitlines()[0].split() == list(HEADER)
    (row,) = answer.rows
    assert row[:3] == ["big-orders", "True", "Running"]
    assert re.fullmatch(r"[0-9a-f]{10}", row[3])
    assert row[4] == "RUNNING"


def test_the_same_as_documents(weir: Weir) -> None:
    document = weir.resource()
    assert document["kind"] == "StreamJob"
    assert document["status"]["phase"] == "Running"
    assert "kind: StreamJob" in weir("get", "sj/big-orders", "-o", "yaml").out
    assert json.loads(weir("get", "sj", "-o", "json").out)["kind"] == "List"
    assert weir("get", "sj", "-o", "name").out == "streamjob.weir.dev/big-orders\n"
    assert "REASON" in weir("get", "sj", "-o", "wide").out


def test_records_written_by_line_come_out_at_the_other_end(weir: Weir) -> None:
    produced = weir("produce", "orders", stdin=ORDERS)
    assert (produced.code, produced.err) == (0, "2 records written to orders\n")
    tailed = weir("tail", "big-orders", "--count", "1")
    assert json.loads(tailed.out) == {"id": "a", "amount": 150.0}
    assert weir("tail", "orders", "--count", "1", "--format", "{partition}/{offset} {key}").out == "0/0 <null>\n"


def test_describe_tells_conditions_timeline_and_state(weir: Weir) -> None:
    page = weir("describe", "big-orders").out
    assert re.search(r"Ready +True", page)
    assert re.search(r"\d\.\d\d s +\+\d.* s +Judging", page)
    assert re.search(r"source-orders +added", page)


def test_its_log_is_flinks(weir: Weir) -> None:
    assert "checkpoint" in weir("logs", "big-orders", "--tail", "-1").out
    assert len(weir("logs", "big-orders", "--tail", "3").out.splitlines()) == 3


def test_plan_tells_what_a_change_would_keep_and_touches_nothing(weir: Weir) -> None:
    before = weir.resource()
    answer = weir("plan", "-f", "-", stdin=big_orders().replace("> 100", "> 200"))
    assert answer.code == 0, answer.err
    assert "amount > 200" in answer.out
    assert "TableSourceScan" in answer.out
    assert re.search(r"source-orders +kept", answer.out)
    assert "keeps all state" in answer.out
    assert weir.resource()["metadata"] == before["metadata"]


def test_plan_of_a_change_that_loses_state_ends_with_4(weir: Weir) -> None:
    other = (
        big_orders()
        .replace("INSERT INTO big_orders SELECT", "INSERT INTO others SELECT")
        .replace("big_orders", "others")
    )
    answer = weir("plan", "-f", "-", "--no-sql", "--no-graph", stdin=other)
    assert answer.code == 4
    assert re.search(r"sink-big_orders +dropped", answer.out)
    assert "big-orders" in answer.err


def test_plan_finds_what_only_flink_can_find(weir: Weir) -> None:
    answer = weir("plan", "-f", "-", stdin=big_orders().replace("amount > 100", "amonut > 100"))
    assert answer.code == 4
    assert "amonut" in answer.err


def test_suspend_and_resume_edit_the_file_and_carry_on(weir: Weir) -> None:
    file = weir.folder / "big.yaml"
    before = file.read_text()
    stopped = weir("suspend", "big-orders", "--wait")
    assert stopped.code == 0, stopped.err
    assert weir.phase() == "Suspended"
    assert file.read_text() == before.replace("spec:\n", "spec:\n  suspended: true\n")
    points = weir("savepoints", "big-orders").rows
    assert "savepoint" in [row[0] for row in points]
    weir("produce", "orders", stdin='{"id": "while-suspended", "amount": 500}\n')
    resumed = weir("resume", "big-orders", "--wait")
    assert resumed.code == 0, resumed.err
    seen = wait_until(lambda: "while-suspended" in weir("tail", "big-orders", "--idle", "1s").out, 60, "the record")
    assert seen
    assert weir.resource()["status"]["savepoint"]["generation"] >= 2


def test_apply_and_delete_of_another_resource(weir: Weir) -> None:
    applied = weir("apply", "-f", "-", "--wait", stdin=big_orders("more-orders"))
    assert applied.code == 0, applied.err
    assert applied.out.splitlines() == [
        "streamjob.weir.dev/more-orders created",
        "streamjob.weir.dev/more-orders ready",
    ]
    assert (weir.folder / "streamjob-more-orders.yaml").read_text() == big_orders("more-orders")
    deleted = weir("delete", "more-orders", "--wait")
    assert deleted.code == 0, deleted.err
    assert weir("get", "sj", "more-orders").code == 3
    assert not [process for process in weir.processes() if "more-orders" in " ".join(process.cmdline())]


def test_a_broken_file_is_reported_with_its_place_and_stops_nothing(weir: Weir) -> None:
    job = weir.resource()["status"]["job"]["id"]
    file = weir.folder / "big.yaml"
    before = file.read_text()
    file.write_text(before.replace("metadata: {name", "metadata: {name: [", 1))
    weir.await_said("big.yaml:4")
    file.write_text(before)
    weir.await_said("all files are fine again")
    assert weir.resource()["status"]["job"]["id"] == job


def test_a_second_weir_up_on_the_folder_is_refused(weir: Weir) -> None:
    answer = run("up", str(weir.folder))
    assert answer.code == 6
    assert "another weir up" in answer.err
    assert weir.process is not None and str(weir.process.pid) in answer.err


def test_what_is_not_there_is_not_found_and_what_is_there_is_named(weir: Weir) -> None:
    for command in (["get", "sj", "no"], ["describe", "no"], ["savepoints", "no"], ["logs", "no"], ["suspend", "no"]):
        answer = weir(*command)
        assert answer.code == 3, command
        assert answer.err.startswith("error: "), command
    assert "big-orders" in weir("describe", "no").err
    missing = weir("tail", "no-such-topic")
    assert missing.code == 3
    assert "no-such-topic" in missing.err
