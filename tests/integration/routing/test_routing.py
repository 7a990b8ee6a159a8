"""The contract of RoutingRule in one running router, on real Flink and Kafka; rules change under it, nothing restarts.

The tests run in order: each has types and topics of its own, so that none sees another's events.
"""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from integration.launcher.processes import DEADLINE
from support.waiting import wait_until
from weir_api.routings import RESULTS_HTTP
from weir_operator.compiler.routings import router_of
from weir_operator.fleet import streams

from .routers import RunningRouter, rule, running, texts

pytestmark = pytest.mark.timeout(900)

FOO, MONEY = "https://foo.bar/baz", "https://themoney.com/hook"
RULE_A: dict[str, Any] = {
    "match": {"types": ["user:signup", "subscription:created"]}, "destination": {"http": {"url": FOO}},
}  # fmt: skip
RULE_B: dict[str, Any] = {
    "match": {"types": ["subscription:created"]}, "destination": {"http": {"url": MONEY}},
}  # fmt: skip
TYPES = {"signup": "user:signup", "login": "user:login", "subscription": "subscription:created"}
R1 = (
    "signup 123, login 123, signup 999, subscription 123/11, signup 456, signup 789, login 456, signup 789, "
    "subscription 456/66, login 789, subscription 789/33"
)


def event(told: str) -> dict[str, Any]:
    """`signup 123` and the like as the event it stands for."""
    kind, _, who = told.partition(" ")
    user, _, subscription = who.partition("/")
    data = {"userId": user} | ({"subscriptionId": subscription} if subscription else {})
    return {"type": TYPES[kind], "data": data}


