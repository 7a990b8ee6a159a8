"""Reading a state directory that Flink writes to at the same time."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weir_runtime.launcher.gateways import Gateway
from weir_runtime.launcher.restore_points import StateDirectory

JOB = "b" * 32
LOOKS = 150


@contextmanager
def checkpoints_that_come_and_go(directory: Path) -> Iterator[None]:
    """As a job that completes one and lets go of the one before."""
    stop = threading.Event()

    def write() -> None:
        number = 1
        while not stop.is_set():
            checkpoint = directory / f"chk-{number}"
            checkpoint.mkdir(parents=True)
            (checkpoint / "_metadata").write_bytes(b"state")
            shutil.rmtree(directory / f"chk-{number - 1}", ignore_errors=True)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def test_checkpoints_that_vanish_while_it_looks(gateway: Gateway, tmp_path: Path) -> None:
    savepoint = tmp_path / "savepoints" / "savepoint-abcdef-0123456789ab"
    savepoint.mkdir(parents=True)
    (savepoint / "_metadata").write_bytes(b"state")
    state = StateDirectory(gateway, tmp_path.as_uri())
    with checkpoints_that_come_and_go(tmp_path / "checkpoints" / JOB):
        for _ in range(LOOKS):
            found = [Path(point.location.removeprefix("file:")) for point in state.restore_points()]
            assert savepoint in found
