"""Remote write 2.0: strings stand once in a request, and series refer to them.

A series as all senders write it has its labels, one sample, and what is known of it, in this order. Such a one is taken
apart by its bytes: the times of samples and what is known of metrics are the same for many, and read once.
"""

import struct
from collections.abc import Sequence
from typing import Final

import orjson
from google.protobuf.message import DecodeError

from . import samples
from .bodies import Malformed
from .caches import Cache
from .decodings import Counts, Decoded
from .families import type_of
from .series import Bounds, InvalidSeries, Meaning, Series, series
from .v2_pb2 import Refs, Sample, SeriesList, TimeSeries
from .version1 import with_exemplars

Key = tuple[str | int, ...]
_LABELS: Final = 0x0A
_SAMPLE: Final = 0x12
_VALUE: Final = 0x09
_MOST_TIMES: Final = 10_000


class Decoder:
    """Keeps what it has learned of series; for one thread."""

    def __init__(self, bounds: Bounds, room: int) -> None:
        self._bounds = bounds
        self._cache: Cache[Key, Series] = Cache(room)
        self._times: dict[bytes, bytes] = {}

    @property
    def known(self) -> int:
        """Series that are kept."""
        return len(self._cache)

    def decode(self, body: bytes) -> Decoded:
        """The request's records. Raises Malformed."""
        decoded = Decoded()
        try:
            message = SeriesList.FromString(body)
            symbols, parts = list(message.symbols), list(message.timeseries)
            if parts and (not symbols or symbols[0]):
                raise Malformed("the first symbol must be the empty string")
            self._decode(parts, symbols, decoded)
        except DecodeError as error:
            raise Malformed(f"the body is no Request of remote write 2.0: {error}") from error
        return decoded

    def _decode(self, parts: list[bytes], symbols: list[str], decoded: Decoded) -> None:
        # This loop runs for every sample: nothing is called that need not be.
        find, times, unpack, dumps = self._cache.young.get, self._times, struct.Struct("<d").unpack_from, orjson.dumps
        refs_of, symbol, add, taken = Refs.FromString, symbols.__getitem__, decoded.records.append, 0
        metadata: dict[bytes, Key] = {}
        for part in parts:
            sample = 2 + part[1] if len(part) > 12 and part[0] == _LABELS and part[1] < 0x80 else 0
            end = sample + 2 + part[sample + 1] if 0 < sample < len(part) - 10 and part[sample] == _SAMPLE else 0
            about = metadata.get(part[end:]) or self._metadata(part[end:], symbols, metadata) if end else None
            if about is not None and end <= len(part):
                refs = refs_of(part[:sample]).labels_refs[:]
                try:
                    known = find((*map(symbol, refs), *about))
                except IndexError:
                    known = None
                at = sample + 11 if part[sample + 2] == _VALUE else sample + 2
                rest = times.get(part[at:end]) or self._rest(part[at:end]) if at <= end else None
                text = dumps(unpack(part, sample + 3)[0]) if at > sample + 2 else b"0.0"
                if known is not None and rest is not None and text != b"null":
                    add((known, text, rest))
                    taken += 1
                    continue
            self._one(TimeSeries.FromString(part), symbols, decoded)
        decoded.counts.samples += taken

    def _rest(self, part: bytes) -> bytes | None:
        """What follows the value of a sample of these times; None when these bytes are more or less than them."""
        message = Sample.FromString(part) if part[:1] == b"\x10" else Sample()
        if message.value or message.SerializeToString() != part:
            return None
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        made = self._times[part] = samples.rest(message.timestamp, message.start_timestamp)
        return made

    def _metadata(self, part: bytes, symbols: Sequence[str], known: dict[bytes, Key]) -> Key | None:
        """The end of a series' key; None when these bytes are more than metadata."""
        message = TimeSeries.FromString(part)
        if TimeSeries(metadata=message.metadata).SerializeToString() != part and part:
            return None
        try:
            made = known[part] = _about(message, symbols)
        except IndexError:
            return None
        return made

    def _one(self, one: TimeSeries, symbols: Sequence[str], decoded: Decoded) -> None:
        try:
            known = self._series(one, symbols)
            if len(one.samples) == 1 and not len(one.exemplars) and not len(one.histograms):
                only = one.samples[0]
                start = only.start_timestamp or one.created_timestamp
                value, rest = samples.sample(only.value, only.timestamp, start)
                decoded.records.append((known, value, rest))
                decoded.counts.samples += 1
                return
            told = _told(one, symbols)
        except InvalidSeries as wrong:
            counts = Counts(len(one.samples), len(one.histograms), len(one.exemplars))
            decoded.refuse(_known_labels(one.labels_refs, symbols), str(wrong), counts)
            return
        counts = Counts(len(one.samples), len(one.histograms), len(one.exemplars))
        decoded.add(known, _known_labels(one.labels_refs, symbols), told, counts)

    def _series(self, one: TimeSeries, symbols: Sequence[str]) -> Series:
        """Raises InvalidSeries."""
        about = one.metadata
        try:
            key: Key = (*[symbols[ref] for ref in one.labels_refs], *_about(one, symbols))
        except IndexError:
            raise InvalidSeries(f"it refers to a symbol that is not there: there are {len(symbols)}") from None
        found = self._cache.young.get(key) or self._cache.find(key, 1000)
        if found is None:
            labels = _labels(one.labels_refs, symbols)
            meaning = Meaning(type_of(about.type), symbols[about.unit_ref] or None, symbols[about.help_ref] or None)
            found = series(labels, meaning, self._bounds)
            self._cache.put(key, found, 2 * found.size + 60 * len(key) + 300)
        return found


def _about(one: TimeSeries, symbols: Sequence[str]) -> Key:
    """Raises IndexError."""
    about = one.metadata
    return symbols[about.help_ref], symbols[about.unit_ref], about.type


def _told(one: TimeSeries, symbols: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Its samples and histograms as records have them. Raises InvalidSeries."""
    old = one.created_timestamp
    told = [samples.sample(each.value, each.timestamp, each.start_timestamp or old) for each in one.samples]
    told += [samples.histogram(each, old) for each in one.histograms]
    if not one.exemplars:
        return told
    try:
        given = [(_labels(each.labels_refs, symbols), each.value, each.timestamp) for each in one.exemplars]
    except IndexError:
        raise InvalidSeries("an exemplar refers to a symbol that is not there") from None
    return with_exemplars(told, samples.exemplars_text(given), one.exemplars[-1].timestamp)


def _labels(refs: Sequence[int], symbols: Sequence[str]) -> list[tuple[str, str]]:
    """Raises IndexError, and InvalidSeries for a name without a value."""
    if len(refs) % 2:
        raise InvalidSeries("its last label has no value")
    return [(symbols[refs[at]], symbols[refs[at + 1]]) for at in range(0, len(refs), 2)]


def _known_labels(refs: Sequence[int], symbols: Sequence[str]) -> list[tuple[str, str]]:
    """For a message: what is there of them."""
    shown = [symbols[ref] if ref < len(symbols) else f"symbol {ref}" for ref in list(refs)[:20]]
    return list(zip(shown[::2], [*shown[1::2], ""], strict=False))
