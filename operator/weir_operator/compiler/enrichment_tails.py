"""From events on time and late ones, each with its sides, to all of them in one view: look-ups, and who is first.

Events that ask nobody and cannot be first pass by all of that. What parts them is walled off (`once`): a condition that
could differ from time to time is not pushed down, where the planner would part the events before the joins and make two
of each. What is behind a look-up is read once and never parted: Flink would ask twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_api.enrichments import FirstOccurrence
from weir_api.streamjobs import Operator

from . import enrichment_firsts as firsts
from .enrichment_rows import FIRST, Columns, Stage, view
from .expressions import identifier, once
from .lookups import FAILURE, IS_LATE, Lookup, asked

_ASKS = "weir_asks"


@dataclass(frozen=True)
class Tail:
    """Views that end in `rows`, with `columns`; with look-ups also FAILURE, a STRING, NULL if none did."""

    views: tuple[str, ...]
    rows: str
    columns: Columns
    operators: tuple[Operator, ...]


def together(name: str, stage: Stage, lookups: Sequence[Lookup], per: FirstOccurrence | None) -> Tail:
    """All events of the last stage, on time and late, in one view."""
    columns, settled = stage.columns, f"{name}_settled"
    if not lookups and per is None:
        names = columns.names
        rows = (
            f"SELECT {names} FROM {identifier(stage.on_time)}\nUNION ALL SELECT {names} FROM {identifier(stage.late)}"
        )
        return Tail((view(f"{name}_every", rows),), f"{name}_every", columns, ())
    views = [_settled(settled, stage, lookups, per)]
    final = columns
    for lookup in lookups:
        if lookup.column not in final.types:
            final = final.with_(lookup.column, lookup.row_type)
    possible, asking = _possible(name, stage, lookups, settled)
    views += asking.views
    direct = f"NOT {_ASKS}"
    operators = list(asking.operators)
    failing = f", {FAILURE}" if lookups else ""
    answered = f"SELECT {final.names}{failing} FROM ({possible})"
    nothing = _nothing(final, columns) + (f", CAST(NULL AS STRING) AS {FAILURE}" if lookups else "")
    passing = f"SELECT {columns.names}{nothing} FROM {identifier(settled)} WHERE {direct}"
    if per is None:
        every = f"{answered}\nUNION ALL SELECT {final.names}{failing} FROM ({passing})"
        return Tail((*views, view(f"{name}_every", every)), f"{name}_every", final, tuple(operators))
    carried = final.with_(FAILURE, "STRING") if lookups else final
    candidates = f"{answered}\nUNION ALL SELECT {carried.names} FROM ({passing} AND {FIRST})"
    more, judged, operator = firsts.judged(name, per, carried, candidates)
    every = (
        f"SELECT {carried.names} FROM {identifier(judged)}\n"
        f"UNION ALL SELECT {carried.names} FROM ({passing} AND NOT {FIRST})"
    )
    return Tail((*views, *more, view(f"{name}_every", every)), f"{name}_every", final, (*operators, operator))


def _settled(name: str, stage: Stage, lookups: Sequence[Lookup], per: FirstOccurrence | None) -> str:
    """The events on time, and whether each asks anybody."""
    others = ", ".join(column for column in stage.columns.types if column != FIRST)
    needs = " OR ".join(f"({lookup.needs('FALSE')})" for lookup in lookups) or "FALSE"
    flags = [f"{once(needs)} AS {_ASKS}"] + ([f"{once(FIRST)} AS {FIRST}"] if per is not None else [])
    return view(name, f"SELECT {others}, {', '.join(flags)}\nFROM {identifier(stage.on_time)}")


def _nothing(final: Columns, columns: Columns) -> str:
    missing = [(name, kind) for name, kind in final.types.items() if name not in columns.types]
    return "".join(f", CAST(NULL AS {kind}) AS {name}" for name, kind in missing)


@dataclass(frozen=True)
class _Asking:
    views: tuple[str, ...]
    operators: tuple[Operator, ...]


def _possible(name: str, stage: Stage, lookups: Sequence[Lookup], settled: str) -> tuple[str, _Asking]:
    """A query of late events and those that ask, answered."""
    names = stage.columns.names
    if not lookups:
        return f"SELECT {names} FROM {identifier(stage.late)}", _Asking((), ())
    rows = f"{name}_asking"
    failure = f"CAST(NULL AS STRING) AS {FAILURE}"
    views = [
        view(
            rows,
            f"SELECT {names}, FALSE AS {IS_LATE}, {failure} FROM {identifier(settled)} WHERE {_ASKS}\n"
            f"UNION ALL SELECT {names}, TRUE AS {IS_LATE}, {failure} FROM {identifier(stage.late)}",
        )
    ]
    operators, columns = [], stage.columns
    for lookup in lookups:
        answer = asked(name, lookup, rows, columns)
        views += answer.views
        operators.append(answer.operator)
        rows, columns = answer.rows, answer.columns
    return f"SELECT {columns.names}, {FAILURE} FROM {identifier(rows)}", _Asking(tuple(views), tuple(operators))
