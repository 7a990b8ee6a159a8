"""Messages of remote write to records and back: what was learned of a series changes nothing, nothing is lost."""

import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from support.remote_writes import Sent
from support.remote_writes import version1 as request1
from support.remote_writes import version2 as request2
from weir_runtime.services.remote_write import bodies, encodings, version1, version2
from weir_runtime.services.remote_write.bodies import Malformed, TooLarge, Unsupported, Version
from weir_runtime.services.remote_write.caches import Cache
from weir_runtime.services.remote_write.decodings import Decoded
from weir_runtime.services.remote_write.families import Families, family_of
from weir_runtime.services.remote_write.readings import Reader, Unreadable
from weir_runtime.services.remote_write.samples import STALE_NAN
from weir_runtime.services.remote_write.series import Bounds, InvalidSeries, Meaning, series, series_id
from weir_runtime.services.remote_write.v1_pb2 import MetricMetadata

AT = 1_767_225_600_000
LIMIT = 1 << 20
texts = some.text(some.characters(codec="utf-8"), min_size=1, max_size=12)
numbers = some.floats() | some.sampled_from([0.0, -0.0, STALE_NAN])
times = some.integers(-(2**63), 2**63 - 1) | some.integers(AT - 10**9, AT + 10**9)
sent = some.builds(
    lambda name, labels, samples, kind, text, start: Sent(
        dict(sorted({**labels, "__name__": name}.items())), samples, kind, text, start
    ),
    texts,
    some.dictionaries(texts, texts, max_size=4),
    some.lists(some.tuples(numbers, times), min_size=1, max_size=3),
    some.sampled_from(["unknown", "counter", "gauge"]),
    some.text(max_size=3),
    some.sampled_from([0, AT]),
)


def first() -> version1.Decoder:
    return version1.Decoder(Families(), Bounds(), LIMIT)


def second() -> version2.Decoder:
    return version2.Decoder(Bounds(), LIMIT)


def told(decoded: Decoded) -> list[tuple[bytes, bytes]]:
    """Keys and values as they are written."""
    assert decoded.problem == ""
    return [(of.key, of.head + value + rest) for of, value, rest in decoded.records]


@given(some.lists(sent, min_size=1, max_size=5))
def test_what_was_learned_of_a_series_changes_nothing(given: list[Sent]) -> None:
    """Series that are known are taken apart by their bytes; each value is what a fresh decoder says of it."""
    for decoder, fresh, encode in ((first(), first, request1), (second(), second, request2)):
        alone = [told(fresh().decode(bodies.decompress(encode([one]), LIMIT))) for one in given]
        body = bodies.decompress(encode(given), LIMIT)
        for _ in range(3):
            assert told(decoder.decode(body)) == [record for records in alone for record in records]


@given(some.lists(sent, min_size=1, max_size=5))
def test_there_and_back(given: list[Sent]) -> None:
    """What the sender writes of the receiver's records the receiver reads as the same records."""
    records = told(second().decode(bodies.decompress(request2(given), LIMIT)))
    reader = Reader(LIMIT)
    for _ in range(2):
        samples = [reader.read(key, value) for key, value in records]
        assert told(second().decode(encodings.version2(samples))) == records
        again = [json.loads(value) for _, value in told(first().decode(encodings.version1(samples)))]
    same = ("seriesId", "name", "labels", "value", "stale", "at")
    assert [[one[field] for field in same] for one in again] == [
        [json.loads(value)[field] for field in same] for _, value in records
    ]


@given(some.binary(max_size=60), some.binary(max_size=60))
def test_bytes_that_are_anything(start: bytes, end: bytes) -> None:
    """In a series' place, beside a known one: read as a fresh decoder reads it, or refused as a whole."""
    good = Sent({"__name__": "up", "a": "b"}, [(1.5, AT)], start=AT)
    for encode, decoder, fresh, tag in ((request1, first(), first, b"\x0a"), (request2, second(), second, b"\x2a")):
        body = bodies.decompress(encode([good]), LIMIT)
        decoder.decode(body)
        for part in (start, end, body[2:] + start, start + body[-18:]):
            whole = body + tag + encodings.varint(len(part)) + part
            outcomes = []
            for each in (decoder, fresh()):
                try:
                    found = each.decode(whole)
                    outcomes.append((found.records, found.counts, found.refused_series))
                except Malformed:
                    outcomes.append(None)  # type: ignore[arg-type]
            assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("up", {}, "up"),
        ("up", {"job": "j", "instance": "i"}, 'up{instance="i",job="j"}'),
        ("a:b", {"x": 'q"\\\n'}, 'a:b{x="q\\"\\\\\\n"}'),
        ("cpu.usage", {"job.name": "j"}, '{"cpu.usage","job.name"="j"}'),
        ("1up", {}, '{"1up"}'),
    ],
)
def test_the_one_name_of_a_series(name: str, labels: dict[str, str], expected: str) -> None:
    assert series_id(name, labels) == expected


