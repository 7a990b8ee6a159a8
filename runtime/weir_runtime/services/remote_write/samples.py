"""Values of samples, and the parts of a record that tell of one: JSON has no NaN and no infinities."""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson
from google.protobuf import json_format

from . import histograms
from .series import STALE
from .v2_pb2 import Histogram

_DOUBLE: Final = struct.Struct("<d")
NORMAL_NAN: Final = _DOUBLE.unpack(b"\x01\x00\x00\x00\x00\x00\xf8\x7f")[0]
STALE_NAN: Final = _DOUBLE.unpack(STALE)[0]
_WORDS: Final[Mapping[str, float]] = {"NaN": NORMAL_NAN, "Infinity": math.inf, "-Infinity": -math.inf}

Exemplar = tuple[Sequence[tuple[str, str]], float, int]
"""Labels, value, time in ms."""


def is_stale(value: float) -> bool:
    """Whether it is the NaN that ends a series."""
    return math.isnan(value) and _DOUBLE.pack(value) == STALE


def number(value: float) -> bytes:
    """As a record has it: JSON's number, or a word in quotes."""
    text = orjson.dumps(value)
    if text != b"null":
        return text
    if math.isnan(value):
        return b'"NaN"'
    return b'"Infinity"' if value > 0 else b'"-Infinity"'


def value(told: object) -> float:
    """The number behind what a record has. Raises ValueError."""
    if isinstance(told, str):
        return _WORDS[told] if told in _WORDS else float(told)
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise ValueError(f"the value is {told!r}")
    return float(told)


def rest(at: int, start: int, *, stale: bool = False, histogram: bytes = b"null", exemplars: bytes = b"null") -> bytes:
    """What follows the value in a record; `start`: 0 for none."""
    return (
        b',"stale":%b,"at":%d,"startAt":%b,"histogram":%b,"exemplars":%b}'
        % (b"true" if stale else b"false", at, b"%d" % start if start else b"null", histogram, exemplars)
    )  # fmt: skip


def sample(of: float, at: int, start: int, exemplars: bytes = b"null") -> tuple[bytes, bytes]:
    """The value and what follows it."""
    if is_stale(of):
        return b"null", rest(at, start, stale=True, exemplars=exemplars)
    return number(of), rest(at, start, exemplars=exemplars)


def histogram(of: Histogram, start: int, exemplars: bytes = b"null") -> tuple[bytes, bytes]:
    """The same for a native histogram: its JSON, lossless but for the kind of NaN, which `stale` tells.

    Raises InvalidSeries for one that contradicts itself.
    """
    histograms.check(of)
    told = orjson.dumps(json_format.MessageToDict(of))
    begin = of.start_timestamp or start
    return b"null", rest(of.timestamp, begin, stale=is_stale(of.sum), histogram=told, exemplars=exemplars)


def histogram_of(told: object, *, stale: bool) -> Histogram:
    """The message that a record's histogram is. Raises ValueError."""
    if not isinstance(told, dict):
        raise ValueError("the histogram is no object")
    try:
        made = json_format.ParseDict(told, Histogram(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ValueError(f"the histogram is none: {error}") from error
    if stale:
        made.sum = STALE_NAN
    return made


def exemplars_text(given: Sequence[Exemplar]) -> bytes:
    """As a record has them."""
    if not given:
        return b"null"
    each: Callable[[Exemplar], bytes] = lambda one: b'{"labels":%b,"value":%b,"at":%d}' % (  # noqa: E731
        orjson.dumps(dict(one[0])), number(one[1]), one[2],
    )  # fmt: skip
    return b"[" + b",".join(map(each, given)) + b"]"
