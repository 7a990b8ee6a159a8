"""The examples compile, Patterns to the fast plan."""

from pathlib import Path

import pytest

from weir_api.documents import load_file
from weir_api.resources import parse
from weir_operator.compiler import compile_resource

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in EXAMPLES])
def test_compiles(path: Path) -> None:
    (document,) = load_file(path)
    resource = parse(document.value, document.origin)
    job = compile_resource(resource)
    if resource.kind == "Pattern":
        assert [insert.name for insert in job.program.inserts] == ["dead-letters", "late", "matches"]
    assert not any("MATCH_RECOGNIZE" in statement for statement in job.program.tables)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
