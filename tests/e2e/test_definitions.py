"""The definitions on a real API server, of which no node is needed: what it refuses, fills in, and keeps."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from weir_api.errors import SpecError
from weir_api.resources import KINDS, parse

from . import kubectl

ROOT = Path(__file__).parents[2]


def example(name: str) -> Any:
    """The resource of the examples with this name."""
    return YAML(typ="safe").load(ROOT / "examples" / "pipelines" / f"{name}.yaml")


EXAMPLES = {
    document["kind"]: document for document in map(example, ("abandoned-cart", "money", "welcome-mail", "phone-bills"))
}
SERIES = example("business-metrics")
STEP = "spec.sequence.2"
SIDE = "spec.enrichments.0"
LOOKUP = {"url": "http://users/{userSessionId}"}
DELETED = object()
FIELDS = {"clientCountryCode": "STRING", "id": "STRING"}
ASKED: Mapping[str, object] = {f"{SIDE}.stream": DELETED, f"{SIDE}.expireAfter": DELETED, f"{SIDE}.http": LOOKUP}
CONDITION = "spec.match.expressions.0"

# (kind, message, changes of the example by path): one for every rule, with those of series below.
REFUSED: list[tuple[str, str, Mapping[str, object]]] = [
    ("Pattern", "each must be one of the source's fields", {"spec.keyBy": ["nobody"]}),
    ("Pattern", "is what the source reads: an endless loop", {"spec.sink.topic": "shop-events"}),
    ("Pattern", "each step needs a name of its own", {f"{STEP}.name": "opened"}),
    ("Pattern", "a step must not have the name of a source field", {f"{STEP}.name": "type"}),
    ("Pattern", "after must name another step", {f"{STEP}.after": "nobody"}),
    ("Pattern", "the first step opens the match, so it needs an event", {"spec.sequence.0.times": {"min": 0}}),
    ("Pattern", "needs exactly one of topic and topicPattern", {"spec.source.topic": DELETED}),
    ("Pattern", "is not one of the source's fields", {"spec.source.timestamp.field": "nobody"}),
    ("Pattern", "an absent step has no events to count", {f"{STEP}.times": {"min": 1}}),
    ("Pattern", "an absent step has no event that could follow another", {f"{STEP}.contiguity": "next"}),
    ("Pattern", "is only for a step with 'absent: true'", {"spec.sequence.1.after": "opened"}),
    ("Pattern", "min is more than max", {"spec.sequence.1.times": {"min": 3, "max": 2}}),
    ("EnrichmentPipeline", "each must be one of the source's fields", {"spec.deduplicate.by": ["nobody"]}),
    ("EnrichmentPipeline", "is what the source reads: an endless loop", {"spec.sink.topic": "wallet-events"}),
    ("EnrichmentPipeline", "each enrichment needs a name of its own", {f"{SIDE}.name": "user"}),
    (
        "EnrichmentPipeline",
        "needs exactly one of topic, topicPattern and prometheusRemoteWrite",
        {"spec.source.topicPattern": "wallet.*"},
    ),
    ("EnrichmentPipeline", "is not one of the source's fields", {"spec.source.timestamp.field": "nobody"}),
    ("EnrichmentPipeline", "needs exactly one of topic and topicPattern", {f"{SIDE}.stream.topic": DELETED}),
    ("EnrichmentPipeline", "is not one of the source's fields", {f"{SIDE}.stream.timestamp.field": "nobody"}),
    ("EnrichmentPipeline", "needs exactly one of stream, table, http and jdbc", {f"{SIDE}.http": LOOKUP}),
    ("EnrichmentPipeline", "needs exactly one of stream, table, http and jdbc", {f"{SIDE}.stream": DELETED}),
    ("EnrichmentPipeline", "needs exactly one of http and jdbc", {f"{SIDE}.orElse": {}}),
    ("EnrichmentPipeline", "stand in the stream", {f"{SIDE}.fields": FIELDS}),
    ("EnrichmentPipeline", "are needed", ASKED),
    *(
        ("EnrichmentPipeline", "is for a stream", {**ASKED, f"{SIDE}.fields": FIELDS, f"{SIDE}.{name}": value})
        for name, value in (
            ("expireAfter", "1d"),
            ("endWhen", "TRUE"),
            ("orElse", {"http": LOOKUP}),
            ("backfill", {"from": "earliest"}),
        )
    ),
    ("RoutingRule", "needs exactly one of topic and topicPattern", {"spec.source.topicPattern": "events.*"}),
    ("RoutingRule", "needs exactly one of topic and http", {"spec.destination.topic": "welcome"}),
    ("RoutingRule", "are not for it", {f"{CONDITION}.operator": "Exists"}),
    ("RoutingRule", "needs exactly one", {f"{CONDITION}.operator": "Gt"}),
    ("RoutingRule", "needs at least one", {f"{CONDITION}.values": []}),
    ("BillingView", "each must be one of the source's fields", {"spec.views.0.by": ["nobody"]}),
    ("BillingView", "each view needs a name of its own", {"spec.views.1.name": "customers"}),
    ("BillingView", "must be the name of a view", {"spec.invoices.view": "nobody"}),
    ("BillingView", "is not one of the source's fields", {"spec.source.timestamp.field": "nobody"}),
    ("BillingView", "needs exactly one of topic and topicPattern", {"spec.source.topic": DELETED}),
    ("BillingView", "needs exactly one of currency and currencyField", {"spec.amount.currency": DELETED}),
]
LOGINS = {"url": "http://x", "basicAuth": {"name": "a"}, "bearerToken": {"name": "b"}}
REFUSED_SERIES: list[tuple[str, Mapping[str, object]]] = [
    ("each view needs a name of its own", {"spec.views.1.name": "operational"}),
    ("are of series: they need source.prometheusRemoteWrite", {"spec.source": {"topic": "a", "fields": FIELDS}}),
    (
        "needs exactly one of topic, topicPattern and prometheusRemoteWrite",
        {"spec.source": {"fields": FIELDS}, "spec.views": []},
    ),
    ("is not for prometheusRemoteWrite", {"spec.source.topicPattern": "samples.*"}),
    ("are a sample's, and known", {"spec.source.fields": FIELDS}),
    ("must be json with prometheusRemoteWrite", {"spec.source.format": "csv"}),
    ("is a sample's own time", {"spec.source.timestamp.field": "at"}),
    ("is one way to log in: not with basicAuth too", {"spec.sink.prometheusRemoteWrite": LOGINS}),
    ("needs labels: with all of them no series meet", {"spec.views.1.labels": DELETED}),
    ("each label stands here once", {"spec.views.1.labels": ["tier", "tier"]}),
    ("'view' is the view's own name, le and quantile are kept anyway", {"spec.views.1.labels": ["le"]}),
    ("needs topic or prometheusRemoteWrite", {"spec.sink": {"partitions": 1}}),
]


@pytest.fixture(scope="module", autouse=True)
def definitions() -> Iterator[None]:
    """The CRDs as they are in the repository."""
    kubectl.run("apply", "--server-side", "--filename", str(ROOT / "crds"))
    plurals = [f"crd/{kind.plural}.weir.dev" for kind in KINDS.values()]
    kubectl.run("wait", "--for=condition=Established", "--timeout=60s", *plurals)
    yield
    kubectl.run("delete", *plurals)


def changed(base: Any, changes: Mapping[str, object]) -> Any:
    """The example with values set, or taken out, by path."""
    document = copy.deepcopy(base)
    for path, value in changes.items():
        *above, last = path.split(".")
        place = document
        for name in above:
            place = place[int(name)] if isinstance(place, list) else place[name]
        if value is DELETED:
            del place[last]
        else:
            place[last] = value
    return document


@pytest.mark.parametrize(("kind", "message", "changes"), REFUSED)
def test_what_contradicts_itself_is_refused_by_both(kind: str, message: str, changes: Mapping[str, object]) -> None:
    refused_by_both(changed(EXAMPLES[kind], changes), message)


@pytest.mark.parametrize(("message", "changes"), REFUSED_SERIES)
def test_what_contradicts_itself_of_series_is_refused_by_both(message: str, changes: Mapping[str, object]) -> None:
    refused_by_both(changed(SERIES, changes), message)


def refused_by_both(document: Any, message: str) -> None:
    """The model says no, and so does the API server, with this message."""
    with pytest.raises(SpecError):
        parse(document)
    with pytest.raises(kubectl.KubectlError) as refused:
        kubectl.apply(document, "--dry-run=server")
    assert message in str(refused.value)


def rules(schema: Any) -> Iterator[str]:
    """The messages of all rules of a schema."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield rule["message"]
    for below in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(below, dict):
            yield from rules(below)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_rule_has_its_case(kind: str) -> None:
    document = YAML(typ="safe").load(ROOT / "crds" / f"{KINDS[kind].plural}.yaml")
    told = set(rules(document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
    tried = [message for other, message, _ in REFUSED if other == kind]
    tried += [message for message, _ in REFUSED_SERIES if kind == SERIES["kind"]]
    assert [message for message in told if not any(message.startswith(one) for one in tried)] == []


@pytest.mark.parametrize("kind", EXAMPLES)
def test_defaults_are_those_of_the_model(kind: str) -> None:
    """A spec that is written in full by the server means what it meant before."""
    kubectl.apply(EXAMPLES[kind])
    try:
        stored = kubectl.get(kind, EXAMPLES[kind]["metadata"]["name"])
    finally:
        kubectl.run("delete", kind, EXAMPLES[kind]["metadata"]["name"])
    assert stored["spec"] != EXAMPLES[kind]["spec"], "the server filled nothing in"
    assert parse(stored).spec == parse(EXAMPLES[kind]).spec


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_field_that_nobody_knows_is_named(kind: str) -> None:
    with pytest.raises(kubectl.KubectlError, match=r"spec\.sinc"):
        kubectl.apply(changed(EXAMPLES[kind], {"spec.sinc": {"topic": "x"}}), "--dry-run=server")


def test_status_is_a_part_of_its_own() -> None:
    """Who applies a spec cannot write a status, and a status does not make a generation."""
    name = EXAMPLES["Pattern"]["metadata"]["name"]
    kubectl.apply({**EXAMPLES["Pattern"], "status": {"phase": "Running"}})
    try:
        before = kubectl.get("pattern", name)
        assert "status" not in before or before["status"] == {"phase": "Pending"}
        status = json.dumps({"status": {"phase": "Degraded", "observedGeneration": 1}})
        kubectl.run("patch", "pattern", name, "--subresource=status", "--type=merge", "--patch", status)
        after = kubectl.get("pattern", name)
        assert (after["status"]["phase"], after["metadata"]["generation"]) == ("Degraded", 1)
        wrong = json.dumps({"status": {"phase": "Resting"}})
        with pytest.raises(kubectl.KubectlError, match=r"status\.phase"):
            kubectl.run("patch", "pattern", name, "--subresource=status", "--type=merge", "--patch", wrong)
    finally:
        kubectl.run("delete", "pattern", name)


def test_all_kinds_are_pipelines_and_have_short_names() -> None:
    listed = kubectl.run("api-resources", "--api-group=weir.dev", "--output=wide")
    for kind in KINDS.values():
        (line,) = (line for line in listed.splitlines() if line.split()[0] == kind.plural)
        assert kind.short_name in line.split() and ("pipelines" in line.split()[-1]) == kind.pipeline
