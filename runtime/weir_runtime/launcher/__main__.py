"""`python -m weir_runtime.launcher CONFIG.json`: runs one revision; see weir_api.launchers for what it answers.

Environment: WEIR_JARS (connector jars, ":"-separated), WEIR_SECRETS_DIR (<name>/<key> files), WEIR_LAUNCHER_HOST and
WEIR_LAUNCHER_PORT (default 127.0.0.1 and any free port), JAVA_HOME. Run by Flink's PythonDriver, it is the main() of
a JobManager and uses that one's JVM. Exit codes: 0 after a shutdown, 1 when the JVM is lost, 2 for a bad call.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from weir_api.launchers import FieldError, RevisionConfig
from weir_runtime.announcements import announce

from . import gateways, settings, variables
from .boards import Board
from .clusters import ApplicationCluster, Cluster, EmbeddedCluster
from .distributions import classpath, module_openings
from .losses import LostError
from .planners import Planner
from .records import StartRecords, UnreadableRecordError
from .supervisors import Supervisor

LOGGER: Final = logging.getLogger("weir.launcher")
_JOBMANAGER_PORT: Final = "PYFLINK_GATEWAY_PORT"


def main(arguments: list[str]) -> int:
    """Runs until shut down; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-5s launcher %(message)s")
    if len(arguments) != 1:
        print("usage: python -m weir_runtime.launcher CONFIG.json", file=sys.stderr)
        return 2
    try:
        config = RevisionConfig.model_validate_json(Path(arguments[0]).read_text())
        work = _prepared(Path(config.work_directory))
        process = None if _JOBMANAGER_PORT in os.environ else _start_jvm(config, work / "tmp")
    except (OSError, ValidationError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 2
    records = StartRecords(work)
    try:
        board = Board(config, records, records.read(config.revision))
    except UnreadableRecordError as error:
        # Whether a job was started here is not known, and a second one would write everything twice.
        board = Board(config, records, None)
        board.update(phase="refused", errors=(FieldError(message=str(error)),))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: board.shutdown())
    _announce(config, board, work)
    return _run(config, board, process, work)


def _prepared(work: Path) -> Path:
    """The work directory, without what an earlier life left in its temporary folder."""
    temporary = work / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return work


def _start_jvm(config: RevisionConfig, temporary: Path) -> "subprocess.Popen[bytes]":
    options = settings.jvm_options(config, temporary, module_openings(gateways.flink_home()))
    return gateways.start_jvm(options, classpath(gateways.flink_home(), os.environ.get("WEIR_JARS", "")))


def _announce(config: RevisionConfig, board: Board, work: Path) -> None:
    """Serves, and says where, in the endpoint file."""
    from .servers import serve  # noqa: PLC0415 - the JVM comes up while the web server's modules are read

    host, port = os.environ.get("WEIR_LAUNCHER_HOST", "127.0.0.1"), int(os.environ.get("WEIR_LAUNCHER_PORT", "0"))
    url = serve(board, host, port)
    announce(work, url, config.revision)
    LOGGER.info("revision %s of %s/%s answers at %s", config.revision, config.namespace, config.name, url)


def _run(config: RevisionConfig, board: Board, process: "subprocess.Popen[bytes] | None", work: Path) -> int:
    gateway: gateways.Gateway | None = None
    try:
        if process is None:
            gateway = gateways.connect_jobmanager(int(os.environ[_JOBMANAGER_PORT]))
        else:
            gateway = gateways.connect_own(process)
        secrets = os.environ.get("WEIR_SECRETS_DIR")
        supervisor = Supervisor(
            config=config,
            board=board,
            gateway=gateway,
            variables=variables.of_revision(config, Path(secrets) if secrets else None),
            new_planner=lambda chosen: Planner(gateway, chosen, in_jobmanager=process is None),
            new_cluster=_cluster(config, gateway, work),
        )
        supervisor.run()
        return 0
    except (LostError, gateways.GatewayLostError) as error:
        LOGGER.error("%s", error)
        return 1
    finally:
        if gateway is not None:
            gateway.stop()
        elif process is not None:
            process.kill()


def _cluster(config: RevisionConfig, gateway: gateways.Gateway, work: Path) -> Callable[[], Cluster]:
    """Gives the cluster when it is needed. An embedded one comes up from now on, while the program is compiled."""
    if gateway.process is None:
        return lambda: ApplicationCluster(gateway)
    coming: Future[Cluster] = Future()

    def start() -> None:
        try:
            own = settings.embedded_settings(config, work / "tmp")
            coming.set_result(EmbeddedCluster(gateway, own, config.runtime.parallelism))
        except (gateways.JavaError, gateways.GatewayLostError) as error:
            coming.set_exception(LostError(f"Flink did not start: {error}"))

    if not config.plan_only:
        threading.Thread(target=start, daemon=True, name="cluster").start()
    return coming.result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
