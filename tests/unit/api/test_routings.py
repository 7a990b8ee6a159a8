"""A RoutingRule with one thing wrong -> the field and the message; every option right -> a spec."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from weir_api import documents, field_paths
from weir_api.errors import SpecError
from weir_api.resources import parse
from weir_api.routings import RoutingRuleSpec, literal

Edit = Callable[[dict[str, Any]], object]

GOOD = """
apiVersion: weir.dev/v1alpha1
kind: RoutingRule
metadata: {name: welcome-mail}
spec:
  source: {topic: events, typeField: meta.type}
  match:
    types: ["user:signup", "subscription:created"]
    expressions:
      - {key: data.country, operator: In, values: [ES, PT]}
      - {key: "data['odd key'][0]", operator: Exists}
      - {key: data.amount, operator: Gt, values: ["1e2"]}
      - {key: data.mail, operator: Matches, values: ['@example\\.com$']}
  transform: {keep: [type, data], drop: [data.secret], rename: {data.id: userId}, set: {source: "'weir'", n: data.n}}
  destination: {http: {url: "https://hooks.example.com/{data.userId}", timeout: 5s, retries: 5}}
  priority: -3
"""


def spec(edit: Edit) -> RoutingRuleSpec:
    (document,) = documents.load(GOOD)
    value: Any = document.value
    edit(value["spec"])
    parsed = parse(value).spec
    assert isinstance(parsed, RoutingRuleSpec)
    return parsed


def test_the_example_is_read_whole() -> None:
    read = spec(lambda _: None)
    assert read.match.expressions[1].operator == "Exists"
    assert read.transform.rename == {"data.id": "userId"}
    assert read.destination.http is not None
    assert read.destination.http.placeholders == ("data.userId",)
    assert (read.priority, read.suspended, read.source.type_field) == (-3, False, "meta.type")


def test_a_placeholder_is_any_path() -> None:
    read = spec(http(url="https://a.b/{data['odd key']}"))
    assert read.destination.http is not None
    assert read.destination.http.placeholders == ("data['odd key']",)


def condition(**given: object) -> Edit:
    return lambda spec: spec["match"].update(expressions=[{"key": "data.x", **given}])


def http(**given: object) -> Edit:
    return lambda spec: spec.update(destination={"http": {"url": "https://a.b/", **given}})


def transform(**given: object) -> Edit:
    return lambda spec: spec.update(transform=given)


@pytest.mark.parametrize(
    ("edit", "path", "message"),
    [
        pytest.param(lambda s: s["match"].update(types=[]), "match.types", "needs at least 1 entry", id="no-types"),
        pytest.param(lambda s: s["match"].update(types=["a", "a"]), "match.types[1]", "more than once", id="twice"),
        pytest.param(lambda s: s["match"].update(types=["user:*"]), "match.types[0]", "no part of one", id="part"),
        pytest.param(condition(operator="In"), "match.expressions[0].values", "In needs a value", id="in-nothing"),
        pytest.param(
            condition(operator="Exists", values=["x"]), "match.expressions[0].values", "takes no values", id="exists"
        ),
        pytest.param(
            condition(operator="Gt", values=["ten"]), "match.expressions[0].values[0]", "needs a number", id="gt-text"
        ),
        pytest.param(
            condition(operator="Lte", values=["NaN"]), "match.expressions[0].values[0]", "needs a number", id="nan"
        ),
        pytest.param(
            condition(operator="Gt", values=["1", "2"]), "match.expressions[0].values", "exactly one", id="gt-two"
        ),
        pytest.param(
            condition(operator="Matches", values=["(a"]),
            "match.expressions[0].values[0]",
            "no regular expression",
            id="regex",
        ),
        pytest.param(
            condition(operator="Like", values=["a"]), "match.expressions[0].operator", "must be", id="no-operator"
        ),
        pytest.param(
            lambda s: s["match"].update(expressions=[{"key": "data..x", "operator": "Exists"}]),
            "match.expressions[0].key",
            "no field path",
            id="path",
        ),
        pytest.param(transform(keep=["items[0]"]), "transform.keep[0]", "goes into a list", id="keep-in-list"),
        pytest.param(transform(set={"a": "x + 1"}), "transform.set.a", "no constant", id="set-expression"),
        pytest.param(http(url="https:///x"), "destination.http.url", "with a host", id="no-host"),
        pytest.param(http(url="ftp://a/x"), "destination.http.url", "http:// or https://", id="scheme"),
        pytest.param(http(url="https://{data.host}/"), "destination.http.url", "host is the same", id="host"),
        pytest.param(http(url="https://me:pw@a.b/"), "destination.http.url", "password", id="password"),
        pytest.param(http(timeout="1h"), "destination.http.timeout", "at most", id="timeout"),
        pytest.param(lambda s: s.update(destination={}), "destination", "exactly one", id="nowhere"),
        pytest.param(
            lambda s: s.update(destination={"topic": "events"}), "destination.topic", "endless loop", id="loop"
        ),
        pytest.param(
            lambda s: s.update(destination={"topic": "results-http"}), "destination.topic", "by HTTP", id="results"
        ),
        pytest.param(lambda s: s["source"].update(topicPattern="a.*"), "source", "exactly one", id="two-sources"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(edit: Edit, path: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec(edit)
    told = [(error.path, error.message) for error in refused.value.errors]
    assert [found for found, _ in told] == [f"spec.{path}"], told
    assert message in told[0][1]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        (r"a['odd key']['it\'s']", ("a", "odd key", "it's")),
        ("['@type'].x", ("@type", "x")),
    ],
)
def test_paths_are_read(text: str, steps: field_paths.Path) -> None:
    assert field_paths.parse(text) == steps


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a.[0]", "a[x]", "a[-1]", "a b", "a['b", "a]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(field_paths.FieldPathError):
        field_paths.parse(text)


def test_constants_are_told_from_paths() -> None:
    assert literal("'it''s'") == "it's"
    assert literal("-12.50") == Decimal("-12.50")
    assert (literal("true"), literal("NULL")) == (True, None)
    with pytest.raises(ValueError, match=r"data\.x"):
        literal("data.x")
