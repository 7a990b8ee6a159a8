"""`flags.firstOccurrence`: whether an event is the first of its combination of values.

Among events on time the first is found by event time, whatever order they come in. Late events, and those that are
first among what was on time, then go through one OVER by arrival: so exactly one event of a combination is the first.
"""

from weir_api.enrichments import FirstOccurrence
from weir_api.streamjobs import Operator

from .enrichment_rows import EVENT, FIRST, NOW, TIME, Columns, Stage, view
from .expressions import identifier, once
from .matchings import position

_UNBOUNDED = "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def candidates(name: str, spec: FirstOccurrence, before: Stage) -> Stage:
    """The events of `before` with a flag: whether they may be first. A late one may always."""
    columns = before.columns.with_(FIRST, "BOOLEAN")
    counted, first, late = f"{name}_counted", f"{name}_first", f"{name}_first_late"
    window = f"PARTITION BY {_keys(spec, 'weir_per_')} ORDER BY {TIME} {_UNBOUNDED}"
    views = (
        view(
            counted,
            f"SELECT {_valued(spec, before.columns, 'weir_per_')}, {TIME}, {before.columns.names},\n"
            f"  {once(position(f'{EVENT}.'))} AS weir_position\nFROM {identifier(before.on_time)}",
        ),
        view(
            first,
            f"SELECT {TIME}, {before.columns.names}, weir_position = weir_earliest AS {FIRST}\n"
            f"FROM (SELECT *, MIN(weir_position) OVER ({window}) AS weir_earliest FROM {identifier(counted)})",
        ),
        view(late, f"SELECT {before.columns.names}, TRUE AS {FIRST}\nFROM {identifier(before.late)}"),
    )
    return Stage(views, first, late, columns, (Operator(name="first-occurrence", columns=("weir_per_0", "w0$o0")),))


def judged(name: str, spec: FirstOccurrence, columns: Columns, possible: str) -> tuple[tuple[str, ...], str, Operator]:
    """Views from all events that may be first (a query), in which the flag is true once per combination."""
    asked, judged_ = f"{name}_possibly_first", f"{name}_judged"
    others = ", ".join(column for column in columns.types if column != FIRST)
    window = f"PARTITION BY {_keys(spec, 'weir_late_per_')} ORDER BY {NOW} {_UNBOUNDED}"
    count = f"SUM(CASE WHEN {FIRST} THEN 1 ELSE 0 END) OVER ({window}) AS weir_count"
    views = (
        view(
            asked,
            f"SELECT {_valued(spec, columns, 'weir_late_per_')}, {others}, {once(FIRST)} AS {FIRST},\n"
            f"  PROCTIME() AS {NOW}\n"
            f"FROM ({possible})",
        ),
        view(
            judged_,
            f"SELECT {others}, {FIRST} AND weir_count = 1 AS {FIRST}\n"
            f"FROM (SELECT *, {count} FROM {identifier(asked)})",
        ),
    )
    return views, judged_, Operator(name="first-of-all", columns=("weir_late_per_0", "w0$o0"))


def _keys(spec: FirstOccurrence, prefix: str) -> str:
    return ", ".join(f"{prefix}{index}" for index in range(len(spec.per)))


def _valued(spec: FirstOccurrence, columns: Columns, prefix: str) -> str:
    return ", ".join(f"{columns.of_event(name)} AS {prefix}{index}" for index, name in enumerate(spec.per))
