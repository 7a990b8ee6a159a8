"""Look-ups: events that need one ask, all in one join per side, and leave as they are answered.

A key that is NULL is not asked for, so an event passes the joins it does not need. docs/enrichment.md tells when an
event asks and what becomes of failures; docs/flink-notes.md what the connectors do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weir_api.lookups import HttpLookup, JdbcLookup
from weir_api.sides import Enrichment
from weir_api.streamjobs import DatabaseTable, Operator

from .enrichment_keys import side_column, side_type
from .enrichment_rows import NOW, Columns, known, view
from .expressions import identifier
from .lookup_columns import ANSWER, FAILURE, NEEDS, key_column
from .lookup_http import HttpService
from .lookup_jdbc import JdbcTable

IS_LATE = "weir_is_late"


class Service(Protocol):
    """What is asked: SQL for it as a table that a join can look up in."""

    @property
    def hint(self) -> str:
        """What the planner is told of the join."""

    def key(self, index: int, sql: str) -> str:
        """SQL for what is asked by, for the key of `on` at `index`; NULL asks nobody."""

    def answers(self) -> list[str]:
        """SQL for each field of the side, over the answer."""

    def failure(self) -> str | None:
        """SQL for why nothing was answered, NULL if something was; None if that is nothing to tell."""

    def table(self, name: str) -> str:
        """CREATE TABLE with the keys as `key_column`."""

    def settings(self) -> Mapping[str, str]:
        """Flink's settings that it depends on."""


@dataclass(frozen=True)
class Lookup:
    """A look-up of a side: `keys` and `when` are bound over the carried columns; `fields` are what it gives."""

    spec: Enrichment
    keys: tuple[str, ...]
    when: str | None
    fields: tuple[str, ...]

    @property
    def service(self) -> Service:
        """What is asked. Only sides with a look-up have one."""
        match self.spec.lookup:
            case HttpLookup() as http:
                return HttpService(self.spec, http, self.fields)
            case JdbcLookup() as jdbc:
                return JdbcTable(self.spec, jdbc, self.fields)
        raise ValueError(self.spec.name)

    @property
    def column(self) -> str:
        """The column an event gets."""
        return side_column(self.spec)

    @property
    def row_type(self) -> str:
        """The type of the column."""
        return side_type(self.spec, self.fields)

    def needs(self, is_late: str) -> str:
        """SQL: whether an event asks; `is_late`: SQL for whether it is late."""
        when = f"({self.when}) IS TRUE" if self.when is not None else None
        if self.spec.source is None:
            return f"{known(self.keys)}" + (f" AND {when}" if when else "")
        reasons = [is_late, f"{self.column} IS NULL", *([when] if when else [])]
        return f"{known(self.keys)} AND ({' OR '.join(reasons)})"


@dataclass(frozen=True)
class Answered:
    """Statements that end in the view `rows`: the events with the look-up's column; IS_LATE goes with them."""

    views: tuple[str, ...]
    rows: str
    columns: Columns
    operator: Operator


def asked(name: str, lookup: Lookup, rows: str, columns: Columns) -> Answered:
    """The events of the view `rows`, each with its answer; those that need none as they were."""
    slug, service = lookup.spec.slug, lookup.service
    table, asking, answered = (f"{name}_{slug}_{part}" for part in ("service", "asking", "answered"))
    keys = [f"weir_{slug}_ask_{index}" for index in range(len(lookup.keys))]
    values = [
        f"CASE WHEN {lookup.needs(IS_LATE)} THEN {service.key(index, sql)} END AS {keys[index]}"
        for index, sql in enumerate(lookup.keys)
    ]
    needs = f"{lookup.needs(IS_LATE)} AS {NEEDS}"
    carried = f"{columns.names}, {IS_LATE}"
    asking_view = view(
        asking, f"SELECT {carried}, {needs},\n  {', '.join(values)}, PROCTIME() AS {NOW}\nFROM {identifier(rows)}"
    )
    others = ", ".join(f"a.{column}" for column in columns.types if column not in {lookup.column, FAILURE})
    before = f"a.{lookup.column}" if lookup.column in columns.types else f"CAST(NULL AS {lookup.row_type})"
    side = f"CASE WHEN a.{NEEDS} THEN CAST(ROW({', '.join(service.answers())}) AS {lookup.row_type}) ELSE {before} END"
    same = " AND ".join(f"a.{key} = {ANSWER}.{key_column(index)}" for index, key in enumerate(keys))
    failed = service.failure()
    failure = f"a.{FAILURE}" if failed is None else f"COALESCE(a.{FAILURE}, {failed})"
    answered_view = view(
        answered,
        f"SELECT {service.hint}{others}, a.{IS_LATE}, {failure} AS {FAILURE},\n  {side} AS {lookup.column}\n"
        f"FROM {identifier(asking)} a\n"
        f"LEFT JOIN {identifier(table)} FOR SYSTEM_TIME AS OF a.{NOW} AS {ANSWER} ON {same}",
    )
    after = columns if lookup.column in columns.types else columns.with_(lookup.column, lookup.row_type)
    operator = Operator(name=f"look-up-{slug}", columns=(keys[0], key_column(0)))
    return Answered((service.table(table), asking_view, answered_view), answered, after, operator)


def databases(lookups: Mapping[str, Lookup]) -> tuple[DatabaseTable, ...]:
    """The tables that are asked, for look-ups by the path of their side."""
    asked_ = ((path, lookup.service) for path, lookup in lookups.items())
    return tuple(service.database(path) for path, service in asked_ if isinstance(service, JdbcTable))


def settings(lookups: Sequence[Lookup]) -> dict[str, str]:
    """What Flink is told; the longest wait of those who ask counts for all."""
    merged: dict[str, str] = {}
    for lookup in lookups:
        for name, value in lookup.service.settings().items():
            merged[name] = max(merged.get(name, value), value, key=_amount)
    return merged


def _amount(value: str) -> float:
    """The number that a setting begins with."""
    number = value.split(" ", 1)[0]
    return float(number) if number.isdigit() else 0
