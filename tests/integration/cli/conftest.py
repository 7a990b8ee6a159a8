"""One folder that is up, shared by the tests that only look at it or leave it as it was."""

from collections.abc import Iterator

import pytest

from .weirs import Weir, big_orders


@pytest.fixture(scope="package")
def weir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    """A folder with one StreamJob, up with a Kafka of its own."""
    started = Weir(tmp_path_factory.mktemp("cli") / "folder")
    started.folder.mkdir()
    (started.folder / "big.yaml").write_text(big_orders())
    started.up()
    try:
        started.await_phase("Running")
        yield started
        assert started.end() == 0, started.said()
        assert list(started.processes()) == []
    finally:
        started.close()
