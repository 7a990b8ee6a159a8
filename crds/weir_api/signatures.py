"""What a plan keeps in state, and what becomes of it when one plan follows another."""

from typing import Literal

from pydantic import Field

from .base import Model


class OperatorSignature(Model):
    """A stateful operator: what decides whether state of one plan fits another. Lists keep the plan's order."""

    uid: str = Field(description="The stable operator id, `<name>-<transformation>` or `<name>` for all of a node")
    type: str = Field(description="The node's type without version, as in stream-exec-interval-join")
    key: tuple[str, ...] = Field(default=(), description="The columns its state is keyed by")
    inputs: tuple[str, ...] = Field(default=(), description="The row type of each input, as Flink prints it")
    states: tuple[str, ...] = Field(default=(), description="The names of the node's states")
    detail: str = Field(default="", description="What else fixes the state's layout, as a source's topic")


class Signature(Model):
    """All stateful operators of a plan."""

    operators: tuple[OperatorSignature, ...] = Field(default=(), description="One entry per stateful operator")
    max_parallelism: int = Field(default=128, description="Key groups; state of another number of them cannot be read")


Fate = Literal["kept", "added", "dropped", "incompatible"]


class OperatorVerdict(Model):
    """What happens to one operator's state, and why."""

    uid: str = Field(description="The stable operator id")
    fate: Fate = Field(
        description="kept, added (starts empty), dropped (its state is lost) or incompatible (cannot be read)"
    )
    reason: str = Field(default="", description="What differs, for people")


class Verdict(Model):
    """Two signatures compared, an entry per operator of either."""

    operators: tuple[OperatorVerdict, ...] = Field(default=(), description="One entry per operator of either")

    def of(self, *fates: Fate) -> tuple[OperatorVerdict, ...]:
        """The operators with one of these fates."""
        return tuple(operator for operator in self.operators if operator.fate in fates)

    @property
    def loses_state(self) -> bool:
        """Whether any state of the old plan would not be carried over."""
        return bool(self.of("dropped", "incompatible"))
