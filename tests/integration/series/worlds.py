"""Random series: pods that count, restart, come and go, move to other services, and are heard in disorder and twice."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oracle.series import Labels, Sample

COUNTER, GAUGE = "random_total", "random_gauge"
DISORDER = 4_000
_SCRAPED_EVERY = 5_000


@dataclass(frozen=True)
class Move:
    """From this time on the pod is of this service and tier; None: not known."""

    at: int
    pod: str
    service: str | None
    tier: str | None


@dataclass(frozen=True)
class World:
    """All that is said, samples in the order in which they come."""

    moves: Sequence[Move]
    samples: Sequence[Sample]

    def known(self, sample: Sample) -> Labels:
        """What metadata say of a sample."""
        said = [move for move in self.moves if move.pod == sample.labels.get("pod") and move.at <= sample.at]
        if not said:
            return {}
        newest = max(said, key=lambda move: move.at)
        return {"service": newest.service or "", "tier": newest.tier or ""}


def world(seed: int, begin: int, end: int, pods: int) -> World:
    """Samples with begin <= at < end. None comes more than DISORDER behind another."""
    chance = random.Random(seed)
    names = [f"pod-{number}" for number in range(pods)]
    # In the order of their times: one that comes behind the others is late, and known or not as the moment has it.
    moves = sorted((move for pod in names for move in _moves(chance, pod, begin, end)), key=lambda move: move.at)
    samples = [sample for pod in names for sample in _samples(chance, pod, begin, end)]
    samples += chance.sample(samples, len(samples) // 10)
    return World(moves, sorted(samples, key=lambda sample: sample.at + chance.randrange(DISORDER)))


def _moves(chance: random.Random, pod: str, begin: int, end: int) -> Iterator[Move]:
    for _ in range(chance.randrange(1, 5)):
        service = chance.choice(["pay", "shop", None])
        yield Move(chance.randrange(begin, end), pod, service, chance.choice(["1", "2", None]))


def _samples(chance: random.Random, pod: str, begin: int, end: int) -> Iterator[Sample]:
    at = begin + chance.randrange(_SCRAPED_EVERY)
    counts, started, tells_start = {"a": 0, "b": 0}, at - 1, chance.random() < 0.5
    while at < end:
        if chance.random() < 0.1:  # restarts, sometimes after a while, sometimes counting past what it had at once
            ended = at
            at += chance.choice([1, 30_000]) + chance.randrange(_SCRAPED_EVERY)
            if chance.random() < 0.5 and at < end:
                yield from (Sample(GAUGE, {"pod": pod}, None, ended, counter=False),)
            counts, started = {part: chance.randrange(500) for part in counts}, at - 1
        for part in [part for part in counts if at < end and chance.random() < 0.9]:
            counts[part] += chance.randrange(100)
            start = started if tells_start else None
            yield Sample(COUNTER, {"pod": pod, "part": part}, counts[part], at, start_at=start)
        if at < end:
            yield Sample(GAUGE, {"pod": pod}, chance.randrange(1000), at, counter=False)
        at += _SCRAPED_EVERY + chance.randrange(-500, 500)
