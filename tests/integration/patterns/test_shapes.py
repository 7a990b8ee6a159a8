"""What a change of a Pattern does to its state, from the plans Flink makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_api.signatures import Signature
from weir_operator.compiler import compile_resource
from weir_operator.reconcile import verdicts
from weir_runtime.launcher.compilations import RefusedError, compile_program
from weir_runtime.launcher.gateways import Gateway
from weir_runtime.launcher.planners import Planner
from weir_runtime.launcher.settings import job_settings
from weir_runtime.launcher.variables import of_revision

FIELDS = {"id": "STRING", "type": "STRING", "value": "BIGINT", "note": "STRING", "at": "BIGINT"}
START = {"name": "start", "where": "type = 'start'"}
STEP = {"name": "step", "where": "type = 'step'"}
END = {"name": "end", "where": "type = 'end'"}
ABSENT = {"name": "missing", "where": "type = 'paid'", "absent": True}

SEQUENCES: Mapping[str, list[dict[str, Any]]] = {
    "two steps": [START, END],
    "next": [START, {**END, "contiguity": "next"}],
    "every later one": [START, {**END, "contiguity": "followedByAny"}],
    "three steps": [START, STEP, END],
    "silence": [START, ABSENT],
    "abandoned cart": [START, {**STEP, "times": {"min": 1}}, ABSENT],
    "two steps and an absence": [START, STEP, END, ABSENT],
    "an absence in between": [START, ABSENT, END],
    "loop": [START, {**STEP, "times": {"min": 1}}, END],
    "loop and absence": [START, {**STEP, "times": {"min": 1}}, END, ABSENT],
}
STAGED = {"two steps and an absence", "loop and absence"}


def signature(gateway: Gateway, directory: Path, **spec: Any) -> Signature:
    source = {"topic": "in", "fields": FIELDS, "timestamp": {"field": "at", "unit": "ms"}}
    default = {"source": source, "keyBy": ["id"], "within": "45s", "emit": {"id": "id"}, "sink": {"topic": "out"}}
    document = {
        "apiVersion": "weir.dev/v1alpha1", "kind": "Pattern", "metadata": {"name": "p"}, "spec": {**default, **spec},
    }  # fmt: skip
    job = compile_resource(parse(document))
    revision = RevisionConfig(
        namespace="default", name="p", revision="r", program=job.program, runtime=job.runtime,
        bootstrap_servers="localhost:9092", state_directory=directory.as_uri(), work_directory=str(directory),
    )  # fmt: skip
    planner = Planner(gateway, job_settings(revision), in_jobmanager=False)
    return compile_program(revision, planner, of_revision(revision, None), explain=False).signature


def _narrowed(sequence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**step, "where": f"({step['where']}) AND (`value` > 10 OR note LIKE 'a%')"} for step in sequence]


@pytest.mark.parametrize("name", list(SEQUENCES))
def test_where_emit_and_within_keep_all_state(name: str, gateway: Gateway, tmp_path: Path) -> None:
    sequence = SEQUENCES[name]
    last = [step for step in sequence if not step.get("absent")][-1]["name"]
    before = signature(gateway, tmp_path, sequence=sequence)
    emit = {"id": "id", "note": f"start.note || {last}.note", "sum": f"start.value + {last}.value"}
    after = signature(gateway, tmp_path, sequence=_narrowed(sequence), emit=emit, within="26h")
    verdict = verdicts.compare(before, after)
    assert {operator.fate for operator in verdict.operators} == {"kept"}, verdict.of("added", "dropped", "incompatible")


@pytest.mark.parametrize("name", list(SEQUENCES))
def test_operators_have_names_of_their_own(name: str, gateway: Gateway, tmp_path: Path) -> None:
    """None falls back to a name made of its type, but what several stages of one absence are made of."""
    uids = [operator.uid for operator in signature(gateway, tmp_path, sequence=SEQUENCES[name]).operators]
    unnamed = {uid for uid in uids if uid.startswith("p.matches-")}
    stages = {"p.matches-over-aggregate", "p.matches-over-aggregate-2"} if name in STAGED else set()
    assert unnamed == stages
    assert len(set(uids)) == len(uids)


def test_another_key_is_another_shape(gateway: Gateway, tmp_path: Path) -> None:
    before = signature(gateway, tmp_path, sequence=SEQUENCES["two steps"])
    after = signature(gateway, tmp_path, sequence=SEQUENCES["two steps"], keyBy=["id", "note"])
    assert verdicts.compare(before, after).loses_state


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        pytest.param({"sequence": [START, {**END, "where": "typ = ''"}]}, "spec.sequence[1].where", "typ", id="name"),
        pytest.param({"sequence": [START, {**END, "where": "note"}]}, "spec.sequence[1].where", "condition", id="type"),
        pytest.param(
            {"sequence": [START, END], "emit": {"x": "NOSUCH(end.note)"}}, "spec.emit.x", "NOSUCH", id="function"
        ),
    ],
)  # fmt: skip
def test_the_planners_errors_name_the_field(
    spec: dict[str, Any], path: str, words: str, gateway: Gateway, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError) as caught:
        signature(gateway, tmp_path, **spec)
    assert [error.path for error in caught.value.errors] == [path]
    assert words.lower() in caught.value.errors[0].message.lower()
