"""The envelope around a spec, and the table of kinds."""

from typing import Any

import pytest

from weir_api import documents
from weir_api.errors import SpecError
from weir_api.patterns import PatternSpec
from weir_api.resources import KINDS, parse
from weir_api.streamjobs import StreamJobSpec

STREAM_JOB = """apiVersion: weir.dev/v1alpha1
kind: StreamJob
metadata:
  name: big-orders
spec:
  program:
    tables: [CREATE TABLE a (x INT)]
    inserts:
      - name: big
        sql: INSERT INTO b SELECT * FROM a
"""

KNOWN = "Pattern, EnrichmentPipeline, RoutingRule, BillingView, StreamJob"


def read(**changes: Any) -> Any:
    """The example with other top-level fields; None takes one away."""
    (document,) = documents.load(STREAM_JOB)
    assert isinstance(document.value, dict)
    return {key: value for key, value in (document.value | changes).items() if value is not None}


def wrong(document: object) -> list[str]:
    """What is wrong with a document."""
    with pytest.raises(SpecError) as caught:
        parse(document)
    return [str(error) for error in caught.value.errors]


def test_a_document_becomes_a_typed_resource() -> None:
    resource = parse(read())

    assert isinstance(resource.spec, StreamJobSpec)
    assert resource.key == ("StreamJob", "default", "big-orders")
    assert resource.spec.program.inserts[0].name == "big"


def test_a_resource_read_back_from_an_api_server_parses() -> None:
    metadata = {"name": "a", "namespace": "n", "uid": "u", "generation": 2, "managedFields": [], "finalizers": ["x"]}

    resource = parse(read(metadata=metadata, status={"phase": "Running"}))

    assert resource.key == ("StreamJob", "n", "a")


def test_a_field_with_no_value_counts_as_not_written() -> None:
    spec = read()["spec"]
    metadata = {"name": "a", "namespace": None}

    resource = parse(read(metadata=metadata, spec={**spec, "runtime": None, "state": {"operators": None}}))

    assert resource == parse(read(metadata={"name": "a"}))


def test_written_and_read_again_it_is_equal() -> None:
    resource = parse(read())

    assert parse(resource.document()) == resource


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        pytest.param([1], ["a resource is a mapping with apiVersion, kind, metadata and spec"], id="list"),
        pytest.param({}, [f"kind: is required: one of {KNOWN}"], id="no-kind"),
        pytest.param({"kind": "Patern"}, ["kind: unknown kind 'Patern', did you mean 'Pattern'?"], id="kind-misspelt"),
        pytest.param({"kind": "Pod"}, [f"kind: unknown kind 'Pod': known are {KNOWN}"], id="kind-of-others"),
        pytest.param({"kind": 3}, [f"kind: unknown kind '3': known are {KNOWN}"], id="kind-a-number"),
        pytest.param(
            read(apiVersion="v1"), ["apiVersion: must be weir.dev/v1alpha1, not 'v1'"], id="version-of-something-else"
        ),
        pytest.param(read(metadata=None), ["metadata: is required"], id="no-metadata"),
        pytest.param(read(metadata={"name": None}), ["metadata.name: is required"], id="name-without-a-value"),
        pytest.param(
            read(metadata={"name": "a", "labels": {"b": None}}),
            ["metadata.labels.b: must be a string, not empty"],
            id="null-in-a-map",
        ),
        pytest.param(read(metadata={}), ["metadata.name: is required"], id="no-name"),
        pytest.param(
            read(metadata={"name": "Big_Orders"}),
            ["metadata.name: must be lower-case letters, digits and '-', as in my-name, not 'Big_Orders'"],
            id="no-dns-name",
        ),
        pytest.param(read(metadata={"name": "a" * 46}), ["metadata.name: takes at most 45 characters"], id="long-name"),
        pytest.param(
            read(metadata={"name": "a", "lables": {}}),
            ["metadata.lables: unknown field 'lables', did you mean 'labels'?"],
            id="metadata-misspelt",
        ),
        pytest.param(read(metadata="a"), ["metadata: must be a mapping, not 'a'"], id="metadata-a-string"),
        pytest.param(read(spec=None), ["spec: is required"], id="no-spec"),
        pytest.param(read(sepc={}), ["sepc: unknown field 'sepc', did you mean 'spec'?"], id="spec-misspelt"),
        pytest.param(
            read(spec={"program": {"tables": [], "inserts": []}}),
            ["spec.program.inserts: needs at least 1 entry"],
            id="nothing-to-run",
        ),
        pytest.param(
            read(spec={"program": {"tables": [], "inserts": [{"name": "a", "sql": "x"}, {"name": "a", "sql": "y"}]}}),
            ["spec.program.inserts[1].name: 'a' is already the name of another insert"],
            id="insert-twice",
        ),
    ],
)
def test_wrong(document: object, errors: list[str]) -> None:
    assert wrong(document) == errors


def test_errors_name_file_and_line() -> None:
    (document,) = documents.load(STREAM_JOB.replace("sql: INSERT", "sq: INSERT"), "orders.yaml")

    with pytest.raises(SpecError) as caught:
        parse(document.value, document.origin)

    assert str(caught.value).splitlines() == [
        "orders.yaml:9: spec.program.inserts[0].sql: is required",
        "orders.yaml:10: spec.program.inserts[0].sq: unknown field 'sq', did you mean 'sql'?",
    ]


def test_the_table_of_kinds() -> None:
    assert {kind.name: (kind.plural, kind.short_name, kind.pipeline) for kind in KINDS.values()} == {
        "Pattern": ("patterns", "pat", True),
        "EnrichmentPipeline": ("enrichmentpipelines", "enrich", True),
        "RoutingRule": ("routingrules", "route", True),
        "BillingView": ("billingviews", "bill", True),
        "StreamJob": ("streamjobs", "sj", False),
    }
    assert KINDS["Pattern"].resource.model_fields["spec"].annotation is PatternSpec
