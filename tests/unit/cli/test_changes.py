"""apply, suspend and delete as changes to files."""

from pathlib import Path

import pytest

from weir_operator.cli import changes, objects, orders
from weir_operator.cli.failures import CommandError, Exit

from .test_folders import pattern, write


def apply(folder: Path, *files: Path) -> list[str]:
    return [change for _, change in changes.apply(folder, *orders.read_sources(files))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return tmp_path / "given.yaml"


def test_a_new_resource_gets_a_file_of_its_own_with_its_comments(folder: Path, given: Path) -> None:
    given.write_text("# why\n" + pattern("a"))
    assert apply(folder, given) == ["created"]
    assert (folder / "pattern-a.yaml").read_text() == "# why\n" + pattern("a")
    assert apply(folder, given) == ["unchanged"]


def test_a_known_resource_is_replaced_where_it_stands(folder: Path, given: Path) -> None:
    write(folder, both=pattern("a") + "---\n" + pattern("b"))
    given.write_text(pattern("b").replace("5s", "6s"))
    assert apply(folder, given) == ["configured"]
    assert (folder / "both.yaml").read_text() == pattern("a") + "---\n" + pattern("b").replace("5s", "6s")
    assert [file.name for file in folder.iterdir()] == ["both.yaml"]


def test_nothing_is_written_when_one_of_several_is_wrong(folder: Path, given: Path) -> None:
    given.write_text(pattern("a") + "---\n" + pattern("b") + "  onMach: all\n")
    with pytest.raises(CommandError) as refused:
        apply(folder, given)
    assert refused.value.code == Exit.REFUSED
    assert "given.yaml:26: spec.onMach" in refused.value.message
    assert list(folder.iterdir()) == []


def test_a_file_that_does_not_exist_is_not_found(folder: Path, given: Path) -> None:
    with pytest.raises(CommandError) as refused:
        apply(folder, given)
    assert refused.value.code == Exit.NOT_FOUND


def test_suspend_and_resume_leave_the_rest_as_it_was(folder: Path) -> None:
    text = "# mine\n" + pattern("a") + "---\n" + pattern("b")
    write(folder, both=text)
    changes.suspend(folder, objects.name("b"), True)
    assert (folder / "both.yaml").read_text().count("suspended: true") == 1
    changes.suspend(folder, objects.name("pattern/b"), False)
    assert (folder / "both.yaml").read_text() == text.replace(
        pattern("b"), pattern("b").replace("spec:\n", "spec:\n  suspended: false\n")
    )


def test_delete_removes_the_file_with_its_last_resource(folder: Path) -> None:
    write(folder, both=pattern("a") + "---\n" + pattern("b"))
    changes.delete(folder, objects.name("a"))
    assert (folder / "both.yaml").read_text() == "---\n" + pattern("b")
    changes.delete(folder, objects.name("b"))
    assert list(folder.iterdir()) == []


def test_a_name_in_no_file_is_not_found_and_files_not_looked_into_are_named(folder: Path) -> None:
    write(folder, broken="kind: [\n", other=pattern("a"))
    with pytest.raises(CommandError) as refused:
        changes.delete(folder, objects.name("b"))
    assert refused.value.code == Exit.NOT_FOUND
    assert "broken.yaml" in refused.value.advice


def test_a_name_written_twice_is_refused_with_both_places(folder: Path) -> None:
    write(folder, one=pattern("a"), two=pattern("a"))
    with pytest.raises(CommandError) as refused:
        changes.suspend(folder, objects.name("a"), True)
    assert refused.value.code == Exit.REFUSED
    assert len(refused.value.problems) == 2
