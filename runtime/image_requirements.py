"""What an image installs with pip, as pyproject.toml has it: `... EXTRA [--only NAME | --without NAME]`.

Used while the images are built, before the sources are there: dependencies then stay in a layer of their own, which is
built anew only when they change. The standard library is all there is at that point.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path


def requirements(project: Path, extra: str) -> list[str]:
    """The project's own dependencies and those of one extra, in order."""
    table = tomllib.loads(project.read_text())["project"]
    return [*table["dependencies"], *table["optional-dependencies"][extra]]


def name(requirement: str) -> str:
    """The package a requirement is about."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    if found is None:
        raise ValueError(f"{requirement!r} names no package")
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """Prints one requirement a line; fails when --only or --without names none, so that no pin is lost unnoticed."""
    parser = argparse.ArgumentParser(prog="image_requirements.py", description=__doc__)
    parser.add_argument("extra")
    parser.add_argument("--project", type=Path, default=Path("pyproject.toml"))
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--only")
    choice.add_argument("--without")
    given = parser.parse_args(arguments)
    wanted = requirements(given.project, given.extra)
    chosen = given.only or given.without
    if chosen and chosen not in map(name, wanted):
        parser.error(f"{given.project} asks for no {chosen} in {given.extra}")
    for requirement in wanted:
        if chosen is None or (name(requirement) == chosen) == bool(given.only):
            print(requirement)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
