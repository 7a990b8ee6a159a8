"""The definitions in the chart are those of crds/."""

import pytest
from ruamel.yaml import YAML

from .rendering import CHART, REPOSITORY, documents, of_kind, rendered

SOURCES = sorted((REPOSITORY / "crds").glob("*.yaml"))
COPIES = CHART / "files" / "crds"


def test_the_copies_are_whole_and_no_others() -> None:
    assert {path.name: path.read_text() for path in COPIES.iterdir()} == {
        path.name: path.read_text() for path in SOURCES
    }, "run `make chart`"


@pytest.mark.parametrize("values", ["minimal", "full"])
def test_rendered_they_say_the_same_and_are_kept(values: str) -> None:
    found = {document["metadata"]["name"]: document for document in of_kind(documents(rendered(values)), CRD)}
    written = {document["metadata"]["name"]: document for document in (YAML(typ="safe").load(p) for p in SOURCES)}

    assert found.keys() == written.keys()
    for name, definition in found.items():
        assert definition["spec"] == written[name]["spec"]
        assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_they_can_be_left_out() -> None:
    assert not of_kind(documents(rendered("minimal", "--set", "crds.install=false")), CRD)


CRD = "CustomResourceDefinition"
