"""From a record back to a sample: what is to be sent, and of which series."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from . import samples
from .caches import Cache
from .families import TYPES
from .series import NAME, Meaning
from .v1_pb2 import Label, TimeSeries
from .v2_pb2 import Histogram

_VALUE: Final = b'"value":'
_OF_SERIES: Final = frozenset({"seriesId", "name", "labels", "type", "unit", "help"})
_LONGEST: Final = 2**63

Document = Mapping[str, Any]  # a record's JSON, which is read field by field


class Unreadable(ValueError):
    """A record that is no sample; the message says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """A series: its name, its labels in order as 1.0 writes them and as texts, the bytes that begin its records."""

    name: str
    labels1: bytes
    texts: tuple[str, ...]
    head: bytes
    fields: Document


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample, a native histogram, or exemplars alone; the last has no value."""

    known: Known
    value: float | None
    at: int
    start: int
    meaning: Meaning
    histogram: Histogram | None
    exemplars: tuple[samples.Exemplar, ...]


class Reader:
    """Keeps what it has learned of series; for one thread."""

    def __init__(self, room: int) -> None:
        self._cache: Cache[bytes, Known] = Cache(room)

    @property
    def known(self) -> int:
        """Series that are kept."""
        return len(self._cache)

    def read(self, key: bytes, value: bytes) -> Sample:
        """The sample of a record. Raises Unreadable."""
        try:
            known = self._cache.young.get(key) or self._cache.find(key, 1000)
            # Head and rest are objects of their own, so together they are what stands in the record.
            if known is not None and value.startswith(known.head):
                return _sample(known, {**known.fields, **orjson.loads(b"{" + value[len(known.head) :])})
            document = orjson.loads(value)
            if not isinstance(document, dict):
                raise Unreadable("the record is no JSON object")
            known = self._learned(key, value, document)
            return _sample(known, document)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(f"the record is no sample: {type(error).__name__} {error}") from error

    def _learned(self, key: bytes, value: bytes, document: Document) -> Known:
        name, labels = document["name"], document["labels"]
        pairs = tuple(sorted({**labels, NAME: name}.items()))
        if not name or not all(isinstance(text, str) and text for pair in pairs for text in pair):
            raise Unreadable("labels are names and values, and none of them is empty")
        alone = TimeSeries(labels=[Label(name=label, value=text) for label, text in pairs])
        head, fields = _head(value)
        made = Known(name, alone.SerializeToString(), tuple(text for pair in pairs for text in pair), head, fields)
        if head:
            self._cache.put(key, made, 2 * len(value) + 1000)
        return made


def _head(value: bytes) -> tuple[bytes, Document]:
    """The bytes up to the value, when they tell of the series and nothing else; b'' when they do not."""
    before, found, _ = value.partition(_VALUE)
    if found:
        try:
            fields = orjson.loads(before.rstrip(b", ") + b"}")
        except ValueError:
            return b"", {}
        if isinstance(fields, dict) and {"name", "labels"} <= fields.keys() <= _OF_SERIES:
            return before, fields
    return b"", {}


def _sample(known: Known, document: Document) -> Sample:
    stale = document.get("stale") is True
    told, of = document.get("histogram"), document.get("value")
    histogram = samples.histogram_of(told, stale=stale) if told is not None else None
    if stale and histogram is None:
        value: float | None = samples.STALE_NAN
    else:
        value = of if type(of) is float else None if of is None else samples.value(of)
    if value is not None and histogram is not None and not stale:
        raise Unreadable("it has a value and a histogram")
    exemplars = tuple(map(_exemplar, document.get("exemplars") or ()))
    if value is None and histogram is None and not exemplars:
        raise Unreadable("it has neither a value nor a histogram nor exemplars")
    meaning = _meaning(document.get("type"), document.get("unit"), document.get("help"))
    at, start = document["at"], document.get("startAt") or 0
    if type(at) is not int or type(start) is not int or not -_LONGEST <= at < _LONGEST:
        raise Unreadable(f"its times are {at!r} and {start!r}")
    return Sample(known, value, at, start, meaning, histogram, exemplars)


@lru_cache(10_000)
def _meaning(kind: str | None, unit: str | None, text: str | None) -> Meaning:
    return Meaning(kind if kind in TYPES else TYPES[0], unit or None, text or None)


def _exemplar(told: Document) -> samples.Exemplar:
    labels = tuple(sorted((str(name), str(value)) for name, value in told["labels"].items()))
    return labels, samples.value(told["value"]), int(told["at"])
