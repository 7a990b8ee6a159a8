"""`weir` as a user runs it: a command in a process of its own, its answer, its exit code."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from support.waiting import wait_until

WEIR = Path(sys.executable).with_name("weir")

BIG_ORDERS = """\
# What the big customers bought.
apiVersion: weir.dev/v1alpha1
kind: StreamJob
metadata: {name: NAME}
spec:
  program:
    tables:
      - |
        CREATE TABLE orders (id STRING, customer STRING, amount DOUBLE) WITH (
          'connector' = 'kafka', 'topic' = 'orders', 'format' = 'json',
          'properties.bootstrap.servers' = '${weir:bootstrapServers}', 'properties.group.id' = 'NAME',
          'scan.startup.mode' = 'earliest-offset')
      - |
        CREATE TABLE big_orders (id STRING, amount DOUBLE) WITH (
          'connector' = 'kafka', 'topic' = 'NAME', 'format' = 'json',
          'properties.bootstrap.servers' = '${weir:bootstrapServers}', 'sink.delivery-guarantee' = 'exactly-once',
          'sink.transactional-id-prefix' = '${weir:transactionalIdPrefix}-big')
    inserts:
      - {name: big, sql: "INSERT INTO big_orders SELECT id, amount FROM orders WHERE amount > 100"}   # big enough?
    topics:
      - {name: orders, role: source}
      - {name: NAME}
  runtime: {checkpointInterval: 1s}
"""


def big_orders(name: str = "big-orders") -> str:
    """A StreamJob that copies orders of more than 100 to a topic of its own name."""
    return BIG_ORDERS.replace("NAME", name)


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table without its header; cells hold no blanks."""
        return [line.split() for line in self.out.splitlines()[1:]]


@dataclass
class Weir:
    """A folder and the `weir up` on it."""

    folder: Path
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """What `weir up` said."""
        return self.folder.parent / f"{self.folder.name}.log"

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = 240) -> Answer:
        """Run a command on the folder; no answer may hold a traceback."""
        return run(*arguments, stdin=stdin, timeout=timeout, WEIR_DIR=str(self.folder))

    def up(self) -> None:
        """Start `weir up`; again after its end."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(WEIR), "up", str(self.folder), *self.options], stdout=log, stderr=log, start_new_session=True
            )

    def said(self) -> str:
        """Everything it has said."""
        return self.log.read_text() if self.log.exists() else ""

    def await_said(self, text: str, deadline: float = 120) -> None:
        """Until it has said this."""
        self.wait(lambda: text in self.said(), deadline, f"weir up to say {text!r}")

    def resource(self, name: str = "big-orders") -> dict[str, Any]:
        """A resource with its status; empty while there is none."""
        answer = self("get", "all", name, "-o", "json")
        if answer.code != 0:
            return {}
        document: dict[str, Any] = json.loads(answer.out)
        return document

    def phase(self, name: str = "big-orders") -> str:
        """Its phase."""
        return str(self.resource(name).get("status", {}).get("phase"))

    def await_phase(self, phase: str, name: str = "big-orders", deadline: float = 200) -> None:
        """Until the resource is in this phase."""
        self.wait(lambda: self.phase(name) == phase, deadline, f"{name} to be {phase}", every=0.5)

    def wait(
        self,
        condition: Callable[[], object],
        deadline: float,
        what: str,
        every: float = 0.1,
        showing: Callable[[], object] | None = None,
    ) -> None:
        """Until the condition holds; an end of `weir up` is its own error."""

        def asked() -> object:
            assert self.process is None or self.process.poll() is None, f"weir up has ended: {self.said()[-3000:]}"
            return condition()

        try:
            wait_until(asked, deadline, what, every, showing)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()[-3000:]}") from None

    def end(self, number: signal.Signals = signal.SIGINT, deadline: float = 150) -> int:
        """Signal `weir up` and wait for its end; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(deadline)
        self.process = None
        return code

    def processes(self) -> Iterator[psutil.Process]:
        """Every process that was started for this folder and still runs."""
        own = str(self.folder)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and any(own in part for part in process.cmdline()):
                    yield process

    def close(self) -> None:
        """End whatever is left, whatever became of the test."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for process in list(self.processes()):
            with contextlib.suppress(psutil.Error):
                process.kill()


def run(*arguments: str, stdin: str = "", timeout: float = 240, cwd: Path | None = None, **environment: str) -> Answer:
    """Run `weir`. A traceback is never an answer."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_DIR")}
    done = subprocess.run(
        [str(WEIR), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**clean, **environment},
        cwd=cwd,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert "\x1b" not in done.stdout + done.stderr, "control characters in a pipe"
    return Answer(done.returncode, done.stdout, done.stderr)
