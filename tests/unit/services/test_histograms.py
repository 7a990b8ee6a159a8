"""Native histograms that contradict themselves are refused, each with what is wrong."""

import json
import math
from typing import Any

import pytest

from support.remote_writes import Sent, version1, version2
from weir_runtime.services.remote_write import bodies
from weir_runtime.services.remote_write import version1 as decoder1
from weir_runtime.services.remote_write import version2 as decoder2
from weir_runtime.services.remote_write.families import Families
from weir_runtime.services.remote_write.histograms import check
from weir_runtime.services.remote_write.samples import STALE_NAN
from weir_runtime.services.remote_write.series import Bounds, InvalidSeries
from weir_runtime.services.remote_write.v2_pb2 import BucketSpan, Histogram

LIMIT = 1 << 20


def spans(*of: tuple[int, int]) -> list[BucketSpan]:
    return [BucketSpan(offset=offset, length=length) for offset, length in of]


def whole(**changes: Any) -> Histogram:
    """1, 2, 1 and 1 observations in its buckets, 2 in that of zero, 3 below."""
    fields: dict[str, Any] = {
        "count_int": 10, "sum": 18.4, "schema": 1, "zero_count_int": 2, "timestamp": 1,
        "positive_spans": spans((0, 2), (1, 2)), "positive_deltas": [1, 1, -1, 0],
        "negative_spans": spans((-3, 1)), "negative_deltas": [3],
    }  # fmt: skip
    return Histogram(**fields | changes)


def bounded(**changes: Any) -> Histogram:
    """Below 1, between 1 and 5, above."""
    fields: dict[str, Any] = {
        "count_int": 6, "sum": 9.0, "schema": -53, "custom_values": [1.0, 5.0],
        "positive_spans": spans((0, 3)), "positive_deltas": [1, 1, 1],
    }  # fmt: skip
    return Histogram(**fields | changes)


FLOATS: dict[str, Any] = {
    "count_float": 4.5, "sum": 1.0, "schema": 0, "positive_spans": spans((0, 2)), "positive_counts": [1.5, 3.0]
}  # fmt: skip


@pytest.mark.parametrize(
    "right",
    [
        whole(),
        bounded(),
        Histogram(**FLOATS),
        Histogram(**FLOATS | {"count_float": 4.4}),  # sums of fractions differ
        Histogram(sum=STALE_NAN),
        whole(sum=math.nan, count_int=12),  # two observations of NaN
        whole(schema=9),  # one that Prometheus makes coarser
        bounded(positive_spans=spans((2, 1)), positive_deltas=[6]),
    ],
)
def test_right_ones_pass(right: Histogram) -> None:
    check(right)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (whole(count_int=11), "counts 11, but its buckets have 10"),
        (whole(sum=math.nan, count_int=9), "counts 9"),
        (whole(positive_deltas=[1, 1, -1]), "positive spans of its histogram need 4 buckets, and there are 3"),
        (whole(negative_spans=[]), "negative spans of its histogram need 0"),
        (whole(positive_deltas=[1, -2, 3, 0]), "fewer than no observations"),
        (whole(positive_spans=spans((0, 2), (-1, 2))), "overlap"),
        (whole(schema=53), "schema 53"),
        (whole(custom_values=[1.0]), "only schema -53"),
        (Histogram(**FLOATS | {"positive_counts": [1.5, -3.0]}), "fewer than no observations"),
        (bounded(custom_values=[5.0, 1.0]), "each more than the one before"),
        (bounded(custom_values=[1.0, math.inf]), "finite"),
        (bounded(custom_values=[1.0, math.nan]), "each more than the one before"),
        (bounded(zero_count_int=1, count_int=7), "neither a zero bucket"),
        (bounded(custom_values=[1.0]), "bucket 2, and 1 custom bounds"),
    ],
)
def test_wrong_ones_are_refused(wrong: Histogram, why: str) -> None:
    with pytest.raises(InvalidSeries, match=why):
        check(wrong)


@pytest.mark.parametrize(
    ("decoder", "encode"),
    [(decoder1.Decoder(Families(), Bounds(), LIMIT), version1), (decoder2.Decoder(Bounds(), LIMIT), version2)],
)
def test_the_others_of_a_request_are_taken(decoder: Any, encode: Any) -> None:
    request = encode([Sent({"__name__": "a"}, histograms=[whole(count_int=1)]), Sent({"__name__": "b"}, [(1.0, 1)])])
    decoded = decoder.decode(bodies.decompress(request, LIMIT))
    assert [json.loads(of.head + value + rest)["name"] for of, value, rest in decoded.records] == ["b"]
    assert decoded.refused.histograms == 1
    assert "counts 1, but its buckets have 10" in decoded.problem