@pytest.fixture(scope="module")
def router(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """A router that knows the two rules before its first event; eleven events were there before it."""
    directory = tmp_path_factory.mktemp("router")
    rules = [rule("rule-a", **RULE_A), rule("rule-b", **RULE_B)]
    waiting = RunningRouter(kafka, router_of(rules[0]))
    waiting.make_topics()
    waiting.send(*map(event, R1.split(", ")))
    with running(kafka, directory, rules) as started:
        yield started
    shutil.rmtree(directory)


def told(router: RunningRouter, before: int, count: int) -> list[tuple[str, Any]]:
    """What is new in results-http after so many, once there are `count`."""
    return router.delivered(before + count)[before:]


def so_far(router: RunningRouter) -> int:
    return len(streams.read_all(router.servers, RESULTS_HTTP))


def test_events_from_before_the_router_meet_the_rules(router: RunningRouter) -> None:
    """R1, R2: no event is routed, or passed over, before the rules are known; order by priority, then name."""
    found = router.delivered(11)
    assert len(found) == 11
    destinations = [destination for destination, _ in found]
    assert (destinations.count(FOO), destinations.count(MONEY)) == (8, 3)
    subscriptions = [destination for destination, payload in found if payload["type"] == TYPES["subscription"]]
    assert subscriptions == [FOO, MONEY] * 3
    assert [payload for destination, payload in found if destination == MONEY] == [
        event(each) for each in ("subscription 123/11", "subscription 456/66", "subscription 789/33")
    ]


def test_a_type_is_added_to_a_rule_and_taken_away(router: RunningRouter) -> None:
    """R3."""
    before = so_far(router)
    more = {**RULE_A, "match": {"types": [*RULE_A["match"]["types"], "user:login"]}}
    router.apply(rule("rule-a", **more))
    router.send(event("login 123"))
    assert told(router, before, 1) == [(FOO, event("login 123"))]
    router.apply(rule("rule-a", **RULE_A))
    router.send(event("login 124"), event("signup 125"))
    assert told(router, before + 1, 1) == [(FOO, event("signup 125"))]


def test_a_destination_changes_from_one_event_to_the_next(router: RunningRouter) -> None:
    """R4: once the change is proven, every event goes to the new one."""
    router.apply(rule("moving", match={"types": ["move"]}, destination={"topic": "old-home"}))
    router.send(*({"type": "move", "n": n} for n in range(50)))
    assert len(router.routed("old-home", 50)) == 50
    router.apply(rule("moving", match={"types": ["move"]}, destination={"topic": "new-home"}))
    router.send(*({"type": "move", "n": n} for n in range(50, 100)))
    assert len(router.routed("new-home", 50)) == 50
    assert len(router.routed("old-home", 50)) == 50


def test_rules_are_suspended_resumed_and_deleted(router: RunningRouter) -> None:
    asked = {"match": {"types": ["s"]}, "destination": {"topic": "suspended"}}
    router.apply(rule("sleepy", **asked), rule("witness", match={"types": ["s"]}, destination={"topic": "witness"}))
    for number, change in enumerate(("here", "suspended", "resumed", "deleted"), start=1):
        if change == "deleted":
            router.delete("sleepy")
        else:
            router.apply(rule("sleepy", **asked, suspended=change == "suspended"))
        router.send({"type": "s", "n": change})
        router.routed("witness", number)
    assert {json.loads(text)["n"] for text in texts(router.routed("suspended", 2))} == {"here", "resumed"}


def test_the_payload_arrives_byte_for_byte_with_key_headers_and_time(router: RunningRouter) -> None:
    router.apply(rule("bytes", match={"types": ["bytes"]}, destination={"topic": "bytes-out"}))
    raw = [b' { "b" : 1.50 , "type":"bytes","u":"\\u00e9\xc3\xa9" }\n', b'{"type":"bytes","n":12345678901234567890.10}']
    router.send(*raw, key=b"\x00k", mine=b"\xff")
    found = router.routed("bytes-out", 2)
    assert [record.value for record in found] == raw
    assert {record.key for record in found} == {b"\x00k"}
    headers = dict(found[0].headers)
    assert (headers["mine"], headers["weir-rule"]) == (b"\xff", b"bytes")
    ids = [dict(record.headers)["weir-id"] for record in found]
    assert len(set(ids)) == 2
    sent = {record.timestamp for record in streams.read_all(router.servers, "events") if record.value in raw}
    assert {record.timestamp for record in found} == sent


OPERATORS: dict[str, tuple[dict[str, Any], list[object], list[object]]] = {
    "in": ({"operator": "In", "values": ["ES", "7", "true"]}, ["ES", 7, True], ["es", None, "PT", 70]),
    "not-in": ({"operator": "NotIn", "values": ["ES"]}, ["PT", None, 7, {"x": 1}], ["ES"]),
    "exists": ({"operator": "Exists"}, ["", 0, False, {}, []], [None]),
    "not-there": ({"operator": "DoesNotExist"}, [None], ["", 0, {}]),
    "gt": (
        {"operator": "Gt", "values": ["100"]},
        [100.01, "101", 1e300, 100.000000000000000001],
        [100, "x", None, -1, True, " 101", "1e2", {"n": 200}],
    ),
    "gte": ({"operator": "Gte", "values": ["9007199254740993"]}, [9007199254740993], [9007199254740992]),
    "lt": ({"operator": "Lt", "values": ["-1.5e1"]}, [-16, "-15.5", -1e30], [-15, 0, None, "", "-"]),
    "lte": ({"operator": "Lte", "values": ["0.1"]}, [0.1, 0, "-0"], [0.11]),
    "matches": ({"operator": "Matches", "values": ["^[a-z]+@x[.]y$"]}, ["ab@x.y"], ["ab@x.yz", None, "1@x.y", 5]),
}  # fmt: skip


def test_every_operator_on_every_kind_of_value(router: RunningRouter) -> None:
    """Null stands for a field that is null, and for one that is missing: they are the same."""
    router.apply(
        *(
            rule(f"op-{name}", match={"types": [f"op-{name}"], "expressions": [{"key": "data['the key'][0]", **asked}]},
                 destination={"topic": f"op-{name}"})
            for name, (asked, _, _) in OPERATORS.items()
        ),
        rule("op-all", match={"types": ["*"], "expressions": [{"key": "probe", "operator": "Exists"}]},
             destination={"topic": "op-all"}),
    )  # fmt: skip
    sent = 0
    for name, (_, yes, no) in OPERATORS.items():
        for wanted, given in ((True, yes), (False, no)):
            events = [{"type": f"op-{name}", "probe": wanted, "data": {"the key": [value]}} for value in given]
            if None in given:
                events.append({"type": f"op-{name}", "probe": wanted, "data": {}})
            router.send(*(_exact(event) for event in events))
            sent += len(events)
    assert len(router.routed("op-all", sent)) == sent
    for name, (_, yes, _) in OPERATORS.items():
        found = [json.loads(text) for text in texts(router.routed(f"op-{name}", len(yes)))]
        wanted_count = len(yes) + (None in yes)
        assert [each["probe"] for each in found] == [True] * wanted_count, name


def _exact(event: dict[str, Any]) -> bytes:
    """With the number that Python would round."""
    text = json.dumps(event)
    return text.replace("[100.0]", "[100.000000000000000001]").encode()


def test_all_conditions_must_hold_and_any_rule_may(router: RunningRouter) -> None:
    eight = [{"key": f"f{number}", "operator": "In", "values": ["y"]} for number in range(8)]
    twelve = [{"key": f"g{number}", "operator": "Exists"} for number in range(4)]
    router.apply(
        rule("all-eight", match={"types": ["many"], "expressions": eight}, destination={"topic": "many-8"}),
        rule("far-paths", match={"types": ["many"], "expressions": twelve}, destination={"topic": "many-12"}),
    )
    full = {"type": "many", **{f"f{number}": "y" for number in range(8)}}
    router.send(full, *({**full, f"f{number}": "n", "g0": 1, "g1": 1, "g2": 1, "g3": 1} for number in range(8)))
    router.send({"type": "many", "g0": 1, "g1": 1, "g2": 1})
    assert len(router.routed("many-12", 8)) == 8
    assert [json.loads(text) for text in texts(router.routed("many-8", 1))] == [full]


def test_transforms_act_in_flink_as_they_are_written(router: RunningRouter) -> None:
    router.apply(
        rule("t-keep", match={"types": ["t"]}, destination={"topic": "t-keep"},
             transform={"keep": ["type", "data.userId", "data.n"], "set": {"source": "'w\"eir'"}}),
        rule("t-edit", match={"types": ["t"]}, destination={"topic": "t-edit"},
             transform={"drop": ["data.secret"], "rename": {"data.n": "amount"}, "set": {"who": "data.userId"}}),
        rule("t-deep", match={"types": ["t"]}, destination={"topic": "t-deep"},
             transform={"set": {"meta.by.who": "data.userId"}}),
    )  # fmt: skip
    raw = '{"type":"t","data":{"userId":"é\\"\\n","n":100.10,"secret":[{"x":"}"}],"secret2":"s\\u2028"},"type":"t"}'
    router.send(raw.encode(), {"type": "t"})
    kept, edited, deep = (
        [json.loads(text, parse_float=str) for text in texts(router.routed(topic, 2))]
        for topic in ("t-keep", "t-edit", "t-deep")
    )
    user = 'é"\n'
    assert kept == [
        {"type": "t", "data": {"userId": user, "n": "100.10"}, "source": 'w"eir'},
        {"type": "t", "data": {}, "source": 'w"eir'},
    ]
    assert edited[0] == {"type": "t", "data": {"userId": user, "amount": "100.10", "secret2": "s\u2028"}, "who": user}
    assert edited[1] == {"type": "t"}
    assert (deep[0]["meta"], deep[1]["meta"]) == ({"by": {"who": user}}, {"by": {}})


def test_what_must_be_dropped_is_never_passed_on(router: RunningRouter) -> None:
    """An event nested so deeply that edits cannot see it is a dead letter."""
    router.apply(rule("drop-deep", match={"types": ["deep"]}, destination={"topic": "deep"}, transform={"drop": ["z"]}))
    nested: object = 1
    for _ in range(60):
        nested = [nested]
    router.send({"type": "deep", "a": nested, "z": "secret"}, {"type": "deep", "z": "secret"})
    assert texts(router.routed("deep", 1)) == ['{"type":"deep"}']
    assert any("nested too deeply" in letter["reason"] for letter in dead_letters(router, 1))


def test_urls_have_the_events_fields(router: RunningRouter) -> None:
    before, letters = so_far(router), len(dead_letters(router, 0))
    url = "https://a.b/{data.id}/x?q={data.q}&r=\"'"
    router.apply(rule("url", match={"types": ["url"]}, destination={"http": {"url": url, "secretRef": {"name": "s"}}}))
    payload = {"type": "url", "data": {"id": "ü /1", "q": 5}}
    router.send(payload, {"type": "url", "data": {"id": 1}})
    assert told(router, before, 1) == [("https://a.b/%C3%BC%20%2F1/x?q=5&r=\"'", payload)]
    headers = dict(router.routed(RESULTS_HTTP, before + 1)[-1].headers)
    delivery = json.loads(headers["weir-delivery"] or b"")
    assert delivery == {"rule": "url", "timeoutMs": 5000, "retries": 5, "secret": "s"}
    assert dead_letters(router, letters + 1)[-1]["reason"] == "rule url: its URL needs a field that is not there"


def dead_letters(router: RunningRouter, count: int) -> list[dict[str, Any]]:
    found = router.routed(f"{router.router.name}.dead-letters", count) if count else []
    found = found or streams.read_all(router.servers, f"{router.router.name}.dead-letters")
    return [json.loads(record.value or b"") for record in found]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"no json", "the value is not JSON", id="no-json"),
        pytest.param(b"", "the value is empty", id="empty"),
        pytest.param(None, "the record has no value", id="null"),
        pytest.param(b'[{"type":"t"}]', "the value is not a JSON object", id="array"),
        pytest.param(b'{"kind":"t"}', "field 'type' is missing or no text", id="no-type"),
        pytest.param(b'{"type":{"a":1}}', "field 'type' is missing or no text", id="object-type"),
        pytest.param(b'{"type":"t\xff"}', "the value is not UTF-8", id="no-utf-8"),
    ],
)
def test_what_is_no_event_is_a_dead_letter(router: RunningRouter, value: bytes | None, reason: str) -> None:
    before = len(dead_letters(router, 0))
    router.send(value)
    letter = dead_letters(router, before + 1)[-1]
    assert letter["reason"] == reason
    assert letter["topic"] == "events"


def test_no_change_has_restarted_the_job(router: RunningRouter) -> None:
    """The same job, never restarted, after every change above."""
    job = router.job()
    assert (job["state"], job["restarts"]) == ("RUNNING", 0)
    wait_until(lambda: so_far(router) >= 11, DEADLINE, "what was routed stays")
