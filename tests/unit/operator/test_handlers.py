"""Whom a change wakes: the object itself for what is wanted of it, its owners for how it is."""

from weir_operator.fleet.store import Key
from weir_operator.handlers import Waker

JOB = Key(kind="StreamJob", name="orders", namespace="shop")
PATTERN = Key(kind="Pattern", name="orders", namespace="shop")


def event(kind: str = "MODIFIED", generation: int = 1, version: str = "1", **status: object) -> dict[str, object]:
    owner = {"apiVersion": "weir.dev/v1alpha1", "kind": "Pattern", "name": "orders", "uid": "p"}
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}
    metadata = {
        "name": "orders",
        "namespace": "shop",
        "uid": "u",
        "generation": generation,
        "resourceVersion": version,
        "ownerReferences": [foreign, owner],
    }
    return {"type": kind, "object": {"kind": "StreamJob", "metadata": metadata, "status": status}}


def woken(*events: dict[str, object]) -> list[Key]:
    """By the last of these."""
    keys: list[Key] = []
    waker = Waker(keys.append)
    for one in events:
        keys.clear()
        waker(one)
    return keys


def test_a_new_object_wakes_itself_and_its_owner() -> None:
    assert woken(event("ADDED")) == [JOB, PATTERN]


def test_a_new_spec_wakes_the_object() -> None:
    assert woken(event(), event(generation=2, version="2")) == [JOB]


def test_a_new_phase_wakes_the_owner() -> None:
    assert woken(event(phase="Deploying"), event(phase="Running", version="2")) == [PATTERN]


def test_new_counts_wake_nobody() -> None:
    before, after = event(records={"in": 1}), event(records={"in": 2}, version="2")
    assert woken(before, after) == []


def test_the_end_wakes_both_and_so_does_another_one_of_its_name() -> None:
    assert woken(event(), event("DELETED")) == [JOB, PATTERN]
    assert woken(event(), event("DELETED"), event("ADDED")) == [JOB, PATTERN]


def test_what_is_no_object_wakes_nobody() -> None:
    assert woken({"type": "BOOKMARK", "object": {"kind": "StreamJob"}}, {"type": "ERROR"}) == []
