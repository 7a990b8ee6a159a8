"""One JVM with Flink in it and no cluster, for tests that only plan."""

from collections.abc import Iterator

import pytest

from weir_api.blocks import Runtime
from weir_api.launchers import RevisionConfig
from weir_api.streamjobs import Insert, Program
from weir_operator.fleet import artifacts
from weir_runtime.launcher import distributions, gateways, settings


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateways.Gateway]:
    home, temporary = gateways.flink_home(), tmp_path_factory.mktemp("jvm")
    nothing = Program(tables=(), inserts=(Insert(name="none", sql="INSERT INTO none SELECT 1"),))
    config = RevisionConfig(
        namespace="default", name="none", revision="r", program=nothing, runtime=Runtime(),
        bootstrap_servers="localhost:9092", state_directory=temporary.as_uri(), work_directory=str(temporary),
    )  # fmt: skip
    options = settings.jvm_options(config, temporary, distributions.module_openings(home))
    jars = ":".join(map(str, artifacts.connector_jars()))
    process = gateways.start_jvm(options, distributions.classpath(home, jars))
    connected = gateways.connect_own(process)
    yield connected
    connected.stop()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
