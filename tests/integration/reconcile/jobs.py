"""A counted stream through a real Flink: every number once, or it shows."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import JsonValue

from weir_api.statuses import Status
from weir_operator.fleet import processes
from weir_operator.fleet.directories import Directories
from weir_operator.fleet.store import Key, Spec, Store

OPERATOR = Path(__file__).with_name("operators.py")
KEY = Key(kind="StreamJob", name="numbers")
PATIENCE = 240.0  # seconds; a launcher takes ten on an idle machine


@dataclass
class Stage:
    """A state directory, what is written below it, and the operator that looks after it."""

    root: Path
    operator: "subprocess.Popen[bytes] | None" = None
    store: Store = field(init=False)
    places: Directories = field(init=False)

    def __post_init__(self) -> None:
        self.places = Directories(self.root / ".weir")
        self.store = Store(self.places.objects)

    @property
    def output(self) -> Path:
        """Where the job writes."""
        return self.root / "numbers"

    def spec(self, word: str, key: str = "m", number: str = "id", **further: JsonValue) -> Spec:
        """A program that writes every number with this word, and keeps a sum per key."""
        numbers = (
            "CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200', "
            "'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '400000')"
        )
        written = (
            "CREATE TABLE written (id BIGINT, word STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', "
            f"'path' = '{self.output.as_uri()}')"
        )
        sums = "CREATE TABLE sums (m BIGINT, n BIGINT) WITH ('connector' = 'blackhole')"
        inserts: list[JsonValue] = [
            {"name": "all", "sql": f"INSERT INTO written SELECT {number}, '{word}' FROM numbers"},
            {"name": "sums", "sql": f"INSERT INTO sums SELECT {key}, COUNT(*) FROM keyed GROUP BY {key}"},
        ]
        keyed = "CREATE VIEW keyed AS SELECT MOD(id, 7) AS m, MOD(id, 5) AS l FROM numbers"
        return {
            "program": {"tables": [numbers, written, sums, keyed], "inserts": inserts},
            "runtime": {"checkpointInterval": "1s"},
            **further,
        }

    def apply(self, word: str, key: str = "m", number: str = "id", **further: JsonValue) -> int:
        """Give the job this program; the generation it is."""
        return self.store.apply(KEY, self.spec(word, key, number, **further))[0].metadata.generation

    @property
    def status(self) -> Status:
        """What is recorded."""
        found = self.store.get(KEY)
        return found.status if found is not None else Status()

    def start_operator(self, deadly_step: str = "") -> None:
        """An operator of our own; see operators.py."""
        with (self.root / "operator.log").open("ab") as log:
            command = [sys.executable, str(OPERATOR), str(self.places.root), deadly_step]
            self.operator = subprocess.Popen(command, stdout=log, stderr=log)

    def operator_dies(self) -> None:
        """Wait until it has killed itself."""
        assert self.operator is not None
        assert self.operator.wait(PATIENCE) == -signal.SIGKILL
        self.operator = None

    def stop_operator(self) -> None:
        """End it, as a user would; jobs go on."""
        if self.operator is not None:
            self.operator.terminate()
            assert self.operator.wait(60) == 0
            self.operator = None

    def until(self, what: str, holds: Callable[[Status], bool]) -> Status:
        """Wait for the status to be so. Fails naming `what`."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            status = self.status
            if holds(status):
                return status
            time.sleep(0.02)
        log = (self.root / "operator.log").read_text()[-3000:]
        raise AssertionError(f"{what} did not come: {self.status.model_dump_json(indent=1)}\n{log}")

    def settled(self, generation: int, phase: str) -> Status:
        """Wait until this generation has come to this phase."""
        return self.until(
            f"{phase} of generation {generation}",
            lambda status: (
                status.observed_generation == generation
                and status.phase == phase
                and status.rollover is not None
                and status.rollover.generation == generation
            ),
        )

    def rows(self) -> list[tuple[int, str]]:
        """What was committed so far."""
        found: list[tuple[int, str]] = []
        for part in self.output.glob("part-*"):
            for line in part.read_text().splitlines():
                number, _, word = line.partition(",")
                found.append((int(number), word))
        return found

    def until_written(self, word: str) -> None:
        """Wait until a row with this word is committed."""
        self.until(f"a row with {word}", lambda _: any(one == word for _, one in self.rows()))

    def check_exact(self) -> int:
        """Every number from 0 to the largest exactly once; how many there are."""
        counts = Counter(number for number, _ in self.rows())
        twice = sorted(number for number, times in counts.items() if times > 1)
        missing = sorted(set(range(max(counts, default=-1) + 1)) - counts.keys())
        assert (twice, missing) == ([], []), (twice[:10], missing[:10], len(counts))
        return len(counts)

    def launcher(self) -> processes.ProcessRecord:
        """The process of the job in effect."""
        assert self.status.job is not None
        record = processes.read_record(self.places.work(KEY, self.status.job.revision) / "process.json")
        assert record is not None
        return record

    def launchers(self) -> list[psutil.Process]:
        """Every launcher below this directory that lives."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.places.root) in part for part in process.cmdline()) and process.status() != "zombie":
                    found.append(process)
        return found

    def clear(self) -> None:
        """End everything that was started here."""
        if self.operator is not None:
            self.operator.kill()
            self.operator.wait()
        for record in self.places.root.glob("revisions/*/*/process.json"):
            if (found := processes.read_record(record)) is not None and found.pid:
                processes.signal_group(found, signal.SIGKILL)


def staged(root: Path) -> Iterator[Stage]:
    """A stage that leaves nothing running."""
    stage = Stage(root)
    try:
        yield stage
    finally:
        stage.clear()
        assert os.getpid()
