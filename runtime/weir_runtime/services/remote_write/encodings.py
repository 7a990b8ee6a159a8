"""From samples to requests' messages, in both versions. Pure.

A plain sample is written byte by byte, as protobuf would: made as an object first it takes thrice as long.
"""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from .families import TYPES, family_of
from .readings import Sample
from .samples import Exemplar
from .series import Meaning
from .v1_pb2 import Histogram as Histogram1
from .v1_pb2 import MetricMetadata, TimeSeries, WriteRequest
from .v2_pb2 import Metadata
from .v2_pb2 import TimeSeries as TimeSeries2

_DOUBLE: Final = struct.Struct("<d")
_SMALL: Final = 1 << 14


def version1(samples: Iterable[Sample], families: Iterable[tuple[str, Meaning]] = ()) -> bytes:
    """A WriteRequest with these samples, in this order, and what is known of these families."""
    parts: list[bytes] = []
    for one in samples:
        series = one.known.labels1
        if one.value is not None:
            series += _value(one.value, one.at)
        if one.histogram is not None or one.exemplars:
            series += _more1(one)
        parts += (b"\x0a", varint(len(series)), series)
    for name, meaning in families:
        kind = MetricMetadata.MetricType.Name(TYPES.index(meaning.type))
        told = MetricMetadata(type=kind, help=meaning.help or "", unit=meaning.unit or "")
        told.metric_family_name = family_of(name, meaning.type)
        parts.append(WriteRequest(metadata=[told]).SerializeToString())
    return b"".join(parts)


def version2(samples: Sequence[Sample]) -> bytes:
    """A Request with these samples, in this order."""
    symbols: dict[str, int] = {"": 0}
    described: dict[Meaning, bytes] = {}
    parts: list[bytes] = []
    for one in samples:
        labels = b"".join([varint(symbols.setdefault(text, len(symbols))) for text in one.known.texts])
        series = b"\x0a" + varint(len(labels)) + labels
        if one.value is not None:
            series += _value(one.value, one.at, one.start)
        if one.histogram is not None or one.exemplars:
            series += _more2(one, symbols)
        about = described.get(one.meaning)
        if about is None:
            about = described[one.meaning] = _described(one.meaning, symbols)
        parts += (b"\x2a", varint(len(series) + len(about)), series, about)
    texts = (text.encode() for text in symbols)
    return b"".join([piece for text in texts for piece in (b"\x22", varint(len(text)), text)]) + b"".join(parts)


def varint(number: int) -> bytes:
    """As protobuf writes whole numbers of up to 64 bits."""
    return _VARINTS[number] if 0 <= number < _SMALL else _varint(number)


def _value(value: float, at: int, start: int = 0) -> bytes:
    """Field 2: a sample."""
    time = _varint(at)
    if start:
        time += b"\x18" + _varint(start)
    return b"\x12%c\x09%b\x10%b" % (10 + len(time), _DOUBLE.pack(value), time)


@lru_cache(16_384)
def _varint(number: int) -> bytes:
    rest, found = number & 0xFFFF_FFFF_FFFF_FFFF, bytearray()
    while rest >= 0x80:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def _more1(one: Sample) -> bytes:
    made = TimeSeries()
    if one.histogram is not None:
        # The messages are the same in both versions, but that the first knows no start.
        told = type(one.histogram)()
        told.CopyFrom(one.histogram)
        told.ClearField("start_timestamp")
        made.histograms.append(Histogram1.FromString(told.SerializeToString()))
    for labels, value, at in one.exemplars:
        exemplar = made.exemplars.add(value=value, timestamp=at)
        for name, text in labels:
            exemplar.labels.add(name=name, value=text)
    return made.SerializeToString()


def _more2(one: Sample, symbols: dict[str, int]) -> bytes:
    made = TimeSeries2()
    if one.histogram is not None:
        made.histograms.append(one.histogram)
        if one.start:
            made.histograms[0].start_timestamp = one.start
    for each in one.exemplars:
        made.exemplars.add(labels_refs=_refs(each, symbols), value=each[1], timestamp=each[2])
    return made.SerializeToString()


def _refs(exemplar: Exemplar, symbols: dict[str, int]) -> list[int]:
    return [symbols.setdefault(text, len(symbols)) for pair in exemplar[0] for text in pair]


def _described(meaning: Meaning, symbols: dict[str, int]) -> bytes:
    kind = Metadata.MetricType.Name(TYPES.index(meaning.type))
    texts = [symbols.setdefault(text or "", len(symbols)) for text in (meaning.help, meaning.unit)]
    return TimeSeries2(metadata=Metadata(type=kind, help_ref=texts[0], unit_ref=texts[1])).SerializeToString()


_VARINTS: Final = tuple(_varint.__wrapped__(number) for number in range(_SMALL))
