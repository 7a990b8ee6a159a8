"""The pages in docs/: their tables say what the models say, their examples parse."""

import re
from pathlib import Path

import pytest

from weir_api import documents, references
from weir_api.errors import SpecError
from weir_api.resources import parse

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

every_page = pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(DOCS))) for page in PAGES])


@every_page
def test_tables_are_as_generated(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert references.filled(text) == text, "run python -m weir_api.references docs"


def test_every_table_stands_somewhere() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert set(re.findall(r"<!-- table: (.+?) -->", pages)) == set(references.TABLES)


def examples(page: Path) -> list[str]:
    """The YAML examples of a page that are whole resources."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if block.startswith("apiVersion: weir.dev/")]


@every_page
def test_examples_parse(page: Path) -> None:
    for example in examples(page):
        for document in documents.load(example, page.name):
            parse(document.value, document.origin)


@pytest.mark.parametrize("page", ["streamjob.md", "resources/pattern.md"])
def test_there_is_an_example(page: str) -> None:
    assert examples(DOCS / page)


def test_an_example_that_is_wrong_would_be_found() -> None:
    (example,) = examples(DOCS / "streamjob.md")
    (document,) = documents.load(example.replace("inserts:", "insert:"))

    with pytest.raises(SpecError, match=r"unknown field 'insert', did you mean 'inserts'\?"):
        parse(document.value)


def test_a_table_of_another_kind_is_an_error() -> None:
    with pytest.raises(KeyError, match="spec of Nothing"):
        references.filled("<!-- table: spec of Nothing -->\n<!-- end -->")


def test_check_names_the_page_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Steps\n\n<!-- table: steps -->\nWRONG\n<!-- end -->\nafter\n", encoding="utf-8")

    assert references.main(["--check", str(tmp_path)]) == 1
    assert f"tables differ: {page};" in capsys.readouterr().err

    assert references.main([str(tmp_path)]) == 0
    assert references.main(["--check", str(tmp_path)]) == 0
    assert "WRONG" not in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").endswith("<!-- end -->\nafter\n")
