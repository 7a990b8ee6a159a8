"""The money pipeline: Weir's program against Flink SQL by hand and a PyFlink DataStream job; look-ups; state per key.

- `weir`: what Weir compiles, with dead letters and late events.
- `by hand`: the same in SQL, with dead letters and late events in topics of their own.
- `DataStream`: the same logic as one keyed process function in Python (`money_datastream.py`).
- look-ups a second, over HTTP and in PostgreSQL, when an answer takes 1 ms and 100 ms, without cache.
- state bytes per key: the size of a checkpoint by the users in it.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from rich.table import Table

import harness
import money
from harness import Lab, Rate, Ratio
from weir_api.blocks import Resources, Runtime
from weir_api.resources import parse
from weir_api.streamjobs import Program, Topic
from weir_operator.compiler import compile_resource
from weir_operator.fleet import artifacts, java

# The tests' PostgreSQL serves here too.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.databases import database

DELAYS: Final = (0.001, 0.1)
_RUNTIME: Final = Runtime(resources=Resources(memory="2Gi"))
_SCRIPT: Final = Path(__file__).with_name("money_datastream.py")


def program(lab: Lab, make: Callable[[str, str], Program], shape: money.Shape) -> Rate:
    """The pace of a program."""
    name = lab.name("money")
    sink = f"{name}-results"
    return harness.pace(lab, make(name, sink), sink, inputs=shape.payments, results=money.results(shape))


def data_stream(lab: Lab, shape: money.Shape) -> Rate:
    """The pace of the DataStream job, a process on Flink's core."""
    sink = f"{lab.name('money')}-results"
    lab.make_topics([Topic(name=sink)], message_timestamp_type="LogAppendTime")
    directory = lab.directory / sink
    directory.mkdir()
    jars = [jar.as_uri() for jar in artifacts.connector_jars()]
    command = [sys.executable, str(_SCRIPT), lab.bootstrap_servers, sink, directory.as_uri(), *jars]
    environment = os.environ | {"JAVA_HOME": str(java.java_home()), "PATH": _path(), "JVM_ARGS": "-Xmx1200m"}
    with (directory / "log").open("wb") as log:
        process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    if lab.cores is not None:
        harness.pin(process, lab.cores[1])
    load_before, wanted = os.getloadavg()[0], money.results(shape)

    def finished() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the DataStream job has ended: {(directory / 'log').read_text()[-2000:]}")
        return lab.count(sink) >= wanted * 0.97

    try:
        harness.until(finished, 3_600, f"{wanted} results in {sink}", 0.5)
    finally:
        harness.kill(process)
    return harness.steady(lab, sink, shape.payments, load_before)


