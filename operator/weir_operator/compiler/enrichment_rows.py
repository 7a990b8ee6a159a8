"""What every stage of an EnrichmentPipeline shares: the event as one ROW, and what has been found out about it so far.

An event travels as one ROW of fixed shape (all declared fields, its time and place), what a side gave it as another,
so that state depends neither on `output` nor on conditions. Each stage reads the view of the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weir_api.streamjobs import Check, Operator

from .expressions import Scope, identifier
from .matchings import EVENT, OFFSET, PARTITION, TIME, event_row, event_type, view
from .times import EPOCH

FIRST = "weir_first"
NOW = "weir_now"
EARLY = f"({TIME} <= {EPOCH})"
"""SQL: whether an event is of a time that a range OVER drops."""

__all__ = ["EARLY", "EVENT", "FIRST", "NOW", "OFFSET", "PARTITION", "TIME", "Columns", "Stage", "event_row", "view"]


@dataclass(frozen=True)
class Columns:
    """What an event carries from stage to stage: the ROW of itself, then further columns (name -> type)."""

    fields: Mapping[str, str]
    further: Mapping[str, str] = field(default_factory=dict)

    @property
    def types(self) -> dict[str, str]:
        """Every carried column and its type."""
        return {EVENT: event_type(self.fields), **self.further}

    @property
    def names(self) -> str:
        """All of them, for a SELECT."""
        return ", ".join(self.types)

    @property
    def nulls(self) -> str:
        """A NULL for each, for rows that are no events."""
        return ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in self.types.items())

    def with_(self, name: str, kind: str) -> "Columns":
        """These and one more."""
        return Columns(self.fields, {**self.further, name: kind})

    def of_event(self, name: str) -> str:
        """SQL for a field of the event."""
        return f"{EVENT}.{identifier(name)}"

    @property
    def scope(self) -> Scope:
        """The names a user's expression over an event may use."""
        return Scope(columns={name: self.of_event(name) for name in self.fields})


@dataclass(frozen=True)
class Stage:
    """Views in order, and where events are behind them: on time with `weir_time`, late ones in order of arrival."""

    views: tuple[str, ...]
    on_time: str
    late: str
    columns: Columns
    operators: tuple[Operator, ...] = ()
    checks: tuple[Check, ...] = ()

    def then(self, following: "Stage") -> "Stage":
        """This stage and the one that was built on it."""
        return Stage(
            (*self.views, *following.views),
            following.on_time,
            following.late,
            following.columns,
            (*self.operators, *following.operators),
            (*self.checks, *following.checks),
        )


def known(columns: Sequence[str]) -> str:
    """SQL: whether none of them is NULL."""
    return " AND ".join(f"{column} IS NOT NULL" for column in columns)


def unknown(columns: Sequence[str]) -> str:
    """SQL: whether one of them is NULL."""
    return " OR ".join(f"{column} IS NULL" for column in columns)
