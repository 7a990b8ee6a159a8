"""Memory of one embedded pipeline: its launcher (Python) and its JVM, reading as fast as it can, default settings.

What counts is the highest resident size of both together; shared pages are counted for each, so it is never too low.
"""

import argparse
import os
from dataclasses import asdict, dataclass
from typing import Final

import psutil
from rich.table import Table

import harness
import patterns
from harness import Lab
from visits import Counts, Shape, stream
from weir_api.blocks import Runtime
from weir_api.streamjobs import Topic

AIM_MB: Final = 900
KINDS: Final = {"sequence": patterns.SEQUENCE, "absence": patterns.ABSENCE}


@dataclass(frozen=True)
class Memory:
    """Resident sizes in MB (10^6 bytes)."""

    pattern: str
    standby: float
    highest: float
    python: float
    jvm: float
    """The last two at the moment of the highest sum."""
    load: float


def resident(process: psutil.Process) -> float:
    """Resident memory in MB."""
    return float(process.memory_info().rss) / 1e6


def measure(lab: Lab, kind: str, source: str, results: int) -> Memory:
    """Run the Pattern over the whole topic and watch."""
    name = lab.name(kind)
    sink = f"{name}-results"
    program = patterns.compiled(patterns.document(name, KINDS[kind], source, sink))
    lab.make_topics(program.topics)
    launched = lab.launch(program, Runtime())
    launcher, *others = launched.processes()
    highest = (0.0, 0.0)
    standby = sum(map(resident, [launcher, *others]))
    launched.start()

    def finished() -> bool:
        nonlocal highest
        now = (resident(launcher), sum(map(resident, others)))
        highest = max(highest, now, key=sum)
        return lab.count(sink) >= results * 0.97

    try:
        harness.until(finished, 600, f"{results} results", every=0.5)
    finally:
        launched.stop()
    return Memory(kind, standby, sum(highest), *highest, os.getloadavg()[0])


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=3_000_000, help="records in the topic")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    with harness.lab(one_core=False) as lab:
        counts = Counts()
        lab.make_topics([Topic(name="events")])
        lab.fill("events", stream(Shape(arguments.records, answered=0.8), counts))
        results = {"sequence": counts.ends, "absence": counts.starts - counts.ends}
        found = [measure(lab, kind, "events", results[kind]) for kind in KINDS]
    table = Table("pattern", "standing by", "highest", "of it Python", "of it JVM", "aim")
    for one in found:
        sizes = (one.standby, one.highest, one.python, one.jvm)
        table.add_row(one.pattern, *(f"{size:,.0f} MB" for size in sizes), f"at most {AIM_MB} MB")
    harness.CONSOLE.print(table)
    measured: dict[str, object] = {"memory": [asdict(one) for one in found], "aimMegabytes": AIM_MB}
    harness.report("memory", measured, vars(arguments), arguments.write)


if __name__ == "__main__":
    main()
