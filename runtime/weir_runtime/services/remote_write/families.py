"""What metrics mean, as remote write 1.0 tells it: apart from their samples, and only now and then."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from weir_api.files import write_atomically

from .series import Meaning
from .v1_pb2 import MetricMetadata

TYPES: Final = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
"""By their numbers, in both versions of the protocol."""
_SUFFIXES: Final = {
    "_bucket": {"histogram", "gaugehistogram"},
    "_count": {"histogram", "summary"},
    "_sum": {"histogram", "summary"},
    "_gcount": {"gaugehistogram"},
    "_gsum": {"gaugehistogram"},
    "_total": {"counter"},
    "_created": {"counter", "histogram", "summary"},
    "_info": {"info"},
}
_COUNTERS: Final = ("_total", "_count", "_sum", "_bucket")
MOST_FAMILIES: Final = 100_000


class Families:
    """What was told of metric families; kept in a file, since it is told once a minute only."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, Meaning] = {}
        if file is not None and file.exists():
            self._known = _read(file)

    def meaning(self, name: str) -> Meaning:
        """What a series of this name is: what was told of its family, else what its name says."""
        if (known := self._known.get(name)) is not None:
            return known
        for suffix, types in _SUFFIXES.items():
            if name.endswith(suffix) and (known := self._known.get(name.removesuffix(suffix))) is not None:
                return known if known.type in types else _by_name(name)
        return _by_name(name)

    def learn(self, told: Iterable[MetricMetadata]) -> bool:
        """Takes in what a request tells; whether anything of it is new. Raises OSError when it cannot be kept."""
        new: dict[str, Meaning] = {}
        for one in told:
            meaning = Meaning(type_of(one.type), one.unit or None, one.help or None)
            if one.metric_family_name and self._known.get(one.metric_family_name) != meaning:
                new[one.metric_family_name] = meaning
        if not new or len(self._known) + len(new) > MOST_FAMILIES:
            return False
        self._known |= new
        if self._file is not None:
            _write(self._file, self._known)
        return True


def type_of(number: int) -> str:
    """The type's name; a number that is not known is an unknown type."""
    return TYPES[number] if 0 <= number < len(TYPES) else TYPES[0]


def family_of(name: str, kind: str) -> str:
    """The family that a series of this name and type belongs to."""
    for suffix, types in _SUFFIXES.items():
        # A counter's family has its _total where Prometheus tells of it.
        if name.endswith(suffix) and kind in types and suffix not in {"_total", "_info"}:
            return name.removesuffix(suffix)
    return name


def _by_name(name: str) -> Meaning:
    return Meaning("counter") if name.endswith(_COUNTERS) else Meaning()


def _read(file: Path) -> dict[str, Meaning]:
    try:
        told: Mapping[str, list[str | None]] = json.loads(file.read_text())
        return {name: Meaning(kind or TYPES[0], unit, text) for name, (kind, unit, text) in told.items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # a file that somebody else has written: it is told again within a minute


def _write(file: Path, known: Mapping[str, Meaning]) -> None:
    text = json.dumps({name: [one.type, one.unit, one.help] for name, one in known.items()}, ensure_ascii=False)
    write_atomically(file, text)
