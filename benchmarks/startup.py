"""How long a person waits: for the command line, and from `make demo` to the first derived event.

Jars must have been fetched before (the first run of anything does), so that the network plays no part.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Message
from rich.table import Table

import harness

WEIR: Final = str(Path(sys.executable).with_name("weir"))
DERIVED: Final = "^(load-times|payment-times|abandoned-carts)$"


def command_seconds(arguments: list[str], runs: int) -> dict[str, float]:
    """Wall time of a command that does next to nothing; the first run warms the file cache and does not count."""
    seconds = []
    for _ in range(runs + 1):
        began = time.monotonic()
        subprocess.run([WEIR, *arguments], check=True, capture_output=True)
        seconds.append(time.monotonic() - began)
    return {"median": statistics.median(seconds[1:]), "slowest": max(seconds[1:])}


def demo_seconds(folder: Path) -> dict[str, float]:
    """Seconds from the start of `weir demo` to Kafka, to the first committed derived event, and to its end."""
    began = time.monotonic()
    with (folder / "demo.log").open("wb") as log:
        demo = subprocess.Popen([WEIR, "demo", "--dir", str(folder / "demo")], stdout=log, stderr=log)
    record = folder / "demo" / ".weir" / "up.json"
    harness.until(lambda: _running(demo, folder) and record.exists(), 120, "the demo's Kafka", every=0.05)
    kafka = time.monotonic() - began
    servers = json.loads(record.read_text())["bootstrapServers"]
    _await_first(servers, demo, folder)
    first = time.monotonic() - began
    if demo.wait(600) != 0:
        raise RuntimeError(f"the demo failed:\n{(folder / 'demo.log').read_text()[-2000:]}")
    return {"kafka": kafka, "firstDerivedEvent": first, "end": time.monotonic() - began}


def _await_first(servers: str, demo: subprocess.Popen[bytes], folder: Path) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "benchmark-startup",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "topic.metadata.refresh.interval.ms": 200,  # the topics are made while this waits
        }
    )
    consumer.subscribe([DERIVED])
    try:
        harness.until(lambda: _running(demo, folder) and _is_event(consumer.poll(0.1)), 300, "a derived event", every=0)
    finally:
        consumer.close()


def _is_event(message: Message | None) -> bool:
    return message is not None and message.error() is None


def _running(demo: subprocess.Popen[bytes], folder: Path) -> bool:
    if demo.poll() not in (None, 0):
        raise RuntimeError(f"the demo has ended:\n{(folder / 'demo.log').read_text()[-2000:]}")
    return True


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="runs of each short command")
    parser.add_argument("--demos", type=int, default=1, help="runs of the demo")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    commands = {" ".join(words): command_seconds(words, arguments.runs) for words in (["--version"], ["--help"])}
    demos = []
    for _ in range(arguments.demos):
        with tempfile.TemporaryDirectory(prefix="weir-startup-") as folder:
            demos.append(demo_seconds(Path(folder)))
    measured: dict[str, object] = {
        "commands": commands,
        "demos": demos,
        "aims": {"firstDerivedEvent": 40},
        "load": {"before": load_before, "after": os.getloadavg()[0]},
    }
    table = Table("what", "seconds", "aim")
    for name, seconds in commands.items():
        table.add_row(f"weir {name}", f"{seconds['median']:.2f}", "")
    for demo in demos:
        table.add_row("demo: Kafka answers", f"{demo['kafka']:.1f}", "")
        table.add_row("demo: first derived event", f"{demo['firstDerivedEvent']:.1f}", "at most 40")
        table.add_row("demo: end", f"{demo['end']:.1f}", "")
    harness.CONSOLE.print(table)
    harness.report("startup", measured, vars(arguments), arguments.write)


if __name__ == "__main__":
    main()
