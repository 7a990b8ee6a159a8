"""The tests in this folder need a cluster and images: `make e2e` sees to both. Other runs pass them over."""

import os
from collections.abc import Iterator

import pytest

from weir_operator.fleet import broker

from . import kubectl, releases

IMAGES = {role: os.environ.get(f"WEIR_{role.upper()}_IMAGE", "") for role in ("operator", "runtime")}

# Not collected rather than skipped: a run without a cluster has nothing to say of them.
collect_ignore_glob = [] if all(IMAGES.values()) else ["test_*.py"]


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """The images under test, by role."""
    return IMAGES


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker on this machine's address that pods reach."""
    started = broker.ensure(tmp_path_factory.mktemp("kafka"), heap_megabytes=400, host=os.environ["NODE_IP"])
    yield started.bootstrap_servers
    started.stop()


@pytest.fixture(scope="module")
def release(images: dict[str, str]) -> Iterator[releases.Release]:
    """The chart, installed in a namespace of its own; nothing of it is left afterwards."""
    namespace = "weir-e2e"
    kubectl.run("create", "namespace", namespace)
    installed = releases.Release("weir", namespace, images)
    try:
        yield installed
    finally:
        installed.remove_everything()
