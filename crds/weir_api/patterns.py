"""Pattern: events of one key that follow each other, or fail to."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from .base import Expression, Model, PositiveDuration, rule, rules
from .blocks import FieldName, OwnDelivery, Runtime, Sink, Source, Spec, StatePolicy, Suspended
from .errors import FieldError, join, suggestion

Contiguity = Literal["followedBy", "followedByAny", "next"]
StepName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=63)]
OutputName = Annotated[str, Field(min_length=1, max_length=128)]


class Times(Model):
    """How many events a step takes: at least `min`, as many as come or at most `max`."""

    model_config = rules(rule("!has(self.max) || self.min <= self.max", "min is more than max"))

    min: int = Field(default=1, ge=0, le=1000, description="The fewest events; 0 makes the step optional")
    max: int | None = Field(default=None, ge=1, le=1000, description="The most events; default: no limit but within")


class Step(Model):
    """One event (or with `times` several, or with `absent` none) of the sequence."""

    model_config = rules(
        rule("!self.absent || !has(self.times)", "an absent step has no events to count", "times"),
        rule(
            "!self.absent || self.contiguity == 'followedBy'",
            "an absent step has no event that could follow another",
            "contiguity",
        ),
        rule("self.absent || !has(self.after)", "is only for a step with 'absent: true'", "after"),
    )

    name: StepName = Field(description="Name of the step, under which emit speaks of its event: `end.at - start.at`")
    where: Expression = Field(description="SQL condition over the event's fields that makes it this step's event")
    contiguity: Contiguity = Field(
        default="followedBy",
        description="followedBy: the first such event after the step before, whatever comes in between; "
        "followedByAny: every later one too, a match each; next: only the very next event of the key",
    )
    times: Times | None = Field(default=None, description="How many such events; default: exactly one")
    absent: bool = Field(
        default=False,
        description="No such event may come: between its neighbours, or, as the last step, until the deadline",
    )
    after: str | None = Field(
        default=None,
        max_length=63,
        description="For a last step that is absent: the earlier step that `within` counts from; default: the first",
    )

    @property
    def optional(self) -> bool:
        """Whether a match may have no event of this step."""
        return self.absent or (self.times is not None and self.times.min == 0)


class PatternSpec(Spec):
    """Which events make a match, and what is written for each."""

    model_config = rules(
        rule("self.keyBy.all(key, key in self.source.fields)", "each must be one of the source's fields", "keyBy"),
        rule(
            "has(self.sink.bootstrapServers) || !has(self.source.topic) || self.sink.topic != self.source.topic",
            "is what the source reads: an endless loop",
            "sink.topic",
        ),
        rule(
            "self.sequence.all(step, self.sequence.exists_one(other, other.name == step.name))",
            "each step needs a name of its own",
            "sequence",
        ),
        rule(
            "self.sequence.all(step, !(step.name in self.source.fields))",
            "a step must not have the name of a source field",
            "sequence",
        ),
        rule(
            "self.sequence.all(step, !has(step.after) || self.sequence.exists(other, other.name == step.after))",
            "after must name another step",
            "sequence",
        ),
        rule(
            "!self.sequence[0].absent && (!has(self.sequence[0].times) || self.sequence[0].times.min > 0)",
            "the first step opens the match, so it needs an event",
            "sequence",
        ),
    )

    source: Source
    key_by: tuple[FieldName, ...] = Field(
        min_length=1, max_length=16, description="Source fields; only events equal in all of them make a match"
    )
    sequence: tuple[Step, ...] = Field(min_length=1, max_length=32, description="The steps, in the order of event time")
    within: PositiveDuration = Field(
        description="From the first event of a match; an event at exactly first + within is too late"
    )
    emit: dict[OutputName, Expression] = Field(
        min_length=1, max_length=256, description="Output field: SQL expression over key fields and `<step>.<field>`"
    )
    on_match: Literal["all", "skipPastLast"] = Field(
        default="all",
        description="all: overlapping matches all count; skipPastLast: the next one starts after this one's last event",
    )
    sink: Sink
    delivery: OwnDelivery = "exactlyOnce"
    state: StatePolicy = StatePolicy()
    suspended: Suspended = False
    runtime: Runtime = Runtime()

    @property
    def first(self) -> Step:
        """The step that opens a match."""
        return self.sequence[0]

    def problems(self, name: str) -> Iterator[FieldError]:
        """What is wrong across fields."""
        yield from self.source.problems("source", name)
        yield from self.sink.problems("sink", self.source, name)
        yield from self._key_problems()
        for index in range(len(self.sequence)):
            yield from self._step_problems(index)
        for output in self.emit:
            if output.startswith("weir_"):
                yield FieldError(path=join("emit", output), message="names that start with 'weir_' are Weir's own")

    def _key_problems(self) -> Iterator[FieldError]:
        for index, name in enumerate(self.key_by):
            path = join("keyBy", index)
            if name not in self.source.fields:
                hint = suggestion(name, tuple(self.source.fields))
                yield FieldError(path=path, message=f"'{name}' is not one of the source's fields{hint}")
            elif name in self.key_by[:index]:
                yield FieldError(path=path, message=f"'{name}' stands here more than once")

    def _step_problems(self, index: int) -> Iterator[FieldError]:
        step, before = self.sequence[index], self.sequence[:index]
        path = join("sequence", index)
        if step.name in {other.name for other in before}:
            yield FieldError(path=f"{path}.name", message=f"'{step.name}' is already the name of another step")
        if step.name in self.source.fields:
            yield FieldError(path=f"{path}.name", message=f"'{step.name}' is already the name of a source field")
        if step.name.startswith("weir_"):
            yield FieldError(path=f"{path}.name", message="names that start with 'weir_' are Weir's own")
        if step.times is not None and step.times.max is not None and step.times.min > step.times.max:
            yield FieldError(path=f"{path}.times", message=f"min {step.times.min} is more than max {step.times.max}")
        if index == 0:
            yield from _first_step_problems(step, path)
        if step.absent:
            yield from self._absence_problems(index)
        elif step.after is not None:
            yield FieldError(path=f"{path}.after", message="is only for a step with 'absent: true'")

    def _absence_problems(self, index: int) -> Iterator[FieldError]:
        step, path = self.sequence[index], join("sequence", index)
        if step.times is not None:
            yield FieldError(path=f"{path}.times", message="an absent step has no events to count")
        if step.contiguity != "followedBy":
            yield FieldError(path=f"{path}.contiguity", message="an absent step has no event that could follow another")
        if index > 0 and self.sequence[index - 1].absent:
            # Both hold over the same stretch of events, so OR says it all, and each stretch has one absence to compile.
            yield FieldError(path=f"{path}.absent", message="two absent steps in a row: join their conditions with OR")
        if step.after is not None:
            yield from self._after_problems(index, step.after)

    def _after_problems(self, index: int, after: str) -> Iterator[FieldError]:
        path = join("sequence", index, "after")
        earlier = {step.name: step for step in self.sequence[:index] if not step.absent}
        if index < len(self.sequence) - 1:
            yield FieldError(path=path, message="is only for an absent step at the end, which waits for a deadline")
        elif after not in earlier:
            hint = suggestion(after, tuple(earlier))
            yield FieldError(path=path, message=f"'{after}' is no earlier step that has an event{hint}")
        elif earlier[after].optional:
            yield FieldError(path=path, message=f"step '{after}' may have no event (times.min 0) to count from")


def _first_step_problems(step: Step, path: str) -> Iterator[FieldError]:
    if step.absent:
        yield FieldError(path=f"{path}.absent", message="the first step opens the match, so it cannot be absent")
    elif step.optional:
        yield FieldError(path=f"{path}.times.min", message="the first step opens the match, so it needs an event")
    if step.contiguity != "followedBy":
        yield FieldError(path=f"{path}.contiguity", message="the first step follows no other")
