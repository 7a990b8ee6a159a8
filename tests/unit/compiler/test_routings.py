"""Rules -> the records of a router; a router's program, in which no rule stands."""

import json
import re
from typing import Any, cast

import pytest

from weir_api.errors import SpecError
from weir_api.resources import RoutingRule, parse
from weir_api.routings import Transform
from weir_operator.compiler import compile_resource
from weir_operator.compiler.routing_records import SLOTS, Rule, records, slot_of
from weir_operator.compiler.routing_transforms import COMMA, CUT, edits, kept
from weir_operator.compiler.routings import compile_router, router_of
from weir_operator.compiler.shares import SHARINGS


def rule(name: str = "a", namespace: str = "default", **spec: Any) -> RoutingRule:
    given = {"source": {"topic": "events"}, "match": {"types": ["t"]}, "destination": {"topic": "out"}, **spec}
    metadata = {"name": name, "namespace": namespace}
    document = {"apiVersion": "weir.dev/v1alpha1", "kind": "RoutingRule", "metadata": metadata, "spec": given}
    return cast(RoutingRule, parse(document))


def table(*rules: RoutingRule) -> dict[str, Any]:
    """Slot -> type -> entry."""
    found = records(Rule(one.metadata.name, one.spec) for one in rules)
    return {slot: json.loads(text)["rules"] for slot, text in found.items()}


def names(entry: Any) -> list[str]:
    return [known["name"] for known in entry["rules"]]


def test_every_slot_has_a_record_also_without_rules() -> None:
    assert set(table()) == set(SLOTS)
    assert all(names(entry["*"]) == [] for entry in table().values())


def test_rules_act_by_priority_then_name_with_those_for_all_types_among_them() -> None:
    rules = [
        rule("b"), rule("a"), rule("last", priority=1), rule("first", priority=-1, match={"types": ["*"]}),
        rule("other", match={"types": ["u"]}),
    ]  # fmt: skip
    found = table(*rules)
    assert names(found[slot_of("t")]["t"]) == ["first", "a", "b", "last"]
    assert names(found[slot_of("u")]["u"]) == ["first", "other"]
    assert names(found[slot_of("x")]["*"]) == ["first"]


def test_a_suspended_rule_is_not_there() -> None:
    assert "t" not in table(rule(suspended=True))[slot_of("t")]


def test_a_rule_changes_only_the_slots_of_its_types() -> None:
    before = records(Rule("a", rule().spec) for _ in range(1))
    after = records([Rule("a", rule(destination={"topic": "elsewhere"}).spec)])
    assert [slot for slot in SLOTS if before[slot] != after[slot]] == [slot_of("t")]


def test_a_path_that_several_rules_look_at_is_read_once() -> None:
    looks = {"types": ["t"], "expressions": [{"key": "data.x", "operator": "Exists"}]}
    entry = table(rule("a", match=looks), rule("b", match=looks))[slot_of("t")]["t"]
    assert entry["paths"] == ["lax $['data']['x']"]
    assert [known["conditions"][0]["at"] for known in entry["rules"]] == [1, 1]


def test_the_program_does_not_depend_on_the_rule() -> None:
    other = rule("b", match={"types": ["u"]}, transform={"keep": ["x"]}, destination={"http": {"url": "http://a/"}})
    assert compile_resource(rule()) == compile_resource(other)


def test_the_router_is_one_of_namespace_and_source() -> None:
    name = router_of(rule()).name
    assert router_of(rule("b")).name == name
    assert router_of(rule(namespace="other")).name != name
    assert router_of(rule(source={"topic": "events", "typeField": "kind"})).name != name
    assert len(router_of(rule(source={"topic": "x" * 249})).name) <= 45


def test_the_primer_has_the_router_without_events() -> None:
    router = router_of(rule())
    primer, whole = (compile_router(router, primer=primer).program for primer in (True, False))
    assert primer.operators == whole.operators
    assert [each.name for each in primer.inserts] == [each.name for each in whole.inserts]
    assert sum("'topic' = 'events'" in statement for statement in primer.tables) == 0
    assert sum("'topic' = 'events'" in statement for statement in whole.tables) == 1


