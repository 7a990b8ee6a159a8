"""How long nothing is read when a spec changes, and how that grows with state.

A Pattern under `weir up`, its emit edited while records keep coming in real time. Two figures for each size of state:
`statusGapSeconds` is what Weir reports (the old job's end to all tasks of the new one running); `outputGapSeconds` is
what a reader would see (the broker's time of the old revision's last result to that of the new one's first).
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psutil
from confluent_kafka import Producer
from rich.table import Table

import harness
from harness import Lab
from patterns import document
from visits import START_OF_TIME
from weir_api.statuses import Status
from weir_api.streamjobs import Topic
from weir_operator.fleet.store import Key, Store

WEIR: Final = str(Path(sys.executable).with_name("weir"))
NAME: Final = "gap"
PAD: Final = "x" * 900
PAIRS_PER_SECOND: Final = 500
MEMORY: Final = {0: "1Gi", 100: "2Gi", 1_000: "10Gi"}
"""MB of state: memory of the process; a heap must hold the state of two checkpoints."""


STATES: Final = ("0:hashmap", "100:hashmap", "1000:hashmap", "1000:rocksdb")


@dataclass(frozen=True)
class Gap:
    """One change of spec."""

    state_megabytes: int
    backend: str
    savepoint_bytes: int
    savepoint_seconds: float
    status_gap_seconds: float
    output_gap_seconds: float
    change_seconds: float
    """From the edit to the new revision being stable."""
    steps: dict[str, float]
    """Seconds from the edit to each recorded step."""
    load_before: float
    load_after: float


class Up:
    """`weir up` on a folder with the one Pattern."""

    def __init__(self, folder: Path, servers: str) -> None:
        self._folder = folder
        self._store = Store(folder / ".weir" / "objects")
        with (folder / "up.log").open("wb") as log:
            self._process = subprocess.Popen(
                [WEIR, "up", str(folder), "--bootstrap-servers", servers], stdout=log, stderr=log
            )

    def status(self) -> Status:
        """What is recorded of the StreamJob."""
        if self._process.poll() is not None:
            raise RuntimeError(f"weir up has ended:\n{(self._folder / 'up.log').read_text()[-2000:]}")
        found = self._store.get(Key(kind="StreamJob", name=NAME))
        return found.status if found else Status()

    def await_running(self, other_than: str | None, deadline: float) -> Status:
        """The status once another revision is stable."""

        def stable() -> Status | None:
            status = self.status()
            done = status.phase == "Running" and status.rollover is not None and status.rollover.step == "Done"
            return status if done and status.revision != other_than else None

        found = harness.until(stable, deadline, "the revision to be stable", every=0.1)
        assert found is not None
        return found

    def close(self) -> None:
        """Stop everything at once; what was measured is on record."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            harness.kill(psutil.Process(self._process.pid))


def spec(label: str, megabytes: int, backend: str, source: str, sink: str) -> str:
    """The Pattern; `label` goes into its results and is what the edit changes."""
    steps = f"""\
  sequence:
    - {{name: start, where: "metric = 'products_fetch_start'"}}
    - {{name: end, where: "metric = 'products_fetch_end'"}}
  emit: {{label: "'{label}'", n: end.n}}
"""
    further = f"""\
  runtime:
    stateBackend: {backend}
    checkpointInterval: {"5s" if megabytes < 500 else "30s"}
    resources: {{memory: {MEMORY[megabytes]}}}
"""
    # With no state to be filled, the records that keep coming must not fill it either.
    return document(NAME, steps, source, sink, further=further, within_ms=86_400_000 if megabytes else 5_000)


def visit(session: int, metric: str, at: int, pad: str = "") -> bytes:
    """A record of the stream."""
    text = '{"session":"s%010d","metric":"%s","value":1,"at":%d,"n":%d,"page":"%s"}'
    return (text % (session, metric, at, session, pad)).encode()


