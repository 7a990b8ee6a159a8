"""Every record, however broken, ends in exactly one place: events, late records or dead letters. On real Flink."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from weir_api.blocks import Source

from .runs import Job, run, write

TopicFactory = Callable[..., str]
pytestmark = pytest.mark.timeout(1200)

_FIELDS = {
    "id": "STRING",
    "at": "BIGINT",
    "amount": "DECIMAL(12, 2)",
    "ok": "BOOLEAN",
    "ratio": "DOUBLE",
    "day": "DATE",
    "clock": "TIME(0)",
    "seen": "TIMESTAMP(3)",
}
_GOOD = b'{"id":"a","at":1700000000,"amount":1.50,"ok":true,"ratio":0.5,"day":"2026-01-31"}'
_TIMES = b'{"id":"a","at":1700000000,"clock":"10:20:30","seen":"2026-01-31T10:20:30.5"}'
_UNREADABLE = {
    b"": "the value is empty",
    b" ": "the value is not JSON",
    b"null": "the value is not a JSON object",
    b"5": "the value is not a JSON object",
    b"[1,2]": "the value is not a JSON object",
    b'{"id":"a","at":17000': "the value is not JSON",
    b'{"id":"caf\xe9","at":1700000000}': "the value is not UTF-8",
    _GOOD.decode().encode("utf-32-be").replace(b"\x00\x00u", b",\x00\x00m"): "the value is not JSON",
    _GOOD.decode().encode("utf-32-le").replace(b"u\x00\x00\x00", b"u\x00\x11\x00"): "the value is not JSON",
    b'{"id":null,"at":1700000000}': "field 'id' is missing or null",
    b'{"id":"a"}': "field 'at' is missing or null",
    b'{"id":"a","at":"abc"}': "field 'at' is no BIGINT",
    b'{"id":"a","at":1700000000.5}': "field 'at' is no BIGINT",
    b'{"id":"a","at":1700000000.2}': "field 'at' is no BIGINT",
    b'{"id":"a","at":99999999999999999999}': "field 'at' is no BIGINT",
    b'{"id":"a","at":253402300800}': "field 'at' is not a time in s",
    b'{"id":"a","at":1700000000,"at":"x"}': "field 'at' is no BIGINT",
    b'{"id":"a","at":1700000000,"amount":1.005}': "field 'amount' is no DECIMAL(12, 2)",
    b'{"id":"a","at":1700000000,"amount":{"a":1}}': "field 'amount' is no DECIMAL(12, 2)",
    b'{"id":"a","at":1700000000,"amount":"1d"}': "field 'amount' is no DECIMAL(12, 2)",
    b'{"id":"a","at":1700000000,"ok":1}': "field 'ok' is no BOOLEAN",
    b'{"id":"a","at":1700000000,"ratio":1e999}': "field 'ratio' is no DOUBLE",
    b'{"id":"a","at":1700000000,"ratio":"NaN"}': "field 'ratio' is no DOUBLE",
    b'{"id":"a","at":1700000000,"day":"2026-02-30"}': "field 'day' is no DATE",
    b'{"id":"a","at":1700000000,"day":"2026-01-31\n"}': "field 'day' is no DATE",
    b'{"id":"a","at":1700000000,"amount":"1.5\n"}': "field 'amount' is no DECIMAL(12, 2)",
    b'{"id":"a","at":1700000000,"clock":"10:20:30\n"}': "field 'clock' is no TIME(0)",
    b'{"id":"a","at":1700000000,"seen":"2026-01-31T10:20:30\n"}': "field 'seen' is no TIMESTAMP(3)",
}
_READABLE = (
    _GOOD,
    _TIMES,
    b'{"id":"a","at":"1700000000"}',
    b'{"id":"a","at":1.7e9,"amount":100.0}',
    b'{"id":{"x":1},"at":1700000000,"amount":null}',
    b'\xef\xbb\xbf{"id":"a","at":1700000000}',
    b'{"id":"a\nb","at":1700000000}',
    '{"id":"é","at":1700000000}'.encode(),
    '{"id":"é\U0001f600\ufffd","at":1700000000}'.encode("utf-32-be"),
    '{"id":"é\U0001f600\ufffd","at":1700000000}'.encode("utf-32"),
    _GOOD.decode().encode("utf-32-le") + b" \x00",
    b'{"at":"x","at":1700000000,"id":"last one counts"}',
)

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.sampled_from([1700000000, 1700000000.0, 1e9, 10**11, 0.1, 1.005, 12345678901, -1, 2**63, 1e-7]),
    st.sampled_from(["1700000000", "1 ", "\t1", "1d", "NaN", "Infinity", "", "true", "٣", "0x1", "2026-01-31", "1e3"]),
    st.floats(),
    st.text(max_size=6),
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner)
)
_names = st.sampled_from([*_FIELDS, "weir_exact", "x"])
_texts = st.lists(st.tuples(_names, _values), max_size=8).map(
    lambda pairs: "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
)
_encodings = st.sampled_from(
    ["utf-8"] * 20 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-be", "utf-32-le"]
)


@st.composite
def _records(draw: st.DrawFn) -> bytes:
    """JSON of fields with any values, some of it then broken byte by byte."""
    text = draw(
        st.one_of(_texts, st.sampled_from([_GOOD.decode(), _TIMES.decode()]), st.sampled_from(["[]", '"x"', "{}"]))
    )
    record = bytearray(text.encode(draw(_encodings), "surrogatepass"))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        position = draw(st.integers(0, len(record)))
        piece = draw(
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b",",
                    b"}",
                    b"{",
                    b"\\",
                    b"\n",
                    b"\x00",
                    b"\xe9",
                    b"\xc3",
                    b"\xc0\x80",
                    b"\xed\xa0\x80",
                    b"1",
                    b" ",
                ]
            )
        )
        record[position : position + draw(st.integers(0, 2))] = piece
    return bytes(record)


def _fuzz(count: int) -> list[bytes]:
    found: list[bytes] = []

    @settings(
        max_examples=count, phases=[Phase.generate], derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(_records())
    def collect(record: bytes) -> None:
        found.append(record)

    collect()
    return found


def test_json_records_are_in_exactly_one_place(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    """Thousands of weird records in one job; the known ones with the reason that people will read."""
    name = topic("weird")
    # The first record is the latest by far: later ones are late, so that all three places are used.
    records: list[bytes | None] = [b'{"id":"a","at":1700000000}', *_UNREADABLE, None, *_READABLE, *_fuzz(3000)]
    write(kafka, name, records)
    timestamp = {"field": "at", "unit": "s", "outOfOrderness": "20d"}
    source = Source.model_validate({"topic": name, "fields": _FIELDS, "timestamp": timestamp})

    outcome = run(Job(tmp_path, kafka, name, source, required=("id",)))

    places = [offset for found in outcome.places().values() for _, offset in found]
    counts = Counter(places)
    one_record = [
        offset for offset, value in enumerate(records) if not (value or b"").lstrip(b"\x00 \n").startswith(b"[")
    ]
    wrong = {offset: (records[offset], counts[offset]) for offset in one_record if counts[offset] != 1}
    assert wrong == {}
    assert set(counts) == set(range(len(records))), "a record is nowhere"
    reasons = {row["offset"]: row["reason"] for row in outcome.dead}
    expected = dict(enumerate([*_UNREADABLE.values(), "the record has no value"], start=1))
    assert {offset: reasons.get(offset) for offset in expected} == expected
    readable = range(len(expected) + 1, len(expected) + 1 + len(_READABLE))
    assert set(readable) <= {row["weir_offset"] for row in outcome.events}


def test_csv_records_are_in_exactly_one_place(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    """Quotes, wrong numbers of columns, wrong types, bytes that are no text."""
    name = topic("lines")
    good = {
        b"1700000000000,anna,1.50": ("anna", 1.5),
        b'1700000000000,"a,b",1.50\r\n': ("a,b", 1.5),
        b'1700000000000,"say ""hi""",': ('say "hi"', None),
        b"1700000000000,,2": ("", 2),
        b"1700000000000,a b\x1f,2": ("a b\x1f", 2),
        b'"1700000000000","","2"': ("", 2),
    }
    bad = {
        b"": "the value is empty",
        b"1700000000000,anna": "the line does not have 3 columns",
        b"1700000000000,anna,1.50,x": "the line does not have 3 columns",
        b'1700000000000,"anna,1.50': "a quoted column is not closed, or has text after its closing quote",
        b'1700000000000,"an"na,1.50': "a quoted column is not closed, or has text after its closing quote",
        b"1700000000000,caf\xe9,1.50": "the value is not UTF-8",
        b"yesterday,anna,1.50": "field 'at' is no BIGINT",
        b",anna,1.50": "field 'at' is missing or null",
        b"1700000000000,anna,1.505": "field 'amount' is no DECIMAL(12, 2)",
    }
    records: list[bytes | None] = [*good, *bad, None]
    write(kafka, name, records)
    fields = {"at": "BIGINT", "who": "STRING", "amount": "DECIMAL(12, 2)"}
    source = Source.model_validate(
        {"topic": name, "format": "csv", "fields": fields, "timestamp": {"field": "at", "unit": "ms"}}
    )

    outcome = run(Job(tmp_path, kafka, name, source))

    places = Counter(offset for found in outcome.places().values() for _, offset in found)
    assert places == Counter(range(len(records)))
    assert [(row["who"], row["amount"]) for row in sorted(outcome.events, key=lambda row: row["weir_offset"])] == [
        *good.values()
    ]
    reasons = {row["offset"]: row["reason"] for row in outcome.dead}
    assert reasons == dict(enumerate([*bad.values(), "the record has no value"], start=len(good)))


