"""Which native histograms contradict themselves.

The rules are Prometheus' own (model/histogram, Validate): it would refuse them in the end.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Final

from .series import InvalidSeries
from .v2_pb2 import BucketSpan, Histogram

_EXPONENTIAL: Final = range(-9, 53)
_CUSTOM_BOUNDS: Final = -53


def check(one: Histogram) -> None:
    """Raises InvalidSeries for a histogram that contradicts itself."""
    whole = one.WhichOneof("count") != "count_float"
    positive = _buckets("positive", one.positive_spans, one.positive_deltas if whole else None, one.positive_counts)
    negative = _buckets("negative", one.negative_spans, one.negative_deltas if whole else None, one.negative_counts)
    if one.schema == _CUSTOM_BOUNDS:
        _check_bounds(one, len(negative))
    elif one.schema not in _EXPONENTIAL:
        raise InvalidSeries(f"its histogram has schema {one.schema}, which is none")
    elif one.custom_values:
        raise InvalidSeries(f"its histogram has custom bounds with schema {one.schema}: only schema -53 has them")
    if whole:
        _check_count(one, int(sum(positive) + sum(negative)) + one.zero_count_int)


def _check_count(one: Histogram, observed: int) -> None:
    # What was no number is in no bucket.
    wrong = observed > one.count_int if math.isnan(one.sum) else observed != one.count_int
    if wrong:
        raise InvalidSeries(f"its histogram counts {one.count_int}, but its buckets have {observed}")


def _buckets(
    side: str, spans: Sequence[BucketSpan], deltas: Sequence[int] | None, counts: Iterable[float]
) -> list[float]:
    """The observations in each bucket; `deltas`: how each differs from the one before it, None: `counts` tells."""
    found: list[float] = [*accumulate(deltas)] if deltas is not None else [*counts]
    if (needed := sum(span.length for span in spans)) != len(found):
        raise InvalidSeries(f"the {side} spans of its histogram need {needed} buckets, and there are {len(found)}")
    if any(span.offset < 0 for span in spans[1:]):
        raise InvalidSeries(f"the {side} spans of its histogram overlap")
    if any(each < 0 for each in found):
        raise InvalidSeries(f"a {side} bucket of its histogram has fewer than no observations")
    return found


def _check_bounds(one: Histogram, negative: int) -> None:
    """With bounds of its own a histogram has no other buckets than those between them."""
    bounds = one.custom_values
    if any(not before < after for before, after in pairwise(bounds)) or (bounds and math.isinf(bounds[-1])):
        raise InvalidSeries("the custom bounds of its histogram must be finite and each more than the one before")
    if one.zero_count_int or one.zero_count_float or one.zero_threshold or negative:
        raise InvalidSeries("a histogram with custom bounds has neither a zero bucket nor negative ones")
    index = -1
    for span in one.positive_spans:
        index += span.offset + span.length
    if index >= len(bounds) + 1:
        raise InvalidSeries(f"its histogram has a bucket {index}, and {len(bounds)} custom bounds")
