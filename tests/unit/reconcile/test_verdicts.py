"""What becomes of each operator's state when one plan follows another, and the words for it."""

import pytest

from weir_api.blocks import StatePolicy
from weir_api.signatures import OperatorSignature, Signature
from weir_operator.reconcile import verdicts

JOIN = OperatorSignature(
    uid="p.sequence",
    type="stream-exec-interval-join",
    key=("id",),
    inputs=("ROW<`id` STRING, `x` BIGINT>", "ROW<`id` STRING, `y` DECIMAL(12, 2)>"),
    states=("left-state", "right-state"),
)
SOURCE = OperatorSignature(uid="p.source-e", type="stream-exec-table-source-scan", detail="connector=kafka topic=a")


def signature(*operators: OperatorSignature, max_parallelism: int = 128) -> Signature:
    return Signature(operators=operators, max_parallelism=max_parallelism)


def fates(before: Signature | None, after: Signature) -> list[tuple[str, str, str]]:
    return [(o.uid, o.fate, o.reason) for o in verdicts.compare(before, after).operators]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"key": ("id", "x")}, "key changed: (id) -> (id, x)", id="key"),
        pytest.param(
            {"inputs": ("ROW<`id` STRING, `x` STRING>", JOIN.inputs[1])},
            "row type of input 1 changed: `x` BIGINT -> STRING",
            id="type of a column",
        ),
        pytest.param(
            {"inputs": (JOIN.inputs[0], "ROW<`id` STRING, `y` DECIMAL(12, 3), `z` INT>")},
            "row type of input 2 changed: `z` INT added, `y` DECIMAL(12, 2) -> DECIMAL(12, 3)",
            id="a comma within a type",
        ),
        pytest.param(
            {"inputs": ("ROW<`x` BIGINT, `id` STRING>", JOIN.inputs[1])},
            "row type of input 1 changed: order of columns: id, x -> x, id",
            id="order of columns",
        ),
        pytest.param(
            {"inputs": ("ROW<`id` STRING>", JOIN.inputs[1])},
            "row type of input 1 changed: `x` removed",
            id="a column less",
        ),
        pytest.param({"inputs": JOIN.inputs[:1]}, "number of inputs changed: 2 -> 1", id="an input less"),
        pytest.param(
            {"states": ("left-state",)}, "states changed: left-state, right-state -> left-state", id="a state less"
        ),
        pytest.param(
            {"type": "stream-exec-match", "key": ()},
            "operator changed: stream-exec-interval-join -> stream-exec-match",
            id="another operator, told once",
        ),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], reason: str) -> None:
    after = signature(JOIN.model_copy(update=change))
    assert fates(signature(JOIN), after) == [("p.sequence", "incompatible", reason)]


def test_source_of_another_topic_is_incompatible() -> None:
    after = signature(SOURCE.model_copy(update={"detail": "connector=kafka topic=b"}))
    assert fates(signature(SOURCE), after) == [("p.source-e", "incompatible", "topic changed: a -> b")]


SINK = OperatorSignature(
    uid="p.sink-o", type="stream-exec-sink", inputs=("ROW<`x` CHAR(3)>",), detail="connector=kafka topic=a"
)


@pytest.mark.parametrize(
    ("change", "fate"),
    [
        pytest.param({"inputs": ("ROW<`x` CHAR(4), `y` INT>",)}, "kept", id="columns: no row is in its state"),
        pytest.param({"detail": "connector=kafka topic=b"}, "kept", id="topic: its transactions are closed"),
        pytest.param({"detail": "connector=upsert-kafka topic=a"}, "incompatible", id="connector"),
        pytest.param({"detail": "connector=kafka topic=a path=/b"}, "incompatible", id="path: open files lie there"),
        pytest.param({"states": ("sinkMaterializeState",)}, "incompatible", id="begins to keep rows"),
    ],
)
def test_a_sink_keeps_no_rows_unless_it_says_so(change: dict[str, object], fate: str) -> None:
    assert [found for _, found, _ in fates(signature(SINK), signature(SINK.model_copy(update=change)))] == [fate]