def test_a_series_that_no_record_can_hold() -> None:
    labels = [("__name__", "x"), *((f"l{n:03}", "v" * 16_000) for n in range(40))]
    with pytest.raises(InvalidSeries, match="are the most"):
        series(labels, Meaning(), Bounds())


def test_families_by_what_was_told_and_by_name(tmp_path: Path) -> None:
    file = tmp_path / "families.json"
    families = Families(file)
    size = MetricMetadata(type="HISTOGRAM", metric_family_name="size", help="h", unit="bytes")
    assert families.learn([size])
    assert not families.learn([size])
    known = Families(file)
    assert known.meaning("size_bucket") == Meaning("histogram", "bytes", "h")
    assert [known.meaning(name).type for name in ("x_total", "x_sum", "x", "size_total")] == [
        "counter", "counter", "unknown", "counter",
    ]  # fmt: skip
    file.write_text("[1]")
    assert Families(file).meaning("size") == Meaning()
    assert [family_of("x_sum", "histogram"), family_of("x_sum", "gauge"), family_of("x_total", "counter")] == [
        "x", "x_sum", "x_total",
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"\xff\xff\xff\xff\xff\xff", b"\x05abc", bodies.compress(b"x" * 100)[:-1]])
def test_what_is_no_snappy_block(body: bytes) -> None:
    with pytest.raises(Malformed):
        bodies.decompress(body, LIMIT)


def test_a_block_that_would_be_too_large_is_not_opened() -> None:
    with pytest.raises(TooLarge):
        bodies.decompress(b"\x80\x80\x80\x80\x0f", LIMIT)


def test_versions_by_their_headers() -> None:
    assert bodies.version(None, None) is Version.V1
    assert bodies.version("application/x-protobuf; proto=io.prometheus.write.v2.Request", "snappy") is Version.V2
    for kind, encoding in (("text/plain", None), (None, "gzip"), ("application/x-protobuf;proto=x", None)):
        with pytest.raises(Unsupported):
            bodies.version(kind, encoding)


RECORD = {"name": "up", "labels": {"a": "b"}, "value": 1, "at": AT}


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"labels": {"a": ""}}, {"labels": [1]}, {"at": "x"}, {"at": 1.5}, {"at": 2**63}, {"value": "x"},
        {"value": None}, {"value": True}, {"histogram": {"schema": "x"}}, {"exemplars": [{"value": 1}]},
        {"histogram": {}, "value": 1}, {"name": None},
    ],
)  # fmt: skip
def test_records_that_are_no_samples(change: dict[str, object]) -> None:
    reader = Reader(LIMIT)
    assert reader.read(b"k", json.dumps(RECORD).encode()).value == 1.0
    with pytest.raises(Unreadable):
        reader.read(b"k", json.dumps({**RECORD, **change}).encode())


@pytest.mark.parametrize("value", [b"", b"1", b"{", b"[]", b'{"name":"up","labels":{"a":"b"},"value":'])
def test_bytes_that_are_no_record(value: bytes) -> None:
    with pytest.raises(Unreadable):
        Reader(LIMIT).read(b"k", value)


def test_the_least_recently_used_go() -> None:
    cache: Cache[int, int] = Cache(100)
    for number in range(1, 31):
        cache.put(number, number, 10)
        assert cache.young.get(1) == 1 or cache.find(1, 10) == 1
    assert len(cache) <= 12
    assert cache.find(2, 10) is None


def test_the_stale_marker_is_one_kind_of_nan() -> None:
    assert math.isnan(STALE_NAN)
    assert struct.pack("<d", STALE_NAN).hex() == "020000000000f07f"