def test_a_transform_with_too_many_steps_is_refused() -> None:
    deep = {"set": {f"a.b.c.d{number}": "1" for number in range(3)}}
    with pytest.raises(SpecError, match="at most"):
        compile_resource(rule(transform=deep))


def changed(event: Any, **given: Any) -> Any:
    """What the edits make of an event, worked out as the router's SQL does; Python's and Java's groups are the same."""
    document = json.dumps(event, separators=(",", ":"), sort_keys=True)
    for edit in edits(Transform.model_validate(given)):
        match = re.search(str(edit["pattern"]), document)
        if match is not None:
            document = f"{match[1]}{edit['before']}{edit['after']}{match[2]}"
            for mark, instead in {f",{CUT}}}": "}", CUT: "", f"{COMMA}}}": "}", COMMA: ","}.items():
                document = document.replace(mark, instead)
    return json.loads(document)


EVENT = {"a": 1, "b": {"c": [1, {"d": "}"}], "e": 'x,"y":{', "f": None}, "g": {}, "h": "last"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({"drop": ["a"]}, {k: v for k, v in EVENT.items() if k != "a"}, id="drop-first"),
        pytest.param({"drop": ["h"]}, {k: v for k, v in EVENT.items() if k != "h"}, id="drop-last"),
        pytest.param({"drop": ["b.e"]}, {**EVENT, "b": {"c": [1, {"d": "}"}], "f": None}}, id="drop-inside"),
        pytest.param({"drop": ["c", "b.d", "y", "g.x"]}, EVENT, id="drop-what-is-not-there"),
        pytest.param({"rename": {"b.e": "z"}}, {**EVENT, "b": {"c": [1, {"d": "}"}], "z": "x,\"y\":{", "f": None}},
                     id="rename"),
        pytest.param({"rename": {"a": "h"}}, {"b": EVENT["b"], "g": {}, "h": 1}, id="rename-over"),
        pytest.param({"rename": {"x": "h"}}, EVENT, id="rename-what-is-not-there"),
        pytest.param({"set": {"a": "'it''s'"}}, {**EVENT, "a": "it's"}, id="set-over"),
        pytest.param({"set": {"g.x": "1.50"}}, {**EVENT, "g": {"x": 1.5}}, id="set-in-empty"),
        pytest.param({"set": {"a.x": "TRUE"}}, {**EVENT, "a": {"x": True}}, id="set-below-a-number"),
        pytest.param({"set": {"n.m.x": "NULL"}}, {**EVENT, "n": {"m": {"x": None}}}, id="set-below-nothing"),
        pytest.param({"drop": ["a", "b", "g", "h"]}, {}, id="drop-all"),
    ],
)  # fmt: skip
def test_edits_change_what_they_name_and_nothing_else(given: Any, wanted: Any) -> None:
    assert changed(EVENT, **given) == wanted


def test_kept_fields_are_grouped_by_their_objects() -> None:
    pieces = kept(Transform.model_validate({"keep": ["b.c", "a", "b.d.e", "b.d"]})) or []
    assert [piece["path"] for piece in pieces] == [
        "lax $['a']", "lax $['b']['c']", "lax $['b']['d']", None
    ]  # fmt: skip
    assert "".join(f"{piece['before']}<{piece['name']}>" for piece in pieces) == (
        '{<"a":>"b":{<"c":><"d":>}' + COMMA + "}<None>"
    )


def test_a_revision_is_a_rules_content() -> None:
    one = Rule("a", rule().spec).revision
    assert Rule("a", rule(runtime={"parallelism": 2}).spec).revision == one
    assert Rule("a", rule(priority=1).spec).revision != one


def test_the_dispatcher_reads_the_secrets_of_all_rules_and_the_job_none() -> None:
    def posting(name: str, secret: str) -> RoutingRule:
        http = {"url": "https://example.com/", "secretRef": {"name": secret}}
        return rule(name, destination={"http": http})

    given = [posting("a", "one"), posting("b", "two"), posting("c", "one"), rule("d")]
    shared = SHARINGS["RoutingRule"].compile(given, given[0])
    for spec in (shared.spec, shared.primer):
        assert [service.secrets for service in spec.services] == [("one", "two")]
        assert "secret" not in spec.program.model_dump_json(exclude_defaults=True)
