"""The rule of docs/views.md for views of series as a plain program, for samples that are not late."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Labels = Mapping[str, str]
Series = tuple[str, frozenset[tuple[str, str]]]
"""A metric's name and its labels."""
Told = dict[tuple[Series, int], float]
"""The value of a series at a time in ms."""


@dataclass(frozen=True)
class Sample:
    """A sample of a series; `value` is None for the marker that the series has ended. Times are in ms."""

    name: str
    labels: Labels
    value: float | None
    at: int
    counter: bool = True
    start_at: int | None = None

    @property
    def series(self) -> Series:
        """Which series it is of."""
        return self.name, frozenset(self.labels.items())


@dataclass(frozen=True)
class View:
    """A view that aggregates, as the spec has it."""

    name: str
    metrics: tuple[str, ...]
    labels: tuple[str, ...]
    aggregate: Literal["sum", "max", "last", "count"] | None = None

    def adds_up(self, sample: Sample) -> bool:
        """Whether it is of the sample, and adds up what it gained."""
        return sample.name in self.metrics and sample.counter and self.aggregate in {None, "sum"}

    def finds(self, sample: Sample) -> bool:
        """Whether it is of the sample, and takes its value as it is."""
        return sample.name in self.metrics and not self.adds_up(sample)


@dataclass(frozen=True)
class Times:
    """`series` of the spec, in ms; `lifetime` is a multiple of `interval`."""

    interval: int
    lifetime: int

    def end(self, at: int) -> int:
        """When the interval of a sample ends."""
        return at // self.interval * self.interval + self.interval


Known = Callable[[Sample], Labels]
"""What metadata say of a sample: labels that stand over its own; "" says nothing."""


def gains(samples: Iterable[Sample]) -> list[tuple[Sample, float]]:
    """What each counter's sample gained, in the order of time."""
    before: dict[Series, Sample] = {}
    found = []
    for sample in sorted(samples, key=lambda sample: sample.at):
        if not sample.counter or sample.value is None or not math.isfinite(sample.value):
            continue
        found.append((sample, _gain(sample, before.get(sample.series))))
        before[sample.series] = sample
    return found


def _gain(sample: Sample, before: Sample | None) -> float:
    assert sample.value is not None
    if before is None:
        return sample.value
    assert before.value is not None
    if sample.at <= before.at:
        return 0
    start, former = sample.start_at, before.start_at
    began = start is not None and start >= before.at and (former is None or start > former)
    return sample.value if began or sample.value < before.value else sample.value - before.value


def projected(view: View, sample: Sample, known: Known) -> Series:
    """The series of the view that a sample belongs to."""
    given = {**sample.labels, **{name: value for name, value in known(sample).items() if value}}
    kept = {name: given[name] for name in (*view.labels, "le", "quantile") if given.get(name)}
    return sample.name, frozenset({**kept, "view": view.name}.items())


def totals(view: View, gained: Sequence[tuple[Sample, float]], known: Known, times: Times) -> Told:
    """The totals of a view at the end of each interval that had a sample."""
    so_far: dict[Series, float] = {}
    told: Told = {}
    for sample, gain in gained:
        if view.adds_up(sample):
            series = projected(view, sample, known)
            so_far[series] = so_far.get(series, 0) + gain
            told[series, times.end(sample.at)] = so_far[series]
    return told


def latest(view: View, samples: Sequence[Sample], known: Known, times: Times, until: int) -> Told:
    """What a view makes of the latest values at the end of each interval up to `until`."""
    mine = sorted((sample for sample in samples if view.finds(sample)), key=lambda sample: sample.at)
    told: Told = {}
    if not mine:
        return told
    for end in range(times.end(mine[0].at), until + 1, times.interval):
        living: dict[Series, Sample] = {}
        for sample in mine:
            if end - times.lifetime <= sample.at < end:
                living[sample.series] = sample
        groups: dict[Series, list[Sample]] = {}
        for sample in living.values():
            if sample.value is not None:
                groups.setdefault(projected(view, sample, known), []).append(sample)
        for series, members in groups.items():
            told[series, end] = _aggregate(view, members)
    return told


def _aggregate(view: View, members: Sequence[Sample]) -> float:
    values = [sample.value for sample in members if sample.value is not None]
    match view.aggregate:
        case "sum":
            return math.fsum(values)
        case "max":
            return max(values)
        case "count":
            return len(values)
    newest = max(members, key=lambda sample: (sample.at, str(sample.value)))  # of the same time, by their text
    assert newest.value is not None
    return newest.value