def test_times_of_csv_records(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    """As they are usually written, which is read by itself, and otherwise; behind all other columns."""
    name = topic("timed-lines")
    good = {
        "2026-01-28T10:20:30Z": "2026-01-28T10:20:30Z",
        '"2026-01-28 10:20:30.5Z"': "2026-01-28T10:20:30.5Z",
        "2026-01-28T10:20:30.125Z\r\n": "2026-01-28T10:20:30.125Z",
        "2024-02-29T23:59:59Z": "2024-02-29T23:59:59Z",
        "2026-01-31T10:20:30.1239+02:00": "2026-01-31T08:20:30.123Z",
        "2026-01-31T10:20:30-0530": "2026-01-31T15:50:30Z",
        "2026-01-28T10:20:30": "2026-01-28T10:20:30Z",
    }
    bad = ["2026-02-30T10:20:30Z", "2026-01-28T24:20:30Z", "2026-01-28T10:20:30Z ", '"2026-01-28T10:20:30Z""', "", '""']
    write(kafka, name, [f'"a, ""b""",{at}'.encode() for at in (*good, *bad)])
    timestamp = {"field": "at", "outOfOrderness": "900d"}
    source = Source.model_validate(
        {"topic": name, "format": "csv", "fields": {"id": "STRING", "at": "STRING"}, "timestamp": timestamp}
    )

    outcome = run(Job(tmp_path, kafka, name, source))

    rows = sorted(outcome.events, key=lambda row: row["weir_offset"])
    assert [datetime.fromisoformat(row["weir_time"]) for row in rows] == [*map(datetime.fromisoformat, good.values())]
    assert {row["id"] for row in rows} == {'a, "b"'}
    assert sorted(row["offset"] for row in outcome.dead) == [*range(len(good), len(good) + len(bad))]
