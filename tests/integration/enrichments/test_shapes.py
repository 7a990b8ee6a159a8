"""What a change of an EnrichmentPipeline does to its state, from the plans Flink makes."""

from pathlib import Path
from typing import Any

import pytest

from weir_operator.reconcile import verdicts
from weir_runtime.launcher.compilations import RefusedError
from weir_runtime.launcher.gateways import Gateway

from .pipelines import LOGIN, SOURCE, USER, compiled

OPERATORS = {
    "duplicates", "late-duplicates", "late-and-known", "first-occurrence", "first-of-all",
    "told-login", "sorted-login", "newest-login", "side-login", "late-side-login",
    "told-user", "sorted-user", "newest-user-born", "newest-user-place", "side-user-born", "side-user-place",
    "late-side-user",
}  # fmt: skip


def test_each_operator_is_there_once_with_its_name(gateway: Gateway, tmp_path: Path) -> None:
    """Parting events by a condition would double every join before it."""
    signature = compiled(gateway, tmp_path).signature
    uids = [operator.uid.removeprefix("money.") for operator in signature.operators]
    inner = [uid for uid in uids if not uid.startswith(("source-", "sink-"))]
    assert sorted(inner) == sorted(OPERATORS)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"enrichments": [{**LOGIN, "select": ["country", "city"]}, USER]}, id="select"),
        pytest.param({"enrichments": [{**LOGIN, "expireAfter": "2d"}, USER]}, id="a longer expireAfter"),
        pytest.param({"enrichments": [{**LOGIN, "expireAfter": "2d", "endWhen": "city = 'x'"}, USER]}, id="endWhen"),
        pytest.param({"deduplicate": {"by": ["who", "id"], "within": "5m"}}, id="within"),
        pytest.param({"source": {**SOURCE, "where": "id <> 'x'"}}, id="where"),
        pytest.param({"output": {"a": {"b": "id || login.country"}}}, id="output"),
    ],
)
def test_keeps_all_state(spec: dict[str, Any], gateway: Gateway, tmp_path: Path) -> None:
    verdict = verdicts.compare(compiled(gateway, tmp_path).signature, compiled(gateway, tmp_path, **spec).signature)
    assert {operator.fate for operator in verdict.operators} == {"kept"}, verdict.of("added", "dropped", "incompatible")


def test_a_new_side_at_the_end_keeps_the_others(gateway: Gateway, tmp_path: Path) -> None:
    before = compiled(gateway, tmp_path, enrichments=[LOGIN], flags=None).signature
    after = compiled(gateway, tmp_path, flags=None).signature
    verdict = verdicts.compare(before, after)
    assert not verdict.loses_state, verdict.of("dropped", "incompatible")
    assert any("side-user" in operator.uid for operator in verdict.of("added"))


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        pytest.param({"enrichments": [{**LOGIN, "on": {"sesion || 'x'": "id"}}]},
                     "spec.enrichments[0].on['sesion || 'x'']", "sesion", id="on"),
        pytest.param({"enrichments": [{**LOGIN, "on": {"MAP['a', 1]": "id"}}]},
                     "spec.enrichments[0].on['MAP['a', 1]']", "", id="types across on"),
        pytest.param({"enrichments": [{**LOGIN, "endWhen": "city"}]}, "spec.enrichments[0].endWhen", "condition",
                     id="endWhen"),
        pytest.param({"output": {"a": {"b": "NOSUCH(id)"}}}, "spec.output.a.b", "NOSUCH", id="output"),
        pytest.param({"source": {**SOURCE, "where": "idd = ''"}}, "spec.source.where", "idd", id="where"),
    ],
)  # fmt: skip
def test_the_planners_errors_name_the_field(
    spec: dict[str, Any], path: str, words: str, gateway: Gateway, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError) as caught:
        compiled(gateway, tmp_path, **spec)
    assert [error.path for error in caught.value.errors] == [path]
    assert words.lower() in caught.value.errors[0].message.lower()
