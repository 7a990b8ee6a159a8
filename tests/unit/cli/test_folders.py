"""A folder as desired state: what it says, and what is wrong with it, named by file and line."""

from pathlib import Path

import pytest

from weir_operator.cli import folders, places
from weir_operator.cli.failures import CommandError, Exit

PATTERN = """\
apiVersion: weir.dev/v1alpha1
kind: Pattern
metadata: {name: NAME}
spec:
  source: {topic: in, fields: {id: STRING, type: STRING}}
  keyBy: [id]
  sequence:
    - {name: one, where: "type = '1'"}
    - {name: two, where: "type = '2'"}
  within: 5s
  emit: {id: id}
  sink: {topic: out}
"""


def pattern(name: str) -> str:
    return PATTERN.replace("NAME", name)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def names(contents: folders.Contents) -> list[str]:
    return [item.resource.metadata.name for item in contents.written]


def test_every_document_of_every_file_counts_and_hidden_ones_do_not(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / ".weir").mkdir()
    write(tmp_path, a=pattern("a") + "---\n" + pattern("b"))
    write(tmp_path / "below", c=pattern("c"))
    write(tmp_path / ".weir", d=pattern("d"))
    (tmp_path / ".hidden.yaml").write_text(pattern("e"))
    (tmp_path / "notes.txt").write_text("no YAML")
    contents = folders.read(tmp_path)
    assert names(contents) == ["a", "b", "c"]
    assert contents.problems == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("kind: [Pattern\n", "bad.yaml:", id="broken-yaml"),
        pytest.param(pattern("x").replace("kind: Pattern", "kind: Patern"), "bad.yaml:2: kind: ", id="unknown-kind"),
        pytest.param(pattern("x") + "  onMach: all\n", "bad.yaml:13: spec.onMach: ", id="unknown-field"),
        pytest.param(pattern("x").replace("[id]", "id"), "bad.yaml:6: spec.keyBy: ", id="wrong-type"),
        pytest.param(pattern("x").replace("  within: 5s\n", ""), "bad.yaml:4: spec.within: ", id="within-missing"),
        pytest.param("just text\n", "bad.yaml:1: ", id="no-mapping"),
    ],
)
def test_a_problem_names_file_line_and_field_and_spares_other_files(tmp_path: Path, text: str, place: str) -> None:
    write(tmp_path, bad=text, good=pattern("good"))
    contents = folders.read(tmp_path)
    assert names(contents) == ["good"]
    assert contents.broken == {tmp_path / "bad.yaml"}
    assert contents.problems[0].startswith(f"{tmp_path}/{place}"), contents.problems


def test_two_resources_of_one_name_both_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, a=pattern("same"), b="# below a comment\n" + pattern("same"), c=pattern("other"))
    contents = folders.read(tmp_path)
    assert names(contents) == ["other"]
    assert contents.broken == {tmp_path / "a.yaml", tmp_path / "b.yaml"}
    problem = contents.problems[0]
    assert problem == f"{tmp_path}/b.yaml:4: metadata.name: Pattern 'same' is already written at {tmp_path}/a.yaml:2"


def test_a_file_that_cannot_be_read_as_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    contents = folders.read(tmp_path)
    assert contents.broken == {tmp_path / "binary.yaml"}
    assert "binary.yaml" in contents.problems[0]


def test_a_folder_that_is_gone_is_no_empty_folder(tmp_path: Path) -> None:
    contents = folders.read(tmp_path / "gone")
    assert contents.problems
    assert contents.written == ()


def test_the_nearest_folder_upwards_that_is_up_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with pytest.raises(CommandError) as refused:
        places.find(None)
    assert refused.value.code == Exit.NOT_FOUND
    (tmp_path / ".weir").mkdir()
    assert places.find(None) == tmp_path
