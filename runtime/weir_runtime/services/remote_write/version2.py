"""Remote write 2.0: strings stand once in a request, and series refer to them."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from . import samples
from .bodies import Malformed
from .caches import Cache
from .decodings import Counts, Decoded
from .families import type_of
from .series import Bounds, InvalidSeries, Meaning, Series, series
from .v2_pb2 import Request, TimeSeries
from .version1 import with_exemplars

Key = tuple[str | int, ...]


class Decoder:
    """Keeps what it has learned of series; for one thread."""

    def __init__(self, bounds: Bounds, room: int) -> None:
        self._bounds = bounds
        self._cache: Cache[Key, Series] = Cache(room)

    @property
    def known(self) -> int:
        """Series that are kept."""
        return len(self._cache)

    def decode(self, body: bytes) -> Decoded:
        """The request's records. Raises Malformed."""
        try:
            message = Request.FromString(body)
        except DecodeError as error:
            raise Malformed(f"the body is no Request of remote write 2.0: {error}") from error
        symbols = list(message.symbols)
        if message.timeseries and (not symbols or symbols[0]):
            raise Malformed("the first symbol must be the empty string")
        decoded = Decoded()
        for one in message.timeseries:
            self._one(one, symbols, decoded)
        return decoded

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
            key: Key = (
                *[symbols[ref] for ref in one.labels_refs], symbols[about.help_ref], symbols[about.unit_ref], about.type
            )  # fmt: skip
        except IndexError:
            raise InvalidSeries(f"it refers to a symbol that is not there: there are {len(symbols)}") from None
        found = self._cache.young.get(key) or self._cache.find(key, 1000)
        if found is None:
            labels = _labels(one.labels_refs, symbols)
            meaning = Meaning(type_of(about.type), symbols[about.unit_ref] or None, symbols[about.help_ref] or None)
            found = series(labels, meaning, self._bounds)
            self._cache.put(key, found, 2 * found.size + 60 * len(key) + 300)
        return found


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
