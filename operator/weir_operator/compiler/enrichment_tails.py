"""From events on time and late ones, each with its sides, to all of them in one view: look-ups, and who is first.

Events that ask nobody and cannot be first pass by all of that, unless windows follow. What parts them is walled off
(`once`): a condition that could differ from time to time is not pushed down, where the planner would part the events
before the joins and make two of each. What is behind a look-up is read once and never parted: Flink would ask twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_api.enrichments import FirstOccurrence
from weir_api.streamjobs import Operator

from . import enrichment_firsts as firsts
from .enrichment_rows import FIRST, TIME, Columns, Stage, view
from .expressions import identifier, once
from .lookup_columns import FAILURE
from .lookups import IS_LATE, Lookup, asked

_ASKS = "weir_asks"


@dataclass(frozen=True)
class Tail:
    """Views that end in `rows`, with `columns`; with look-ups also FAILURE, a STRING, NULL if none did."""

    views: tuple[str, ...]
    rows: str
    columns: Columns
    operators: tuple[Operator, ...]


def timed(name: str, stage: Stage, lookups: Sequence[Lookup]) -> Tail:
    """The events of the last stage that are on time, in one view with TIME, by which they can be grouped.

    Those that ask nobody go through the look-ups too, asking nothing: beside them they would tell the windows that come
    after that a silent stream goes on before those that ask are there, and windows drop what is late.
    """
    columns = stage.columns.with_(TIME, "TIMESTAMP_LTZ(3)")
    settled, every = f"{name}_settled", f"{name}_every"
    if not lookups:
        return Tail((_walled(every, stage.on_time, columns, "FALSE"),), every, columns, ())
    answered = _answered(name, columns, lookups, settled, None)
    together_ = f"{name}_answered"
    views = (
        _walled(settled, stage.on_time, columns, "TRUE"),
        *answered.views,
        view(together_, answered.query),
        _walled(every, together_, answered.columns, "FALSE"),
    )
    return Tail(views, every, answered.columns, answered.operators)


def together(name: str, stage: Stage, lookups: Sequence[Lookup], per: FirstOccurrence | None) -> Tail:
    """All events of the last stage, on time and late, in one view."""
    columns, settled, late = stage.columns, f"{name}_settled", f"{name}_settled_late"
    needs = " OR ".join(f"({lookup.needs('FALSE')})" for lookup in lookups) or "FALSE"
    views = [
        _walled(settled, stage.on_time, columns, needs),
        _walled(late, stage.late, columns, "TRUE"),
    ]
    answered = _answered(name, columns, lookups, settled, late)
    final, names = answered.columns, answered.columns.names
    passing = f"SELECT {columns.names}{_nothing(final, columns)} FROM {identifier(settled)} WHERE NOT {_ASKS}"
    if per is None:
        every = f"SELECT {names} FROM ({answered.query})\nUNION ALL SELECT {names} FROM ({passing})"
        rows = view(f"{name}_every", every)
        return Tail((*views, *answered.views, rows), f"{name}_every", final, answered.operators)
    candidates = f"{answered.query}\nUNION ALL SELECT {names} FROM ({passing} AND {FIRST})"
    more, judged, operator = firsts.judged(name, per, final, candidates)
    every = f"SELECT {names} FROM {identifier(judged)}\nUNION ALL SELECT {names} FROM ({passing} AND NOT {FIRST})"
    rows = view(f"{name}_every", every)
    return Tail((*views, *answered.views, *more, rows), f"{name}_every", final, (*answered.operators, operator))


def _walled(name: str, rows: str, columns: Columns, asks: str) -> str:
    """The events as one ROW that is worked out once, taken apart again, and whether each asks anybody.

    Nothing is pushed through it: no condition, and no field that nobody reads is taken out of joins before. TIME stays
    out of the row: in it, it would be an instant like any other.
    """
    packed = [column for column in columns.types if column != TIME]
    types = {column: columns.types[column] for column in packed} | {_ASKS: "BOOLEAN"}
    declared = ", ".join(f"{column} {kind}" for column, kind in types.items())
    row = once(f"CAST(ROW({', '.join(packed)}, {asks}) AS ROW<{declared}>)")
    fields = ", ".join(f"weir_row.{column} AS {column}" for column in types)
    plain = "".join(f", {column}" for column in columns.types if column == TIME)
    return view(name, f"SELECT {fields}{plain}\nFROM (SELECT {row} AS weir_row{plain} FROM {identifier(rows)})")


def _nothing(final: Columns, columns: Columns) -> str:
    missing = [(name, kind) for name, kind in final.types.items() if name not in columns.types]
    return "".join(f", CAST(NULL AS {kind}) AS {name}" for name, kind in missing)


@dataclass(frozen=True)
class _Answered:
    """A query of late events and those that ask, each with what it was told."""

    query: str
    columns: Columns
    views: tuple[str, ...] = ()
    operators: tuple[Operator, ...] = ()


def _answered(name: str, columns: Columns, lookups: Sequence[Lookup], settled: str, late: str | None) -> _Answered:
    if not lookups:
        assert late is not None
        return _Answered(f"SELECT {columns.names} FROM {identifier(late)}", columns)
    rows, names = f"{name}_asking", columns.names
    columns = columns.with_(FAILURE, "STRING")
    failure = f"CAST(NULL AS STRING) AS {FAILURE}"
    asking = f"SELECT {names}, FALSE AS {IS_LATE}, {failure} FROM {identifier(settled)} WHERE {_ASKS}"
    if late is not None:
        asking += f"\nUNION ALL SELECT {names}, TRUE AS {IS_LATE}, {failure} FROM {identifier(late)}"
    views = [view(rows, asking)]
    operators = []
    for lookup in lookups:
        answer = asked(name, lookup, rows, columns)
        views += answer.views
        operators.append(answer.operator)
        rows, columns = answer.rows, answer.columns
    query = f"SELECT {columns.names} FROM {identifier(rows)}"
    return _Answered(query, columns, tuple(views), tuple(operators))
