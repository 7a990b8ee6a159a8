"""The events that an attempt of a pattern may take, in order, and what may come behind each."""

from dataclasses import dataclass

from weir_api.patterns import Contiguity

from .matchings import OFFSET, Course


@dataclass(frozen=True)
class Take:
    """The variable of one event. `optional`: an attempt may go on without it; `last`: no more of its step follow.

    `loops`: any number more of the step may follow. `waits`: the step has its fewest, so the next ones may come.
    """

    index: int
    step: int
    flag: str
    contiguity: Contiguity
    repetition: int
    optional: bool
    waits: bool
    last: bool
    loops: bool

    @property
    def variable(self) -> str:
        return f"T{self.index}"

    @property
    def filler(self) -> str:
        return f"F{self.index}"

    @property
    def loop(self) -> str:
        return f"L{self.index}"

    @property
    def taken(self) -> str | None:
        """SQL: whether the attempt has come by here; None where every attempt has.

        To ask that of an event, Flink reads back what the attempt has taken so far.
        """
        return f"{self.variable}.{OFFSET} IS NOT NULL" if self.optional else None

    @property
    def mixes(self) -> bool:
        """Whether fillers and further events of the step come in any order, so that one variable holds both."""
        return self.loops and self.contiguity != "next"


class Takes(tuple[Take, ...]):
    """All of a course, by index."""

    __slots__ = ()

    def exits(self, take: Take) -> list[Take]:
        """The takes of later steps that may come next, farthest first."""
        if not take.waits:
            return []
        exits: list[Take] = []
        for other in self[take.index + 1 :]:
            if other.step > take.step and other.repetition == 0:
                exits.insert(0, other)
                if not other.optional:
                    break
        return exits

    def options(self, take: Take) -> list[Take]:
        """All takes that may come next, first choice first; what `loops` takes has no variable of its own."""
        return [*self.exits(take), *([] if take.last else [self[take.index + 1]])]

    def fills(self, take: Take) -> bool:
        """Whether an attempt may wait behind it, passing events over."""
        return take.mixes or any(option.contiguity != "next" for option in self.options(take))


def takes_of(course: Course) -> Takes:
    """Every event an attempt may take."""
    takes: list[Take] = []
    for step, taking in enumerate(course.takings):
        copies = max(taking.minimum, 1) if taking.maximum is None else taking.maximum
        for repetition in range(copies):
            last = repetition == copies - 1
            takes.append(
                Take(
                    index=len(takes),
                    step=step,
                    flag=taking.flag,
                    contiguity=taking.contiguity,
                    repetition=repetition,
                    optional=repetition >= taking.minimum,
                    waits=repetition + 1 >= taking.minimum,
                    last=last,
                    loops=last and taking.maximum is None,
                )
            )
    return Takes(takes)
