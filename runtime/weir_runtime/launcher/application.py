"""Application mode: the launcher as main() of a JobManager, TaskManagers as processes of their own.

`python -m weir_runtime.launcher.application jobmanager|taskmanager CONFIG.json DIRECTORY [--set KEY=VALUE ...]`
prepares Flink's configuration in DIRECTORY and becomes that process. Kubernetes runs exactly this in its containers;
`--set` carries what only the place knows: addresses, ports, high availability.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ruamel.yaml import YAML

from weir_api.launchers import RevisionConfig

from . import gateways, settings
from .distributions import classpath

Role = Literal["jobmanager", "taskmanager"]

_DRIVER: Final = "org.apache.flink.client.python.PythonDriver"
_LAUNCHER: Final = "weir_runtime.launcher"
_SHIPPED_JVM_OPTIONS: Final = ("env", "java", "opts", "all")
_LOG_CONFIGURATION: Final = "log4j-console.properties"


@dataclass(frozen=True)
class Command:
    """A process to become: its arguments, the first being the program, and its whole environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def cluster_settings(config: RevisionConfig, places: Mapping[str, str]) -> dict[str, str]:
    """Flink's configuration for both roles; `places` are the addresses and what else only the place knows."""
    runtime = config.runtime
    memory = runtime.resources.mebibytes
    # Two fifths of all memory otherwise, which nobody but RocksDB uses.
    managed = {} if runtime.state_backend == "rocksdb" else {"taskmanager.memory.managed.size": "64m"}
    return {
        **managed,
        "jobmanager.memory.process.size": f"{max(768, memory)}m",
        "taskmanager.memory.process.size": f"{max(768, memory)}m",
        "taskmanager.memory.jvm-metaspace.size": "160m",
        "taskmanager.numberOfTaskSlots": str(-(-runtime.parallelism // runtime.task_managers)),
        # A TaskManager that ran out of memory lives on and does nothing.
        "taskmanager.jvm-exit-on-oom": "true",
        "web.submit.enable": "false",
        "web.refresh-interval": "100",
        # A TaskManager that came up before its JobManager would otherwise wait ten seconds, and so would standby.
        "cluster.registration.error-delay": "1 s",
        **runtime.flink_configuration,
        **places,
    }


def prepare(directory: Path, own: Mapping[str, str], home: Path, connectors: str) -> dict[str, str]:
    """Writes `conf` and `lib` into the directory and returns the environment variables that point Flink to them.

    The shipped JVM options stay: without them Flink dies of an InaccessibleObjectException.
    """
    configuration, library = directory / "conf", directory / "lib"
    for folder in (configuration, library, directory / "log"):
        folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML(typ="safe")
    shipped = yaml.load((home / "conf" / "config.yaml").read_text())
    for part in _SHIPPED_JVM_OPTIONS:
        shipped = shipped[part]
    with (configuration / "config.yaml").open("w") as file:
        yaml.dump({".".join(_SHIPPED_JVM_OPTIONS): shipped, **own}, file)
    shutil.copyfile(settings.LOG_CONFIGURATION, configuration / _LOG_CONFIGURATION)
    for jar in classpath(home, connectors):
        link = library / jar.name
        if jar.parent != home / "opt" and not link.exists():
            link.symlink_to(jar.resolve())
    return {
        "FLINK_CONF_DIR": str(configuration),
        "FLINK_LIB_DIR": str(library),
        "FLINK_OPT_DIR": str(home / "opt"),
        "FLINK_PLUGINS_DIR": str(home / "plugins"),
        "FLINK_LOG_DIR": str(directory / "log"),
    }


def command(role: Role, config_file: Path, environment: Mapping[str, str], home: Path) -> Command:
    """The shipped scripts, in the foreground, so that the process is Flink's own and gets its signals."""
    java_home = Path(gateways.java_executable()).parent.parent
    variables = {**os.environ, **environment, "JAVA_HOME": str(java_home), "MALLOC_ARENA_MAX": "2"}
    if role == "taskmanager":
        return Command((str(home / "bin" / "taskmanager.sh"), "start-foreground"), variables)
    launcher = ("-pyclientexec", sys.executable, "-pym", _LAUNCHER, str(config_file.resolve()))
    script = str(home / "bin" / "standalone-job.sh")
    return Command((script, "start-foreground", "--job-classname", _DRIVER, *launcher), variables)


def main(arguments: Sequence[str]) -> None:
    """Prepares and becomes the role's process; never returns."""
    parser = argparse.ArgumentParser(prog="python -m weir_runtime.launcher.application", description=__doc__)
    parser.add_argument("role", choices=("jobmanager", "taskmanager"))
    parser.add_argument("config", type=Path, help="the RevisionConfig as JSON")
    parser.add_argument("directory", type=Path, help="where Flink's configuration is written")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a Flink setting of this place")
    given = parser.parse_args(arguments)
    config = RevisionConfig.model_validate_json(given.config.read_text())
    places = dict(setting.split("=", 1) for setting in given.set)
    home = gateways.flink_home()
    connectors = os.environ.get("WEIR_JARS", "")
    environment = prepare(given.directory, cluster_settings(config, places), home, connectors)
    process = command(given.role, given.config, environment, home)
    os.execve(process.arguments[0], list(process.arguments), dict(process.environment))


if __name__ == "__main__":
    main(sys.argv[1:])
