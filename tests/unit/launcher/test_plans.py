"""Stable names, patched ids and signatures of plans that Flink 2.2.1 made."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from weir_api.signatures import OperatorSignature
from weir_api.streamjobs import Operator
from weir_runtime.launcher import plans

PLANS = Path(__file__).with_name("plans")


@dataclass(frozen=True)
class Recorded:
    plan: plans.Plan
    targets: list[plans.Target]

    def names(self, *operators: Operator) -> list[str]:
        return sorted(plans.names(self.plan, self.targets, operators).values())


def recorded(name: str) -> Recorded:
    document = json.loads((PLANS / f"{name}.json").read_text())
    return Recorded(
        plan=plans.parse(json.dumps(document["plan"])),
        targets=[plans.Target(insert, table) for insert, table in document["targets"]],
    )


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(
            "sequence", ["matches-interval-join", "sink-derived", "sink-late", "source-events"], id="two-inserts"
        ),
        pytest.param(
            "sequence-and-totals",
            [
                "matches-interval-join",
                "sink-derived",
                "sink-late",
                "sink-totals",
                "source-events",
                "totals-group-aggregate",
            ],
            id="one-insert-more-and-another-within",
        ),
        pytest.param(
            "one-sink-for-two",
            ["long-over-aggregate", "short-over-aggregate", "sink-derived", "source-events"],
            id="inserts-into-one-table-share-a-sink",
        ),
    ],
)
def test_names_every_stateful_operator_from_the_program(plan: str, expected: list[str]) -> None:
    assert recorded(plan).names() == expected


def test_an_operator_entry_names_the_operator_that_brings_its_columns_together() -> None:
    named = recorded("sequence").names(Operator(name="sequence", columns=("a_at", "b_at")))
    assert named == ["sequence", "sink-derived", "sink-late", "source-events"]


def test_an_entry_whose_columns_come_in_already_does_not_claim_the_operator() -> None:
    named = recorded("sequence").names(Operator(name="wrong", columns=("a_at",)))
    assert "matches-interval-join" in named


def test_an_entry_with_a_type_claims_by_what_the_operator_is() -> None:
    """Some operators bring no column of their own."""
    named = recorded("sequence").names(Operator(name="pairs", columns=("a_at",), type="interval-join"))
    assert named == ["pairs", "sink-derived", "sink-late", "source-events"]


@pytest.mark.parametrize(
    ("tables", "name"),
    [
        pytest.param(("events",), "pairs", id="just-these"),
        pytest.param(("events", "others"), "matches-interval-join", id="one-more"),
        pytest.param(("others",), "matches-interval-join", id="another"),
    ],
)
def test_an_entry_may_ask_for_the_tables_that_are_read(tables: tuple[str, ...], name: str) -> None:
    entry = Operator(name="pairs", columns=("a_at", "b_at"), reads=tables)
    assert name in recorded("sequence").names(entry)


def test_a_plan_built_later_in_the_same_planner_has_other_node_numbers_and_the_same_names() -> None:
    first, second = recorded("sequence"), recorded("sequence-and-totals")
    assert set(first.plan.nodes).isdisjoint(second.plan.nodes)
    assert set(first.names()) < set(second.names())


def test_two_operators_never_share_a_name() -> None:
    twins = Operator(name="highest", columns=("w0$o0",))
    with pytest.raises(plans.PlanError, match=r"both be named 'highest'.*OverAggregate.*OverAggregate"):
        recorded("one-sink-for-two").names(twins)


def test_several_nodes_of_one_kind_under_one_insert_are_numbered_from_the_source_on() -> None:
    plan = recorded("one-sink-for-two")
    alone = [plans.Target("all", plan.targets[0].table)]
    named = plans.names(plan.plan, alone, ())
    assert [name for _, name in sorted(named.items()) if "over" in name] == [
        "all-over-aggregate",
        "all-over-aggregate-2",
    ]


def test_patch_sets_the_ids_of_stateful_nodes_and_nothing_else() -> None:
    plan = recorded("sequence")
    names = plans.names(plan.plan, plan.targets, ())
    patched = json.loads(plans.patch(plan.plan, "demo", names, {}, {}))
    before = {node["id"]: node for node in json.loads(json.dumps(plan.plan.document))["nodes"]}
    for node in patched["nodes"]:
        uid = node.get("configuration", {}).pop("table.exec.uid.format", None)
        assert uid == (f"demo.{names[node['id']]}-<transformation>" if node["id"] in names else None)
        assert {**before[node["id"]], "configuration": node.get("configuration", {})} == {"configuration": {}, **node}


def test_an_operator_may_forget() -> None:
    plan = recorded("sequence")
    operators = (Operator(name="kept", columns=("none",)), Operator(name="x", columns=("none",), forget_after="2m"))
    assert plans.forgetting(operators) == {"x": 120_000}
    names = plans.names(plan.plan, plan.targets, ())
    (forgets, *others) = names.items()

    patched = json.loads(plans.patch(plan.plan, "demo", names, {}, {forgets[1]: 120_000}))

    found = {node["id"]: node.get("configuration", {}).get("table.exec.state.ttl") for node in patched["nodes"]}
    assert found[forgets[0]] == "120000 ms"
    assert {found[node] for node, _ in others} == {None}


def test_a_fresh_operator_gets_a_suffix_in_the_plan_only() -> None:
    plan = recorded("sequence")
    names = plans.names(plan.plan, plan.targets, ())
    text = plans.patch(plan.plan, "demo", names, {"demo.matches-interval-join": "r7"}, {})
    assert '"demo.matches-interval-join-r7-<transformation>"' in text
    assert "r7" not in plans.signature(plan.plan, "demo", names, 128).model_dump_json()


def test_a_fresh_operator_that_is_not_there_is_an_error() -> None:
    plan = recorded("sequence")
    with pytest.raises(plans.PlanError, match=r"demo\.gone"):
        plans.patch(plan.plan, "demo", plans.names(plan.plan, plan.targets, ()), {"demo.gone": "r7"}, {})


def test_the_signature_tells_key_rows_states_and_topic() -> None:
    plan = recorded("sequence-and-totals")
    signature = plans.signature(plan.plan, "demo", plans.names(plan.plan, plan.targets, ()), 128)
    found = {operator.uid: operator for operator in signature.operators}
    assert [operator.uid for operator in signature.operators] == sorted(found)
    assert found["demo.totals-group-aggregate"] == OperatorSignature(
        uid="demo.totals-group-aggregate",
        type="stream-exec-group-aggregate",
        key=("session",),
        inputs=("ROW<`session` VARCHAR(2147483647)>",),
        states=("groupAggregateState",),
    )
    assert found["demo.matches-interval-join"].key == ("session = b_session",)
    assert found["demo.matches-interval-join"].inputs[1] == (
        "ROW<`b_session` VARCHAR(2147483647), `b_at` BIGINT, `b_time` TIMESTAMP(3) WITH LOCAL TIME ZONE>"
    )
    assert found["demo.source-events"].detail == "connector=kafka topic=session-metrics"


def test_a_changed_bound_leaves_the_signature_as_it_was() -> None:
    def join(name: str) -> OperatorSignature:
        plan = recorded(name)
        signature = plans.signature(plan.plan, "demo", plans.names(plan.plan, plan.targets, ()), 128)
        return next(operator for operator in signature.operators if "interval-join" in operator.uid)

    assert join("sequence") == join("sequence-and-totals")
