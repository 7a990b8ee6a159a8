"""One Flink on one core, one broker on the other: runs programs through Weir's launcher and measures their pace.

Weir's own programs and those written by hand run in the same kind of process with the same settings, one at a time
and taking turns, so that a ratio of two rates says something about the programs and nothing about the machine.
The pace is taken from the sink: its topic is stamped by the broker (LogAppendTime) and every result carries the
number of the input record it came from, so start-up, warm-up and the end can be cut off exactly, and measuring costs
the job nothing.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import httpx
import orjson
import psutil
from confluent_kafka import Consumer, KafkaError, Producer
from rich.console import Console
from rich.table import Table

from weir_api.blocks import Resources, Runtime
from weir_api.launchers import Endpoint, RevisionAnswer, RevisionConfig, StartRequest
from weir_api.streamjobs import Program, Topic
from weir_operator.fleet import artifacts, broker, java, topics

RESULTS: Final = Path(__file__).with_name("results")
CONSOLE: Final = Console(stderr=True)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Rate:
    """Input records per second between two moments of steady running, and how busy the machine was."""

    records_per_second: float
    records: int
    seconds: float
    results: int
    load_before: float
    load_after: float


def until(condition: Callable[[], Value], deadline: float, what: str, every: float = 0.2) -> Value:
    """The first true value of `condition`; RuntimeError after `deadline` seconds."""
    ends = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > ends:
            raise RuntimeError(f"not within {deadline:g} s: {what}")
        time.sleep(every)
    return value


class Launched:
    """A launcher process with its program standing by or running."""

    def __init__(self, process: psutil.Popen, directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.job_id = uuid.uuid4().hex
        until(lambda: self._alive() and (directory / "endpoint.json").exists(), 60, f"{directory} to answer")
        self.endpoint = Endpoint.model_validate_json((directory / "endpoint.json").read_bytes())
        until(lambda: self.answer().phase == "standby", 120, f"{directory} to stand by")

    def answer(self) -> RevisionAnswer:
        """What the launcher says of itself; RuntimeError when it has refused or failed."""
        self._alive()
        answer = RevisionAnswer.model_validate_json(httpx.get(f"{self.endpoint.url}/v1/revision").content)
        if answer.phase in ("refused", "failed"):
            raise RuntimeError(f"{answer.phase}: {'; '.join(error.message for error in answer.errors)}")
        return answer

    def start(self, restore_from: str | None = None) -> None:
        """Start the job and wait until all of it runs."""
        request = StartRequest(job_id=self.job_id, restore_from=restore_from)
        httpx.post(f"{self.endpoint.url}/v1/start", json=request.document()).raise_for_status()
        until(lambda: self.answer().phase == "running", 120, "the job to run", every=0.05)

    def processes(self) -> list[psutil.Process]:
        """The launcher and its JVM."""
        return [self.process, *self.process.children(recursive=True)]

    def stop(self) -> None:
        """Kill it: what was measured has been read from Kafka."""
        kill(self.process)

    def _alive(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the launcher has ended; its log: {self.directory / 'log'}")
        return True


class Lab:
    """A broker of its own and a place for launchers, gone when the benchmark is."""

    def __init__(self, directory: Path, cores: tuple[Sequence[int], Sequence[int]] | None) -> None:
        self.directory = directory
        self.cores = cores
        self._broker = broker.ensure(directory / "kafka")
        self._jars = os.pathsep.join(str(jar) for jar in artifacts.connector_jars())
        self._numbers = 0
        self._processes: list[psutil.Popen] = []
        if cores is not None:
            pin(self._broker.process, cores[0])
            psutil.Process().cpu_affinity(list(cores[0]))

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker answers."""
        return self._broker.bootstrap_servers

    def close(self) -> None:
        """End launchers that are left, and the broker."""
        for process in self._processes:
            kill(process)
        self._broker.stop()

    def name(self, prefix: str) -> str:
        """A name nobody else has in this lab."""
        self._numbers += 1
        return f"{prefix}-{self._numbers}"

    def make_topics(self, wanted: Iterable[Topic], **config: str) -> None:
        """Make the topics a program names, with further settings."""
        settings = {name.replace("_", "."): value for name, value in config.items()}
        made = [topic.model_copy(update={"config": {**topic.config, **settings}, "create": True}) for topic in wanted]
        topics.ensure_topics(self.bootstrap_servers, made)

    def fill(self, topic: str, records: Iterable[bytes], partition: int = 0) -> int:
        """Send the records in order; gives their number."""
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, "linger.ms": 50, "compression.type": "none"})
        count = 0
        for record in records:
            while True:
                try:
                    producer.produce(topic, record, partition=partition)
                    break
                except BufferError:
                    producer.poll(0.1)
            count += 1
            if count % 10_000 == 0:
                producer.poll(0)
        if producer.flush(120):
            raise RuntimeError(f"the broker has not taken all records of {topic}")
        return count

    def launch(self, program: Program, runtime: Runtime, name: str = "bench") -> Launched:
        """A launcher for the program, standing by, on the core that is Flink's."""
        directory = self.directory / "revisions" / self.name(name)
        directory.mkdir(parents=True)
        config = RevisionConfig(
            namespace="default",
            name=name,
            revision=directory.name,
            program=program,
            runtime=runtime,
            bootstrap_servers=self.bootstrap_servers,
            state_directory=(self.directory / "state" / name).as_uri(),
            work_directory=str(directory),
        )
        (directory / "config.json").write_text(config.model_dump_json(by_alias=True))
        environment = os.environ | {"WEIR_JARS": self._jars, "JAVA_HOME": str(java.java_home())}
        command = [sys.executable, "-m", "weir_runtime.launcher", str(directory / "config.json")]
        with (directory / "log").open("wb") as log:
            process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self._processes.append(process)
        if self.cores is not None:
            pin(process, self.cores[1])
        return Launched(process, directory)

    def results(self, topic: str) -> list[tuple[int, dict[str, object]]]:
        """All of a topic's results with the broker's time (ms) of each, committed or not."""
        return list(read(self.bootstrap_servers, topic))

    def count(self, topic: str) -> int:
        """Offsets used so far in all partitions of the topic (results, and the marks of transactions)."""
        return sum(topics.end_offsets(self.bootstrap_servers, [topic]).values())


