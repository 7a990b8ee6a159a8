"""From a request's message to records; what cannot be used of it is counted, with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .series import MAX_RECORD, Labels, Series

Record = tuple[Series, bytes, bytes]
"""A series, its value, and what follows the value: together a record's value."""
_MOST_REASONS: Final = 10


@dataclass
class Counts:
    """Of a request's samples, histograms and exemplars."""

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.samples + self.histograms + self.exemplars


@dataclass
class Decoded:
    """What a request brings."""

    records: list[Record] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    refused: Counts = field(default_factory=Counts)
    refused_series: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, known: Series, labels: Labels, told: Sequence[tuple[bytes, bytes]], counts: Counts) -> None:
        """A series' samples: all or, when one is too large for a record, none."""
        largest = max((len(value) + len(rest) for value, rest in told), default=0)
        if known.size + largest > MAX_RECORD:
            self.refuse(labels, f"a record of it would be over {MAX_RECORD} bytes", counts)
            return
        self.records += [(known, value, rest) for value, rest in told]
        self.counts.samples += counts.samples
        self.counts.histograms += counts.histograms
        self.counts.exemplars += counts.exemplars

    def refuse(self, labels: Labels, problem: str, counts: Counts) -> None:
        """Leaves a series out."""
        self.refused_series += 1
        self.refused.samples += counts.samples
        self.refused.histograms += counts.histograms
        self.refused.exemplars += counts.exemplars
        if len(self.reasons) < _MOST_REASONS:
            shown = ",".join(f'{name}="{value}"' for name, value in labels[:8])
            self.reasons.append(f"series {{{shown[:300]}}}: {problem}")

    @property
    def problem(self) -> str:
        """What the sender is told of what was refused; '' when nothing was."""
        if not self.refused_series:
            return ""
        refused, more = self.refused, self.refused_series - len(self.reasons)
        head = (
            f"not written: {self.refused_series} series with {refused.samples} samples, {refused.histograms} histograms"
            f" and {refused.exemplars} exemplars"
        )
        return "\n".join([head, *self.reasons, *([f"and {more} more"] if more else [])])