def _path() -> str:
    """Python's workers are started by the name of the interpreter."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def service(delay: float) -> Iterator[str]:
    """An HTTP service that answers after so many seconds: its address."""
    body = b'{"team": "a"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + str(len(body)).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(delay)
                writer.write(head + b"\r\n\r\n" + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, backlog=256))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def looked_up(lab: Lab, lookup: dict[str, Any], count: int) -> float:
    """Look-ups a second, from the results between a quarter of the events and all."""
    name = lab.name("looked-up")
    sink = f"{name}-results"
    side = {"name": "owner", "fields": {"user": "STRING", "team": "STRING"}, "on": {"user": "user"}, "select": ["team"],
            **lookup}  # fmt: skip
    document = money.document(
        name, sink, deduplicate=None, enrichments=[side], flags={}, output={"n": "n", "team": "owner.team"}
    )
    document["spec"] = {key: value for key, value in document["spec"].items() if value is not None}
    document["spec"]["source"]["topic"] = "few"
    job = compile_resource(parse(document)).program
    lab.make_topics([Topic(name=sink)], message_timestamp_type="LogAppendTime")
    lab.make_topics([topic for topic in job.topics if topic.name != sink])
    launched = lab.launch(job, _RUNTIME)
    try:
        launched.start()
        harness.until(lambda: launched.answer() and lab.count(sink) >= count, 1_200, f"{count} results", 0.5)
    finally:
        launched.stop()
    times = sorted(at for at, _ in lab.results(sink))[count // 4 : count]
    return len(times) / max(1, times[-1] - times[0]) * 1_000


def look_ups(lab: Lab, seconds: float) -> dict[str, dict[str, float]]:
    """Look-ups a second by kind and delay; `seconds`: how long each run is to last about."""
    found: dict[str, dict[str, float]] = {"http": {}, "jdbc": {}}
    for delay in DELAYS:
        label = f"{delay * 1_000:g} ms"
        # What 64 at a time, or one, can do at most; the service on its own core does not do more than a few thousand.
        many = {"http": min(64 / delay, 2_000) * seconds, "jdbc": seconds / delay}
        with service(delay) as url:
            lookup = {"http": {"url": f"{url}/{{user}}", "timeout": "10s"}}
            found["http"][label] = _one(lab, lookup, max(200, int(many["http"])))
        with database() as server:
            server.execute(
                'CREATE TABLE owners ("user" text PRIMARY KEY, team text)',
                f'CREATE VIEW slow AS SELECT "user", team, pg_sleep({delay}) FROM owners',
                "INSERT INTO owners SELECT 'u' || n, 'a' FROM generate_series(0, 99999) AS n",
                "CREATE ROLE anyone LOGIN SUPERUSER PASSWORD 'x'",
            )
            secret = lab.directory / "secrets" / "owners"
            secret.mkdir(parents=True, exist_ok=True)
            (secret / "username").write_text("anyone")
            (secret / "password").write_text("x")
            os.environ["WEIR_SECRETS_DIR"] = str(secret.parent)
            lookup = {"jdbc": {"url": server.url, "table": "slow", "secretRef": {"name": "owners"}}}
            found["jdbc"][label] = _one(lab, lookup, max(200, int(many["jdbc"])))
    return found


def _one(lab: Lab, lookup: dict[str, Any], count: int) -> float:
    topic = "few"
    lab.make_topics([Topic(name=topic)])
    have = lab.count(topic)
    if have < count:
        shape = money.Shape(count * 2)
        readable = (record for record in money.payments(shape) if record.endswith(b"}"))
        lab.fill(topic, itertools.islice(readable, have, count))
    return looked_up(lab, lookup, lab.count(topic))


def state(lab: Lab, shape: money.Shape, users: int) -> float:
    """Bytes of a checkpoint per user when all have a session, are known and have paid."""
    name = lab.name("state")
    sink = f"{name}-results"
    job = money.weir(name, sink)
    lab.make_topics(job.topics)
    launched = lab.launch(job, _RUNTIME)
    try:
        launched.start()
        wanted = money.results(shape)
        harness.until(lambda: launched.answer() and lab.count(sink) >= wanted * 0.97, 1_200, f"{wanted} results", 0.5)
        url = f"{launched.answer().flink_url}/jobs/{launched.job_id}/checkpoints"
        sizes = [_size(url, number) for number in range(2)]
    finally:
        launched.stop()
    return statistics.median(sizes) / users


def _size(url: str, after: int) -> int:
    """The size of a checkpoint that comes after those that are complete now."""
    done = httpx.get(url).json()["counts"]["completed"] + after + 1
    harness.until(lambda: httpx.get(url).json()["counts"]["completed"] >= done, 60, "another checkpoint", 0.5)
    return int(httpx.get(url).json()["latest"]["completed"]["state_size"])


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=3_000_000, help="payments; the other streams have a fifth more")
    parser.add_argument("--users", type=int, default=20_000, help="users among them")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each variant, in turns")
    parser.add_argument("--seconds", type=float, default=20, help="how long look-ups are measured, each")
    parser.add_argument("--only", nargs="*", help="of weir, by hand, DataStream, look-ups, state")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    chosen = parser.parse_args()
    wanted = set(chosen.only or ("weir", "by hand", "DataStream", "look-ups", "state"))
    shape = money.Shape(chosen.records, users=chosen.users)
    found: dict[str, object] = {}
    with harness.lab() as lab:
        lab.make_topics([Topic(name=topic) for topic in money.STREAMS])
        for topic, records in {"money": money.payments, "sessions": money.sessions, "users": money.users}.items():
            lab.fill(topic, records(shape))
        runs = {
            "weir": partial(program, lab, money.weir, shape),
            "by hand": partial(program, lab, money.by_hand, shape),
            "DataStream": partial(data_stream, lab, shape),
        }
        runs = {name: run for name, run in runs.items() if name in wanted}
        ratios = [Ratio("weir", "by hand", 0.9), Ratio("weir", "DataStream", 5)]
        if runs:
            found |= harness.compare(
                runs, chosen.rounds, [each for each in ratios if {each.of, each.to} <= runs.keys()]
            )
            harness.CONSOLE.print(harness.rates_table(found))
        if "look-ups" in wanted:
            found["lookUpsPerSecond"] = rates = look_ups(lab, chosen.seconds)
            table = Table("look-ups a second", *(f"answer in {delay * 1_000:g} ms" for delay in DELAYS))
            for kind, each in rates.items():
                table.add_row(kind, *(f"{rate:,.0f}" for rate in each.values()))
            harness.CONSOLE.print(table)
        if "state" in wanted:
            found["stateBytesPerKey"] = size = state(lab, shape, chosen.users)
            harness.CONSOLE.print(f"{size:,.0f} bytes of state per user")
    harness.report("enrichment", found, vars(chosen), chosen.write)


if __name__ == "__main__":
    main()