def preload(megabytes: int) -> Iterator[bytes]:
    """Starts that never get an end, about 1 kB of state each."""
    for session in range(megabytes * 1_000):
        yield visit(session, "products_fetch_start", START_OF_TIME + session // 100, PAD)


@contextmanager
def load(servers: str, topic: str, first_session: int, began_at: int) -> Iterator[None]:
    """Pairs of start and end in real time, from a thread, while the block runs."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})
    stopping = threading.Event()

    def run() -> None:
        began, sent = time.monotonic(), 0
        while not stopping.wait(0.01):
            while sent < (time.monotonic() - began) * PAIRS_PER_SECOND:
                at = began_at + sent * 1_000 // PAIRS_PER_SECOND
                producer.produce(topic, visit(first_session + sent, "products_fetch_start", at))
                producer.produce(topic, visit(first_session + sent, "products_fetch_end", at + 1))
                sent += 1
            producer.poll(0)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        producer.flush(30)


def measure(lab: Lab, megabytes: int, backend: str) -> Gap:
    """One Pattern, its state filled, one edit under load."""
    source, sink = lab.name("gap-events"), lab.name("gap-results")
    lab.make_topics([Topic(name=source)])
    lab.make_topics([Topic(name=sink)], message_timestamp_type="LogAppendTime")
    sessions = lab.fill(source, preload(megabytes))
    folder = lab.directory / lab.name("folder")
    folder.mkdir()
    file = folder / f"{NAME}.yaml"
    file.write_text(spec("old", megabytes, backend, source, sink))
    up = Up(folder, lab.bootstrap_servers)
    try:
        first = up.await_running(None, 180)
        with load(lab.bootstrap_servers, source, sessions, START_OF_TIME + sessions // 100 + 1_000):
            harness.until(lambda: up.status() and lab.count(sink) > 5 * PAIRS_PER_SECOND, 600, "results", 0.5)
            load_before, edited = os.getloadavg()[0], time.time()
            draft = folder / ".draft"
            draft.write_text(spec("new", megabytes, backend, source, sink))
            draft.replace(file)
            status = up.await_running(first.revision, 600)
            load_after, changed = os.getloadavg()[0], time.time()
            ends = lab.count(sink)
            harness.until(lambda: lab.count(sink) > ends + PAIRS_PER_SECOND, 120, "results of the new revision", 0.5)
    finally:
        up.close()
    state, span = (megabytes, backend), (edited, changed)
    return _gap(lab, sink, status, state=state, changed=span, load_average=(load_before, load_after))


def _gap(
    lab: Lab,
    sink: str,
    status: Status,
    *,
    state: tuple[int, str],
    changed: tuple[float, float],
    load_average: tuple[float, float],
) -> Gap:
    rollover, savepoint = status.rollover, status.savepoint
    assert rollover is not None and savepoint is not None
    at = {label: [time for time, value in lab.results(sink) if value["label"] == label] for label in ("old", "new")}
    return Gap(
        state_megabytes=state[0],
        backend=state[1],
        savepoint_bytes=_size(savepoint.location),
        savepoint_seconds=rollover.savepoint_seconds or 0.0,
        status_gap_seconds=rollover.gap_seconds or 0.0,
        output_gap_seconds=(at["new"][0] - at["old"][-1]) / 1_000,
        change_seconds=changed[1] - changed[0],
        steps={record.step: round(record.at.timestamp() - changed[0], 2) for record in rollover.history},
        load_before=load_average[0],
        load_after=load_average[1],
    )


def _size(location: str) -> int:
    directory = Path(unquote(urlsplit(location).path))
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--states",
        nargs="+",
        default=["0:hashmap", "100:hashmap", "1000:hashmap", "1000:rocksdb"],
        metavar="MB:BACKEND",
    )
    parser.add_argument("--rounds", type=int, default=3, help="changes measured with no state; the others once")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    gaps: list[Gap] = []
    with harness.lab(one_core=False) as lab:
        for state in arguments.states:
            megabytes, _, backend = state.partition(":")
            for _ in range(arguments.rounds if megabytes == "0" else 1):
                gaps.append(measure(lab, int(megabytes), backend or "hashmap"))
                harness.CONSOLE.print(gaps[-1], highlight=False)
    table = Table("state", "savepoint", "saved in", "gap (status)", "gap (output)", "edit to stable")
    for gap in gaps:
        table.add_row(
            f"{gap.state_megabytes} MB {gap.backend}",
            f"{gap.savepoint_bytes / 1e6:,.1f} MB",
            f"{gap.savepoint_seconds:.2f} s",
            f"{gap.status_gap_seconds:.2f} s",
            f"{gap.output_gap_seconds:.2f} s",
            f"{gap.change_seconds:.1f} s",
        )
    harness.CONSOLE.print(table)
    small = statistics.median(gap.status_gap_seconds for gap in gaps[: arguments.rounds])
    measured = {"gaps": [asdict(gap) for gap in gaps], "smallStateMedianSeconds": small, "aimSeconds": 3}
    harness.report("rollover", measured, vars(arguments), arguments.write)


if __name__ == "__main__":
    main()
