"""A side of an EnrichmentPipeline as its joins see it: keys on both sides, what is told, when it is seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from weir_api.durations import milliseconds
from weir_api.sides import Enrichment

from .enrichment_rows import EVENT, TIME
from .expressions import identifier, interval
from .shapes import shape


def remembered_fields(spec: Enrichment) -> tuple[str, ...]:
    """The fields of a stream that events are told: all that can be remembered, or with a merge those selected."""
    return spec.select if spec.merge == "latestNonNull" else spec.remembered


def side_column(spec: Enrichment) -> str:
    """The column an event gets: a ROW of the side's fields, NULL where the side is unknown."""
    return f"weir_side_{spec.slug}"


def side_type(spec: Enrichment, fields: Iterable[str]) -> str:
    """The type of that column when it has these fields."""
    declared = ", ".join(f"{identifier(name)} {shape(spec.declared[name]).sql}" for name in fields)
    return f"ROW<{declared}>"


BEHIND = "weir_behind"
"""Column of a side's events: NULL, or the event time that had passed when it came, late."""


@dataclass(frozen=True)
class Side:
    """A side of a pipeline: `events` is a query of its stream, late or not. `reads`: its table, those of the
    events and of the sides before it.

    `keys`: SQL over the carried columns of an event, in the order of `on`; `end_when`: over fields, never NULL.
    """

    spec: Enrichment
    events: str
    reads: tuple[str, ...]
    keys: tuple[str, ...]
    end_when: str

    @property
    def slug(self) -> str:
        """The side's name as names of operators have it."""
        return self.spec.slug

    @property
    def column(self) -> str:
        """The column an event gets."""
        return side_column(self.spec)

    @property
    def fields(self) -> tuple[str, ...]:
        """What the column has: every declared field that can be remembered, or with a merge those that are selected."""
        return remembered_fields(self.spec)

    @property
    def row_type(self) -> str:
        """The type of the column."""
        return side_type(self.spec, self.fields)

    def kind(self, field: str) -> str:
        """The type of a field, as Flink takes it."""
        return shape(self.spec.declared[field]).sql

    def key_kind(self, field: str) -> str:
        """One type for both: Flink's cast from BIGINT to INT takes a wrong number without a word."""
        kind = shape(self.spec.declared[field])
        wider = {"INT": "BIGINT", "SMALLINT": "BIGINT", "TINYINT": "BIGINT", "VARCHAR": "STRING", "CHAR": "STRING"}
        return wider.get(kind.name, kind.sql)

    def seen(self, at: str, ended: str) -> str:
        """SQL: whether an event sees what was said at the instant `at`; `ended`: whether that ended the side."""
        conditions = [f"{at} IS NOT NULL", f"NOT {ended}"]
        if self.spec.expire_after is not None:
            conditions.append(f"{EVENT}.{TIME} < {at} + {interval(milliseconds(self.spec.expire_after))}")
        return " AND ".join(conditions)

    def says(self, field: str) -> str:
        """SQL over an event of the side: whether it tells the field's value, or ends what is known of it."""
        return f"{identifier(field)} IS NOT NULL OR {self.end_when}"

    def last(self, field: str) -> str:
        """The column with the place of the last event of its millisecond that says something of the field."""
        return f"weir_last_{self.spec.remembered.index(field) if field else 0}"

    @property
    def told(self) -> dict[str, str]:
        """For every field that could be selected: that column, and whether an event says something of it."""
        return {self.last(field): self.says(field) for field in self.spec.remembered}

    def key(self, part: str, index: int) -> str:
        """The column of a key, called differently wherever operators must be told apart by it."""
        return f"weir_{self.slug}_{part}_{index}"

    def keys_of(self, part: str) -> list[str]:
        """All key columns of this name, in the order of `on`."""
        return [self.key(part, index) for index in range(len(self.spec.on))]

    def asking(self, columns: str, rows: str, *further: str, part: str = "asked") -> str:
        """A query of the events of the view `rows`, with these columns and the key's."""
        keys = [
            f"TRY_CAST({sql} AS {self.key_kind(field)}) AS {key}"
            for sql, field, key in zip(self.keys, self.spec.on.values(), self.keys_of(part), strict=True)
        ]
        listed = ", ".join([*keys, *further, columns])
        return f"SELECT {listed} FROM {identifier(rows)}"
