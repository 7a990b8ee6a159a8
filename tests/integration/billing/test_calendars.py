"""Periods and roundings as Flink works them out, against zoneinfo and decimal: thousands of instants and amounts."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oracle import billings as oracle
from weir_api.billings import Every, Rounding
from weir_operator.compiler import billing_periods, billing_roundings
from weir_operator.fleet import java

pytestmark = pytest.mark.timeout(600)

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # clocks change by half an hour
    "America/Sao_Paulo",  # they did at midnight, which then did not exist
    "America/Havana",  # or came twice
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Kiritimati",
)
EVERY: tuple[Every, ...] = ("day", "week", "month", "year")
_ROUNDINGS: tuple[Rounding, ...] = ("halfUp", "halfEven", "halfDown", "up", "down", "ceiling", "floor")
_SCALES = (0, 1, 2, 6, 8)
_YEAR = 31_556_952_000


def instants(zone: str) -> list[int]:
    """At random from 1970 to 2060, and on both sides of where months, years and some days begin."""
    draw = random.Random(zone)
    found = [draw.randrange(90 * _YEAR) for _ in range(60)]
    for at in list(found[:12]):
        for every in EVERY:
            span = oracle.period(every, zone, at)
            found += [span.begin, span.end - 1, span.end]
    # 30 December 2011, 1 November 2026 (Havana), 16 October 2011 (São Paulo), changes of clocks in Berlin.
    found += [day + hour * 3_600_000 for day in (1325203200000, 1793491200000, 1318723200000, 1774742400000)
              for hour in range(0, 48, 3)]  # fmt: skip
    return [max(at, 0) for at in found]


def amounts() -> list[str]:
    draw = random.Random(3)
    near = ["0", "0.005", "-0.005", "0.015", "2.5", "-2.5", "3.5", "1.25", "1.35", "-1.25", "0.999999", "-0.000001"]
    near += ["99999999999999999999999999.999999", "-99999999999999999999999999.995"]
    return near + [f"{Decimal(draw.randrange(-(10**12), 10**12)).scaleb(-6):f}" for _ in range(60)]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[list[Any]]]:
    """By zone, and under `roundings`: what Flink says."""
    directory = tmp_path_factory.mktemp("calendars")
    queries = {zone: _calendar(zone, directory / f"{number}.csv") for number, zone in enumerate(ZONES)}
    queries["roundings"] = _amounts(directory / "amounts.csv")
    path = directory / "queries.json"
    path.write_text(json.dumps(list(queries.values())))
    script = Path(__file__).with_name("calendar_job.py")
    environment = os.environ | {
        "JAVA_HOME": str(java.java_home()), "JVM_ARGS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx768m",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(script), str(path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(queries, map(json.loads, done.stdout.splitlines()), strict=True))


def _calendar(zone: str, rows: Path) -> dict[str, str]:
    rows.write_text("".join(f"{number},{at}\n" for number, at in enumerate(instants(zone))))
    columns = []
    for every in EVERY:
        end = billing_periods.end(every, "t")
        begin = billing_periods.begin(every, end)
        columns += [billing_periods.name(every, end), *(f"CAST({sql} AS STRING)" for sql in (begin, end))]
    query = f"SELECT n, {', '.join(columns)} FROM (SELECT n, TO_TIMESTAMP_LTZ(x, 3) AS t FROM {_table(rows)})"
    return {"zone": zone, "table": _created(rows, "BIGINT"), "sql": query}


def _amounts(rows: Path) -> dict[str, str]:
    rows.write_text("".join(f"{number},{amount}\n" for number, amount in enumerate(amounts())))
    columns = [billing_roundings.rounded("x", 6, scale, rounding) for rounding in _ROUNDINGS for scale in _SCALES]
    query = f"SELECT n, {', '.join(columns)} FROM {_table(rows)}"
    return {"zone": "UTC", "table": _created(rows, "DECIMAL(38, 6)"), "sql": query}


def _table(rows: Path) -> str:
    return f"rows_{rows.stem}"


def _created(rows: Path, kind: str) -> str:
    options = f"'connector' = 'filesystem', 'path' = '{rows.as_uri()}', 'format' = 'csv'"
    return f"CREATE TEMPORARY TABLE {_table(rows)} (n INT, x {kind}) WITH ({options})"


@pytest.mark.parametrize("zone", ZONES)
def test_periods(zone: str, answers: Mapping[str, list[list[Any]]]) -> None:
    given = instants(zone)
    for number, *found in answers[zone]:
        for index, every in enumerate(EVERY):
            span = oracle.period(every, zone, given[number])
            name, begin, end = found[3 * index : 3 * index + 3]
            where = f"{every} of {given[number]} in {zone}"
            assert (name, begin, end) == (span.name, _local(span.begin, zone), _local(span.end, zone)), where


def _local(at: int, zone: str) -> str:
    """As Flink writes an instant as text: the clocks of the session's time zone."""
    shown = datetime.fromtimestamp(at // 1000, ZoneInfo(zone))
    return f"{shown:%Y-%m-%d %H:%M:%S}.{at % 1000:03}"


def test_roundings(answers: Mapping[str, list[list[Any]]]) -> None:
    given = amounts()
    for number, *found in answers["roundings"]:
        wanted = [
            oracle.rounded(Decimal(given[number]), scale, rounding) for rounding in _ROUNDINGS for scale in _SCALES
        ]
        assert [_plus_zero(one) for one in found] == [_plus_zero(one) for one in wanted], given[number]


def _plus_zero(text: str) -> str:
    """Flink has no negative zero."""
    return text.removeprefix("-") if Decimal(text) == 0 else text