def test_a_sink_that_keeps_rows_is_judged_by_them() -> None:
    keeping = SINK.model_copy(update={"states": ("sinkMaterializeState",)})
    other = keeping.model_copy(update={"inputs": ("ROW<`x` CHAR(4)>",)})
    assert [fate for _, fate, _ in fates(signature(keeping), signature(other))] == ["incompatible"]


def test_order_of_states_and_operators_does_not_matter() -> None:
    turned = JOIN.model_copy(update={"states": ("right-state", "left-state")})
    assert fates(signature(SOURCE, JOIN), signature(turned, SOURCE)) == [
        ("p.sequence", "kept", ""),
        ("p.source-e", "kept", ""),
    ]


def test_added_and_dropped() -> None:
    assert [(uid, fate) for uid, fate, _ in fates(signature(SOURCE), signature(JOIN))] == [
        ("p.sequence", "added"),
        ("p.source-e", "dropped"),
    ]


@pytest.mark.parametrize("before", [None, signature()])
def test_nothing_before_loses_nothing(before: Signature | None) -> None:
    verdict = verdicts.compare(before, signature(JOIN, SOURCE))
    assert ([o.fate for o in verdict.operators], verdict.loses_state) == (["added", "added"], False)


def test_nothing_after_drops_everything_and_stateless_to_stateless_is_empty() -> None:
    assert verdicts.compare(signature(JOIN), signature()).loses_state
    assert verdicts.compare(signature(), signature()).operators == ()


def test_another_max_parallelism_concerns_every_kept_operator() -> None:
    assert fates(signature(JOIN), signature(JOIN, SOURCE, max_parallelism=64)) == [
        ("p.sequence", "incompatible", "max parallelism changed: 128 -> 64"),
        ("p.source-e", "added", ""),
    ]


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        pytest.param(StatePolicy(), ["p.sequence", "p.source-e"], id="refuse is the default"),
        pytest.param(StatePolicy(operators=("p.sequence",)), ["p.sequence", "p.source-e"], id="names without reset"),
        pytest.param(
            StatePolicy(on_incompatible_change="reset"), ["p.sequence", "p.source-e"], id="reset names nothing"
        ),
        pytest.param(
            StatePolicy(on_incompatible_change="reset", operators=("p.sequence",)), ["p.source-e"], id="one named"
        ),
        pytest.param(
            StatePolicy(on_incompatible_change="reset", operators=("sequence", "p.source-e")), [], id="short name too"
        ),
        pytest.param(
            StatePolicy(on_incompatible_change="reset", operators=("seq", "source")),
            ["p.sequence", "p.source-e"],
            id="a part of a name is none",
        ),
    ],
)
def test_loss_only_where_the_resource_says_so(policy: StatePolicy, left: list[str]) -> None:
    verdict = verdicts.compare(signature(JOIN, SOURCE), signature(JOIN.model_copy(update={"key": ()})))
    assert [operator.uid for operator in verdicts.unpermitted(verdict, policy, "p")] == left


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        pytest.param("ROW<>", {}, id="empty"),
        pytest.param(
            "ROW<`a` ROW<`b` INT, `c` STRING> NOT NULL, `d``e` MAP<STRING, INT>> NOT NULL",
            {"a": "ROW<`b` INT, `c` STRING> NOT NULL", "d`e": "MAP<STRING, INT>"},
            id="nested and quoted",
        ),
        pytest.param("ROW<`a, <b` INT 'said, so', c INT>", {"a, <b": "INT 'said, so'", "c": "INT"}, id="commas inside"),
        pytest.param("BIGINT", {}, id="no row"),
    ],
)
def test_columns_of_a_row_type(row: str, columns: dict[str, str]) -> None:
    assert verdicts.columns(row) == columns
