"""`weir up` killed, and ended in order: what runs on, and what the next one finds."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .weirs import Weir, big_orders


@pytest.fixture
def own(tmp_path: Path, kafka: str) -> Iterator[Weir]:
    """A folder of the test's own, on a Kafka that is there already."""
    started = Weir(tmp_path / "folder", ("--bootstrap-servers", kafka))
    started.folder.mkdir()
    (started.folder / "big.yaml").write_text(big_orders("taken-over"))
    yield started
    started.close()


@pytest.mark.timeout(600)
def test_killed_it_leaves_the_job_running_and_the_next_takes_it_over(own: Weir) -> None:
    own.up()
    own.await_phase("Running", "taken-over")
    job = own.resource("taken-over")["status"]["job"]["id"]
    launchers = {process.pid for process in own.processes() if "launcher" in " ".join(process.cmdline())}
    own.end(signal.SIGKILL)
    assert launchers <= set(psutil.pids())

    own.up()
    own.await_said("taken over")
    own.await_phase("Running", "taken-over")
    assert own.resource("taken-over")["status"]["job"]["id"] == job
    assert launchers <= set(psutil.pids())

    assert own.end(signal.SIGTERM) == 0, own.said()
    assert list(own.processes()) == []
    assert own.phase("taken-over") == "Suspended"
    assert "suspended" not in (own.folder / "big.yaml").read_text()

    own.up()
    own.await_phase("Running", "taken-over")
    status = own.resource("taken-over")["status"]
    assert status["job"]["id"] != job
    assert status["job"]["restoredFrom"] == status["savepoint"]["location"]