@contextmanager
def lab(one_core: bool = True) -> Iterator[Lab]:
    """A lab in a temporary directory; with `one_core` Flink has one core for itself and Kafka the others."""
    available = sorted(os.sched_getaffinity(0))
    cores = (available[:-1], available[-1:]) if one_core and len(available) > 1 else None
    directory = Path(tempfile.mkdtemp(prefix="weir-benchmark-", dir=os.environ.get("WEIR_BENCHMARK_DIRECTORY")))
    opened = Lab(directory, cores)
    try:
        yield opened
    finally:
        opened.close()
        shutil.rmtree(directory, ignore_errors=True)


def kill(process: psutil.Popen) -> None:
    """End a process of ours and its children at once."""
    with suppress(psutil.NoSuchProcess):
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()


def pin(process: psutil.Process, cores: Sequence[int]) -> None:
    """Give the process and all its threads these cores; threads started later inherit them."""
    for thread in process.threads():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, cores)


def read(bootstrap_servers: str, topic: str) -> Iterator[tuple[int, dict[str, object]]]:
    """(the broker's time in ms, value) of every record that is there now, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"benchmark-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_uncommitted",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    left = len(topics.end_offsets(bootstrap_servers, [topic]))
    consumer.subscribe([topic])
    while left:
        for message in consumer.consume(10_000, 1):
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                left -= 1
            elif error is not None:
                raise RuntimeError(str(error))
            else:
                yield message.timestamp()[1], orjson.loads(message.value() or b"null")
    consumer.close()


def pace(lab: Lab, program: Program, sink: str, *, inputs: int, results: int, runtime: Runtime | None = None) -> Rate:
    """The program's pace over the part of its input from 40 to 90 %: compiled code, no start, no end.

    Every result has the number of an input record as `n`; `results` is how many there will be.
    """
    lab.make_topics([Topic(name=sink)], message_timestamp_type="LogAppendTime")
    lab.make_topics([topic for topic in program.topics if topic.name != sink])
    launched = lab.launch(program, runtime or Runtime(resources=Resources(memory="2Gi")))
    load_before = os.getloadavg()[0]
    try:
        launched.start()
        until(lambda: launched.answer() and lab.count(sink) >= results * 0.97, 600, f"{results} results in {sink}", 0.5)
    finally:
        launched.stop()
    return steady(lab, sink, inputs, load_before)


def steady(lab: Lab, sink: str, inputs: int, load_before: float) -> Rate:
    """The pace that the results in a topic tell of; asked at once when they are there."""
    load_after = os.getloadavg()[0]
    steps = [(at, int(str(value["n"]))) for at, value in lab.results(sink)]
    steady = [(at, n) for at, n in steps if 0.4 * inputs <= n < 0.9 * inputs]
    (first_at, first), (last_at, last) = steady[0], steady[-1]
    seconds = (last_at - first_at) / 1_000
    return Rate((last - first) / seconds, last - first, seconds, len(steps), load_before, load_after)


@dataclass(frozen=True)
class Ratio:
    """Two variants compared round by round, and what is aimed at."""

    of: str
    to: str
    aim: float


def compare(variants: dict[str, Callable[[], Rate]], rounds: int, ratios: Sequence[Ratio]) -> dict[str, object]:
    """Run all variants in turns, `rounds` times; medians of their rates, and of the ratios within each round."""
    rates: dict[str, list[Rate]] = {name: [] for name in variants}
    for number in range(rounds):
        # The other way round every second time, so that a machine that gets slower favours nobody.
        order = list(variants.items()) if number % 2 == 0 else list(variants.items())[::-1]
        for name, run in order:
            rate = run()
            CONSOLE.print(f"round {number + 1}: {name}: {rate.records_per_second:,.0f} records/s", highlight=False)
            rates[name].append(rate)
    return {
        "rates": {
            name: {
                "median": statistics.median(rate.records_per_second for rate in all_of),
                "rounds": [asdict(rate) for rate in all_of],
            }
            for name, all_of in rates.items()
        },
        "ratios": [
            {
                **asdict(ratio),
                "median": statistics.median(
                    one.records_per_second / other.records_per_second
                    for one, other in zip(rates[ratio.of], rates[ratio.to], strict=True)
                ),
            }
            for ratio in ratios
        ],
    }


def report(name: str, measured: dict[str, object], settings: dict[str, object], write: bool) -> None:
    """Print the result as a table, and as JSON on standard output; with `write` keep it in results/."""
    document = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "processor": _processor(), "python": platform.python_version()},
        "settings": settings,
        **measured,
    }
    text = json.dumps(document, indent=1)
    print(text)
    if write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n")


def rates_table(measured: dict[str, object]) -> Table:
    """The rates and ratios of `compare` for people."""
    table = Table("what", "median", "rounds / aim")
    rates, ratios = measured["rates"], measured["ratios"]
    assert isinstance(rates, dict)
    assert isinstance(ratios, list)
    for name, entry in rates.items():
        rounds = ", ".join(f"{one['records_per_second'] / 1_000:,.0f}k" for one in entry["rounds"])
        table.add_row(name, f"{entry['median'] / 1_000:,.0f}k records/s", rounds)
    for ratio in ratios:
        table.add_row(f"{ratio['of']} / {ratio['to']}", f"{ratio['median']:.2f}", f"at least {ratio['aim']:.2f}")
    return table


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
