"""Connector jars, and one JVM for tests that only plan."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir_operator.fleet import artifacts
from weir_runtime.launcher import distributions, gateways, settings

from .configs import config


@pytest.fixture(scope="session")
def jars() -> tuple[Path, ...]:
    return artifacts.connector_jars()


@pytest.fixture(scope="session")
def gateway(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateways.Gateway]:
    """A JVM with Flink in it and no cluster."""
    home, temporary = gateways.flink_home(), tmp_path_factory.mktemp("jvm")
    options = settings.jvm_options(config(temporary), temporary, distributions.module_openings(home))
    process = gateways.start_jvm(options, distributions.classpath(home, ":".join(map(str, jars))))
    connected = gateways.connect_own(process)
    yield connected
    connected.stop()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
