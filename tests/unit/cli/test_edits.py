"""Editing a user's YAML: what was asked changes, and not one other byte."""

import pytest

from weir_operator.cli import edits

BLOCK = """\
# Ours, since 2026.
apiVersion: weir.dev/v1alpha1
kind: Pattern   # one of four
metadata: {name: carts}
spec:
    # the stream of the shop
    source: {topic: 'shop',   fields: {id: STRING}}
    within: 24h      # a day
"""
FLOW = "kind: Pattern\nmetadata: {name: flow}\nspec: {source: {topic: t}, within: 3s}  # all in one\n"
SET = "kind: Pattern\nmetadata:\n  name: set\nspec:\n  within: 3s\n  suspended: true  # for now\n"


def suspend(text: str, name: str, value: bool, namespace: str = "default") -> str:
    return edits.with_suspended(text, edits.only(text, "Pattern", namespace, name), value)


@pytest.mark.parametrize(
    ("text", "name", "value", "expected"),
    [
        pytest.param(
            BLOCK, "carts", True, BLOCK.replace("    source", "    suspended: true\n    source"), id="added-to-a-block"
        ),
        pytest.param(FLOW, "flow", True, FLOW.replace("{source", "{suspended: true, source"), id="added-in-braces"),
        pytest.param(SET, "set", False, SET.replace("suspended: true ", "suspended: false "), id="changed-in-place"),
        pytest.param(SET, "set", True, SET, id="already-so"),
        pytest.param(BLOCK, "carts", False, BLOCK, id="missing-means-not-suspended"),
        pytest.param(
            BLOCK.replace("\n", "\r\n"),
            "carts",
            True,
            BLOCK.replace("    source", "    suspended: true\n    source").replace("\n", "\r\n"),
            id="line-ends-of-windows",
        ),
    ],
)
def test_suspended_is_the_only_thing_that_changes(text: str, name: str, value: bool, expected: str) -> None:
    assert suspend(text, name, value) == expected


def test_only_the_named_document_of_several_changes() -> None:
    text = f"{BLOCK}---\n{FLOW}---\n{SET}"
    assert suspend(text, "flow", True) == f"{BLOCK}---\n{FLOW.replace('{source', '{suspended: true, source')}---\n{SET}"


def test_the_same_name_in_another_namespace_is_another_resource() -> None:
    other = FLOW.replace("{name: flow}", "{name: flow, namespace: test}")
    text = f"{FLOW}---\n{other}"
    assert suspend(text, "flow", True, "test") == f"{FLOW}---\n{other.replace('{source', '{suspended: true, source')}"


@pytest.mark.parametrize("spec", ["&s {within: 3s}", "&s\n  within: 3s"], ids=["braces", "block"])
def test_shared_anchors_are_refused_rather_than_changed_for_both(spec: str) -> None:
    text = f"kind: Pattern\nmetadata: {{name: a}}\nspec: {spec}\nother: *s\n"
    with pytest.raises(edits.EditError, match="anchors"):
        suspend(text, "a", True)


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(edits.EditError, match="more than once"):
        edits.only(f"{FLOW}---\n{FLOW}", "Pattern", "default", "flow")


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        pytest.param("carts", f"---\n{FLOW}---\n{SET}", id="first"),
        pytest.param("flow", f"{BLOCK}---\n{SET}", id="middle"),
        pytest.param("set", f"{BLOCK}---\n{FLOW}", id="last"),
    ],
)
def test_a_document_is_removed_with_its_own_comments_only(name: str, rest: str) -> None:
    text = f"{BLOCK}---\n{FLOW}---\n{SET}"
    assert edits.without(text, edits.only(text, "Pattern", "default", name)) == rest


def test_nothing_is_left_of_a_file_with_one_document() -> None:
    assert edits.without(BLOCK, edits.only(BLOCK, "Pattern", "default", "carts")) == ""


def test_a_document_is_replaced_where_it_stands() -> None:
    text = f"{BLOCK}---\n{FLOW}---\n{SET}"
    new = FLOW.replace("3s", "4s").rstrip("\n")
    assert (
        edits.with_replaced(text, edits.only(text, "Pattern", "default", "flow"), new)
        == f"{BLOCK}---\n{new}\n---\n{SET}"
    )


def test_a_document_reads_as_its_own_text() -> None:
    text = f"{BLOCK}---\n{FLOW}---\n{SET}"
    assert [edits.part(text, document) for document in edits.documents(text)] == [BLOCK, FLOW, SET]
