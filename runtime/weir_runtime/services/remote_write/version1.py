"""Remote write 1.0: labels stand in full with every sample, so a series is known by their bytes.

A message's bytes begin, as all senders write them, with the labels. What has been read once as a TimeSeries of labels
only is known by its bytes; what follows it in another message is then a message of its own, and when that is a sample
as all senders write it, nothing needs to be parsed.
"""

import struct
from typing import Final

import orjson
from google.protobuf.message import DecodeError

from . import samples
from .bodies import Malformed
from .caches import Cache
from .decodings import Counts, Decoded
from .families import Families
from .series import Bounds, InvalidSeries, Series, series
from .v1_pb2 import SeriesList, TimeSeries
from .v2_pb2 import Histogram

_SAMPLE: Final = b"\x12\x10\x09"
"""Field 2 of 16 bytes, a value of 8 in it; then 0x10 and a time of 6 bytes, as from 1971 until 2109."""
_ZERO: Final = b"\x12\x07\x10"
"""The same without a value: 0 is not written."""
_MOST_TIMES: Final = 10_000


class Decoder:
    """Keeps what it has learned of series; for one thread."""

    def __init__(self, families: Families, bounds: Bounds, room: int) -> None:
        self._families, self._bounds = families, bounds
        self._cache: Cache[bytes, Series] = Cache(room)
        self._times: dict[bytes, bytes] = {}

    @property
    def known(self) -> int:
        """Series that are kept."""
        return len(self._cache)

    def decode(self, body: bytes) -> Decoded:
        """The request's records. Raises Malformed, and OSError when metadata cannot be kept."""
        try:
            message = SeriesList.FromString(body)
        except DecodeError as error:
            raise Malformed(f"the body is no WriteRequest: {error}") from error
        if len(message.metadata) and self._families.learn(message.metadata):
            self._cache.clear()  # their records tell the type
        decoded = Decoded()
        try:
            self._decode(list(message.timeseries), decoded)
        except DecodeError as error:
            raise Malformed(f"the body is no WriteRequest: {error}") from error
        return decoded

    def _decode(self, parts: list[bytes], decoded: Decoded) -> None:
        # This loop runs for every sample: nothing is called that need not be.
        find, times, unpack, dumps = self._cache.young.get, self._times, struct.Struct("<d").unpack_from, orjson.dumps
        add, taken = decoded.records.append, 0
        for part in parts:
            known = find(part[:-18])
            if known is not None and part[-18:-15] == _SAMPLE and part[-7] == 0x10:
                text = dumps(unpack(part, len(part) - 15)[0])
                rest = times.get(part[-6:]) or self._time(part[-6:])
                if rest is not None and text != b"null":
                    add((known, text, rest))
                    taken += 1
                    continue
            known = find(part[:-9])
            if known is not None and part[-9:-6] == _ZERO:
                rest = times.get(part[-6:]) or self._time(part[-6:])
                if rest is not None:
                    add((known, b"0.0", rest))
                    taken += 1
                    continue
            self._one(part, decoded)
        decoded.counts.samples += taken

    def _time(self, varint: bytes) -> bytes | None:
        """What follows the value of a sample of this time; None when these bytes are no number."""
        if varint[5] >= 0x80 or any(byte < 0x80 for byte in varint[:5]):
            return None
        at = sum((byte & 0x7F) << (7 * index) for index, byte in enumerate(varint))
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        made = self._times[varint] = samples.rest(at, 0)
        return made

    def _one(self, part: bytes, decoded: Decoded) -> None:
        """A series as it may be, and what is learned of it."""
        message = TimeSeries.FromString(part)
        # Some senders of 1.0 do not sort; Prometheus takes it from them.
        labels = sorted((label.name, label.value) for label in message.labels)
        counts = Counts(len(message.samples), len(message.histograms), len(message.exemplars))
        try:
            known, told = self._series(message, part, labels), _told(message)
        except InvalidSeries as wrong:
            decoded.refuse(labels, str(wrong), counts)
            return
        decoded.add(known, labels, told, counts)

    def _series(self, message: TimeSeries, part: bytes, labels: list[tuple[str, str]]) -> Series:
        alone = TimeSeries(labels=message.labels).SerializeToString()
        size = len(alone)
        found = self._cache.young.get(alone) or self._cache.find(alone, size)
        if found is None:
            name = next((value for label, value in labels if label == "__name__"), "")
            found = series(labels, self._families.meaning(name), self._bounds)
            if part.startswith(alone):
                self._cache.put(alone, found, size + found.size + 300)
        return found


def _told(message: TimeSeries) -> list[tuple[bytes, bytes]]:
    """Its samples and histograms as records have them. Raises InvalidSeries."""
    told = [samples.sample(one.value, one.timestamp, 0) for one in message.samples]
    # The messages are the same in both versions, field by field.
    told += [samples.histogram(Histogram.FromString(one.SerializeToString()), 0) for one in message.histograms]
    if not message.exemplars:
        return told
    exemplars = samples.exemplars_text(
        [([(each.name, each.value) for each in one.labels], one.value, one.timestamp) for one in message.exemplars]
    )
    return with_exemplars(told, exemplars, message.exemplars[-1].timestamp)


def with_exemplars(told: list[tuple[bytes, bytes]], exemplars: bytes, at: int) -> list[tuple[bytes, bytes]]:
    """The samples with the exemplars, which are of the newest; of none, and of their own time, without any."""
    if not told:
        return [(b"null", samples.rest(at, 0, exemplars=exemplars))]
    value, rest = told[-1]
    end = b',"exemplars":null}'
    return [*told[:-1], (value, rest.removesuffix(end) + b',"exemplars":' + exemplars + b"}")]
