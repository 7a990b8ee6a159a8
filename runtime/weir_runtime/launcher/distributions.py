"""Files of the Flink distribution: its jars, and the JVM flags its shipped configuration asks for."""

import os
from pathlib import Path

from ruamel.yaml import YAML


def classpath(home: Path, connectors: str) -> list[Path]:
    """Flink's jars, the gateway's, and the connector jars given as a ":"-separated list.

    Raises FileNotFoundError for a connector jar that is not there.
    """
    own = [*sorted((home / "lib").glob("*.jar")), *sorted((home / "opt").glob("flink-python*.jar"))]
    further = [Path(jar) for jar in connectors.split(os.pathsep) if jar]
    for jar in further:
        if not jar.is_file():
            raise FileNotFoundError(f"connector jar {jar} is not there")
    return [*own, *further]


def module_openings(home: Path) -> list[str]:
    """The --add-opens and --add-exports flags without which Flink dies of an InaccessibleObjectException."""
    shipped = YAML(typ="safe").load((home / "conf" / "config.yaml").read_text())
    return str(shipped["env"]["java"]["opts"]["all"]).split()
