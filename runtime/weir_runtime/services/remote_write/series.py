"""Which series a sample belongs to: its labels judged, its one name, and the part of its record that never changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

NAME: Final = "__name__"
STALE: Final = b"\x02\x00\x00\x00\x00\x00\xf0\x7f"
"""The NaN, as it stands in a message, by which Prometheus says that a series has ended."""
MAX_RECORD: Final = 900_000
"""Bytes of a record's key and value; a broker takes a million unless it is told otherwise."""
_LEGACY_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:")
_DIGITS: Final = frozenset("0123456789")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})

Labels = Sequence[tuple[str, str]]
"""Names and values, `__name__` among them."""


class InvalidSeries(ValueError):
    """Labels that no series has; the message says why."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is known of a metric: type as in OpenMetrics, `unknown` where it is not said."""

    type: str = "unknown"
    unit: str | None = None
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many labels a series may have, and how many bytes of UTF-8 one label's name and value may be."""

    labels: int = 128
    label_bytes: int = 16_384


@dataclass(frozen=True, slots=True)
class Series:
    """A series as its records have it: their key, and their value up to the sample."""

    key: bytes
    head: bytes

    @property
    def size(self) -> int:
        """Bytes of a record without its sample."""
        return len(self.key) + len(self.head)


def series(labels: Labels, meaning: Meaning, bounds: Bounds) -> Series:
    """The series with these labels, which are in order. Raises InvalidSeries."""
    name = metric_name(labels, bounds)
    others = {label: value for label, value in labels if label != NAME}
    identity = series_id(name, others)
    head = b"".join(
        (
            b'{"seriesId":', orjson.dumps(identity), b',"name":', orjson.dumps(name), b',"labels":',
            orjson.dumps(others), b',"type":', orjson.dumps(meaning.type), b',"unit":', orjson.dumps(meaning.unit),
            b',"help":', orjson.dumps(meaning.help), b',"value":',
        )
    )  # fmt: skip
    made = Series(identity.encode(), head)
    if made.size > MAX_RECORD // 2:
        raise InvalidSeries(f"its labels and help are {made.size} bytes as a record: {MAX_RECORD // 2} are the most")
    return made


def metric_name(labels: Labels, bounds: Bounds) -> str:
    """The metric's name, when the labels are as the protocol wants them. Raises InvalidSeries."""
    if len(labels) > bounds.labels:
        raise InvalidSeries(f"it has {len(labels)} labels: {bounds.labels} are the most")
    found, before = "", ""
    for label, value in labels:
        if not label or not value:
            raise InvalidSeries(f"a label's {'value' if label else 'name'} is empty")
        if label <= before:
            problem = "stands there twice" if label == before else f"stands behind '{before[:100]}': not in order"
            raise InvalidSeries(f"label '{label[:100]}' {problem}")
        if len(label) + len(value) > bounds.label_bytes // 4 and _bytes(label, value) > bounds.label_bytes:
            raise InvalidSeries(f"label '{label[:100]}' is longer than {bounds.label_bytes} bytes")
        before = label
        if label == NAME:
            found = value
    if not found:
        raise InvalidSeries(f"it has no {NAME}")
    return found


def series_id(name: str, labels: dict[str, str]) -> str:
    """The series' one name, as in `up{instance="i",job="j"}`: what the exposition format writes, labels by name."""
    pairs = [f'{_label(label)}="{value.translate(_ESCAPES)}"' for label, value in sorted(labels.items())]
    if not _is_legacy(name):
        pairs.insert(0, _quoted(name))
        return "{" + ",".join(pairs) + "}"
    return f"{name}{{{','.join(pairs)}}}" if pairs else name


def _label(name: str) -> str:
    return name if _is_legacy(name) and ":" not in name else _quoted(name)


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def _is_legacy(name: str) -> bool:
    return name[0] in _LEGACY_NAME and all(one in _LEGACY_NAME or one in _DIGITS for one in name)


def _bytes(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)
