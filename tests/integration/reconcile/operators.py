"""An operator in a process of its own, which a test can have killed right after any step was recorded.

`python operators.py DIRECTORY [STEP]`: reconciles the objects below DIRECTORY until SIGTERM; with STEP it kills itself
the moment that step is on disk and nothing of it is done.
"""

import logging
import os
import signal
import sys
from pathlib import Path

from weir_api.resources import Resource
from weir_api.statuses import Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet import java
from weir_operator.fleet.directories import Directories
from weir_operator.fleet.local import LauncherEnvironment, LocalFleet
from weir_operator.fleet.locks import exclusive
from weir_operator.fleet.store import Key, Store, StoredObject
from weir_operator.reconcile.loops import Loop
from weir_operator.reconcile.passes import Reconciler
from weir_operator.reconcile.resources import ResourceReconciler


class SuicidalStore(Store):
    """Its process dies by SIGKILL once this step is recorded."""

    deadly_step = ""

    def write_status(self, key: Key, uid: str, status: Status, version: str | None = None) -> StoredObject:
        """As Store's."""
        written = super().write_status(key, uid, status, version)
        if status.rollover is not None and status.rollover.step == self.deadly_step:
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def _nothing(_: Resource) -> StreamJobSpec:
    raise AssertionError("only StreamJobs are written here")


def main(root: Path, deadly_step: str) -> None:
    """Reconcile until told to end."""
    directories = Directories(root)
    store = SuicidalStore(directories.objects)
    store.deadly_step = deadly_step
    fleet = LocalFleet(directories, "localhost:1", LauncherEnvironment(java.java_home()))
    loop = Loop(Reconciler(store, fleet), ResourceReconciler(store, _nothing))
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    with exclusive(directories.lock):
        loop.run()
    fleet.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
