"""Bad input and a hostile machine: an exit code of its own, a line that names the place, never a traceback."""

import socket
from pathlib import Path

import pytest

from .weirs import Weir, big_orders, run

PATTERN = """\
apiVersion: weir.dev/v1alpha1
kind: Pattern
metadata: {name: a}
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that was brought up once and is not now."""
    (tmp_path / "folder" / ".weir").mkdir(parents=True)
    return tmp_path / "folder"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("kind: [\n", "<stdin>:", id="broken-yaml"),
        pytest.param(PATTERN.replace("kind: Pattern", "kind: Patern"), "<stdin>:2: kind: ", id="unknown-kind"),
        pytest.param(PATTERN + "  onMach: all\n", "<stdin>:13: spec.onMach: ", id="unknown-field"),
        pytest.param(PATTERN.replace("5s", "[5]"), "<stdin>:10: spec.within: ", id="wrong-type"),
        pytest.param(PATTERN.replace("  within: 5s\n", ""), "<stdin>:4: spec.within: ", id="within-missing"),
        pytest.param(PATTERN + "---\n" + PATTERN, "metadata.name: Pattern 'a' is already", id="two-of-one-name"),
    ],
)
@pytest.mark.parametrize("command", ["apply", "plan", "sql"])
def test_a_wrong_resource_is_refused_with_its_place(folder: Path, command: str, text: str, place: str) -> None:
    answer = run(command, "-f", "-", stdin=text, WEIR_DIR=str(folder))
    assert answer.code == 4, answer
    assert place in answer.err
    assert [file.name for file in folder.iterdir()] == [".weir"]


def test_an_unknown_kind_names_the_known_ones(folder: Path) -> None:
    answer = run("get", "pods", WEIR_DIR=str(folder))
    assert answer.code == 3
    assert "patterns (pat)" in answer.err


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    answer = run("up", str(tmp_path / "no"))
    assert answer.code == 3
    assert str(tmp_path / "no") in answer.err


def test_no_folder_at_all(tmp_path: Path) -> None:
    answer = run("get", cwd=tmp_path)
    assert answer.code == 3
    assert "weir up DIR" in answer.err


@pytest.mark.parametrize("arguments", [["get", "-o", "xml"], ["up"], ["frobnicate"], ["up", ".", "--port", "99999"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        weir = Weir(tmp_path / "folder")
        weir.folder.mkdir()
        (weir.folder / "big.yaml").write_text(big_orders())
        answer = run("up", str(weir.folder), "--port", str(port))
    assert answer.code == 6, answer
    assert f"{port}" in answer.err
    assert "--port" in answer.err
    assert list(weir.processes()) == []


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    answer = run("up", str(tmp_path), "--bootstrap-servers", "127.0.0.1:1")
    assert answer.code == 5, answer
    assert "127.0.0.1:1" in answer.err
    for command in (["tail", "t"], ["produce", "t"]):
        answer = run(*command, "--bootstrap-servers", "127.0.0.1:1", stdin="x\n")
        assert answer.code == 5, answer


def test_the_kafka_of_a_folder_that_is_down(folder: Path) -> None:
    answer = run("tail", "t", WEIR_DIR=str(folder))
    assert answer.code == 5
    assert "weir up" in answer.err


def test_a_state_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / ".weir").write_text("a file, not a directory")  # what no permission of root's can get around
    answer = run("up", str(tmp_path))
    assert answer.code == 6, answer
    assert str(tmp_path / ".weir") in answer.err


def test_a_file_in_the_store_that_is_no_object_is_named_and_left_out(folder: Path) -> None:
    (folder / ".weir" / "objects").mkdir()
    (folder / ".weir" / "objects" / "Pattern.default.a.json").write_text("{")
    answer = run("get", WEIR_DIR=str(folder))
    assert answer.code == 0
    assert "Pattern.default.a.json" in answer.err
