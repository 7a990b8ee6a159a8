"""The definitions in crds/: as generated, and such that an API server takes them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from weir_api import crds
from weir_api.resources import KINDS, Kind
from weir_api.schemas import in_words

DIRECTORY = Path(__file__).parents[3] / "crds"
# What an API server knows in a structural schema; the rest it refuses or drops.
KEYWORDS = frozenset(
    {
        *("type", "format", "description", "default", "enum", "pattern", "minimum", "maximum", "minLength"),
        *("maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "required", "properties", "items"),
        *("additionalProperties", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
        "x-kubernetes-preserve-unknown-fields",
    }
)

every_kind = pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in KINDS.values()])


def schema(kind: Kind) -> Any:
    """The schema of a kind as its file has it."""
    document = YAML(typ="safe").load(DIRECTORY / crds.file_name(kind))
    return document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(below: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema within a schema, with its path."""
    yield path, below
    for name, field in below.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in below:
            yield from nodes(below[word], f"{path}[]")


@every_kind
def test_the_file_is_as_generated(kind: Kind) -> None:
    assert (DIRECTORY / crds.file_name(kind)).read_text(encoding="utf-8") == crds.text(kind), "run `make crds`"


@every_kind
def test_nothing_stands_for_something_else(kind: Kind) -> None:
    assert not re.search(r"[:-] [&*]\w+", crds.text(kind)), "anchors make a file hard to review"


def test_no_other_files() -> None:
    assert {path.name for path in DIRECTORY.glob("*.yaml")} == {crds.file_name(kind) for kind in KINDS.values()}


def test_check_names_the_file_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crds.main([str(tmp_path)]) == 0
    assert crds.main(["--check", str(tmp_path)]) == 0

    (tmp_path / "patterns.yaml").write_text("spec: {}\n")

    assert crds.main(["--check", str(tmp_path)]) == 1
    assert f"not as generated: {tmp_path / 'patterns.yaml'};" in capsys.readouterr().err


@every_kind
def test_readers_of_older_yaml_see_the_same(kind: Kind) -> None:
    """kubectl and helm read YAML 1.1, where a bare `on` is a boolean."""
    older = YAML(typ="safe", pure=True)
    older.version = (1, 1)
    text = (DIRECTORY / crds.file_name(kind)).read_text(encoding="utf-8")
    assert older.load(text) == YAML(typ="safe").load(text)


@every_kind
def test_the_schema_is_structural(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        if node == {"x-kubernetes-preserve-unknown-fields": True}:
            continue  # a tree of any depth, which no structural schema can tell
        assert isinstance(node.get("type"), str), f"{path} has no type"
        assert set(node) <= KEYWORDS, path
        assert not {"properties", "additionalProperties"} <= set(node), f"{path} has both"
        assert set(node.get("required", ())) <= set(node.get("properties", ())), path
        assert (node["type"] == "array") == ("items" in node), path


@every_kind
def test_the_spec_is_documented_with_its_defaults(kind: Kind) -> None:
    for path, node in nodes(schema(kind)["properties"]["spec"], "spec"):
        if path.endswith("[]"):
            continue
        assert node.get("description"), f"{path} has no description"
        default = node.get("default")
        if default not in (None, [], {}, ""):
            assert f"default: {in_words(default)}" in node["description"], path


@every_kind
def test_what_rules_look_at_is_bounded(kind: Kind) -> None:
    """An API server estimates the cost of a rule by the bounds of what it reads, and refuses what may take long."""
    ruled = [node for path, node in nodes(schema(kind)) if "x-kubernetes-validations" in node]
    for rule_holder in ruled:
        used = set(re.findall(r"\w+", " ".join(rule["rule"] for rule in rule_holder["x-kubernetes-validations"])))
        for path, node in nodes(rule_holder):
            if path.rsplit(".", 1)[-1].removesuffix("[]") not in used:
                continue
            match node:
                case {"type": "array"}:
                    assert "maxItems" in node, path
                case {"type": "string"}:
                    assert "maxLength" in node or "enum" in node, path
                case {"type": "object", "additionalProperties": _}:
                    assert "maxProperties" in node, path


@every_kind
def test_rules_have_messages_and_point_at_fields(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        for rule in node.get("x-kubernetes-validations", ()):
            assert rule["message"], path
            target = node
            for name in rule.get("fieldPath", "").split(".")[1:]:
                assert name in target["properties"], f"{path}: {rule['fieldPath']}"
                target = target["properties"][name]


@every_kind
def test_patterns_mean_the_same_to_an_api_server(kind: Kind) -> None:
    """Go's regular expressions (RE2) have no look-around and no back-references."""
    for path, node in nodes(schema(kind)):
        if "pattern" in node:
            assert not re.search(r"\(\?[=!<]|\\[1-9]", node["pattern"]), path
            assert node["pattern"].startswith("^") and node["pattern"].endswith("$"), f"{path} matches a part only"


@every_kind
def test_names_and_columns(kind: Kind) -> None:
    definition = YAML(typ="safe").load(DIRECTORY / crds.file_name(kind))
    version = definition["spec"]["versions"][0]
    columns = [column["name"].upper() for column in version["additionalPrinterColumns"] if "priority" not in column]
    wide = [column["name"].upper() for column in version["additionalPrinterColumns"] if "priority" in column]

    assert definition["metadata"]["name"] == f"{kind.plural}.weir.dev"
    assert definition["spec"]["names"]["shortNames"] == [kind.short_name]
    assert definition["spec"]["names"].get("categories") == (["pipelines"] if kind.pipeline else None)
    assert columns == ["READY", "PHASE", "REVISION", "JOB", "SAVEPOINT", "LAG", "AGE"]
    assert wide == ["REASON", "JOB ID"]
    assert version["subresources"] == {"status": {}}


@every_kind
def test_columns_show_fields_that_are_there(kind: Kind) -> None:
    definition = YAML(typ="safe").load(DIRECTORY / crds.file_name(kind))
    for column in definition["spec"]["versions"][0]["additionalPrinterColumns"]:
        first, *rest = re.sub(r"\[.*?\]", "[]", column["jsonPath"]).strip(".").split(".")
        if first == "metadata":
            continue
        node = schema(kind)["properties"][first]
        for name in rest:
            node = node["properties"][name.removesuffix("[]")]
            node = node["items"] if name.endswith("[]") else node
        assert column["type"] in {"date", node["type"]}, column["name"]


@every_kind
def test_small_enough_for_client_side_apply(kind: Kind) -> None:
    """`kubectl apply` keeps the whole document in an annotation of at most 256 KiB."""
    assert len(crds.text(kind)) < 128 * 1024  # there it is JSON, which is shorter
