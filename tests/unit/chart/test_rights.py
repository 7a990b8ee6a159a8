"""The rights the chart gives are those of the table in docs/kubernetes-internals.md, no more and no fewer."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

import pytest

from .rendering import REPOSITORY, Document, documents, of_kind, rendered

Rights = Mapping[tuple[str, str], frozenset[str]]
"""Verbs by API group and resource."""


def told() -> Rights:
    """What the operator may do where it looks after resources, as the table has it."""
    text = (REPOSITORY / "docs" / "kubernetes-internals.md").read_text()
    section = text.partition("### What it may do")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`?[\w.]+`?|\(core\)) \| (.+?) \| ([a-z, ]+) \|", section, re.MULTILINE)
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for group, resources, verbs in rows:
        for resource in re.findall(r"`([\w/]+)`", resources):
            found["" if group == "(core)" else group.strip("`"), resource] |= set(verbs.split(", "))
    return {key: frozenset(verbs) for key, verbs in found.items()}


def given(roles: Iterable[Document]) -> Rights:
    """What the rules of these roles add up to."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in (rule for role in roles for rule in role["rules"]):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[group, resource] |= set(rule["verbs"])
    return {key: frozenset(verbs) for key, verbs in found.items()}


def roles(values: str, name: str, kind: str = "Role") -> list[Document]:
    return [role for role in of_kind(documents(rendered(values)), kind) if role["metadata"]["name"] == name]


def test_everywhere() -> None:
    assert told()
    assert given(roles("minimal", "weir-system:weir", "ClusterRole")) == told()


def test_in_each_watched_namespace() -> None:
    found = roles("namespaced", "weir")

    assert [role["metadata"]["namespace"] for role in found] == ["orders", "shipping"]
    for role in found:
        assert given([role]) == told()


@pytest.mark.parametrize("values", ["minimal", "namespaced"])
def test_the_lease_is_in_the_operators_own_namespace(values: str) -> None:
    (role,) = roles(values, "weir-lease")

    assert "namespace" not in role["metadata"]
    assert given([role]) == {("coordination.k8s.io", "leases"): {"get", "create", "update"}}


def test_pipelines_may_handle_config_maps_and_nothing_else() -> None:
    (role,) = roles("minimal", "weir-runtime")

    verbs = {"get", "list", "watch", "create", "update", "patch", "delete"}
    assert given([role]) == {("", "configmaps"): verbs}


@pytest.mark.parametrize(("values", "named"), [("minimal", []), ("full", ["kafka-client"]), ("namespaced", [])])
def test_no_secrets_but_those_named_for_kafka_no_wildcards(values: str, named: list[str]) -> None:
    everything = documents(rendered(values))
    every = [*of_kind(everything, "Role"), *of_kind(everything, "ClusterRole")]
    rights = given(every)

    assert "*" not in {resource for _, resource in rights}
    secrets = [rule for role in every for rule in role["rules"] if "secrets" in rule["resources"]]
    assert [(rule["verbs"], rule["resourceNames"]) for rule in secrets] == [(["get"], [one]) for one in named]
    assert not {verb for verbs in rights.values() for verb in verbs if verb in {"*", "escalate", "bind", "impersonate"}}
