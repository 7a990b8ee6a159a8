"""Gauges: the latest value of each series that lives, and what a view makes of them, once in an interval.

A series lives until its staleness marker, or until it has said nothing for `staleAfter`. The latest sample is the
greatest of texts that begin with the time; what comes after it is what the sample is to its view. So one window over
`staleAfter` finds it, and one over that adds up anew each time: nothing drifts, nothing is left of what went away.
"""

from collections.abc import Sequence

from weir_api.durations import milliseconds
from weir_api.streamjobs import Operator
from weir_api.views import SeriesTimes, View

from . import series_views as views
from .enrichment_rows import EVENT, TIME, view
from .expressions import identifier, interval, once, text
from .series_labels import Given
from .series_records import Sample, record

_MARK = "CHR(31)"
_TIME_DIGITS = 15


def latest(name: str, of: Sequence[View], times: SeriesTimes, labels: Given, rows: str) -> tuple[str, ...]:
    """Views that end in `<name>_latest`: weir_series and weir_record of each aggregate, once in an interval."""
    given, living, aggregates = (f"{name}_{part}" for part in ("values", "living", "aggregates"))
    every = milliseconds(times.interval)
    lifetime = -(-milliseconds(times.stale_after) // every) * every
    each = views.united([_values(one, labels, rows) for one in of])
    hop = f"HOP(TABLE {identifier(given)}, DESCRIPTOR({TIME}), {interval(every)}, {interval(lifetime)})"
    kind = " ".join(f"WHEN {text(one.name)} THEN {_AGGREGATES[one.aggregate or 'last']}" for one in of)
    told = Sample(
        "weir_out", "weir_name", "weir_labels", f"CASE weir_view {kind} END",
        "EXTRACT(EPOCH FROM window_end) * 1000 + EXTRACT(MILLISECOND FROM window_end)", {"type": "'gauge'"},
    )  # fmt: skip
    groups = "window_start, window_end, weir_name, weir_view, weir_out, weir_labels"
    return (
        view(given, each),
        view(
            living,
            f"SELECT window_start, window_end, weir_name, {_part(1)} AS weir_text, {_part(2)} AS weir_view,\n"
            f"  {_part(3)} AS weir_out, {_part(4)} AS weir_labels, weir_latest\nFROM (\n"
            "SELECT window_start, window_end, weir_name, weir_source, MAX(weir_said) AS weir_latest\n"
            f"FROM TABLE({hop})\nGROUP BY window_start, window_end, weir_name, weir_source)",
        ),
        view(
            aggregates,
            f"SELECT {groups}, {once(_TOLD)} AS weir_told\nFROM (\n"
            f"SELECT {groups}, SUM(CAST(weir_text AS DOUBLE)) AS weir_sum,\n"
            "  MAX(CAST(weir_text AS DOUBLE)) AS weir_max, COUNT(*) AS weir_count, MAX(weir_latest) AS weir_last\n"
            f"FROM {identifier(living)} WHERE weir_text <> '' GROUP BY {groups})",
        ),
        view(
            f"{name}_latest",
            f"SELECT weir_out AS weir_series, {record(told)} AS weir_record FROM {identifier(aggregates)}",
        ),
    )


# As one ROW: what no view asks for would not be worked out, and be missing from the state when one does.
_TOLD = (
    "CAST(ROW(weir_sum, weir_max, weir_count, weir_last)"
    " AS ROW<weir_sum DOUBLE, weir_max DOUBLE, weir_count BIGINT, weir_last STRING>)"
)
_AGGREGATES = {
    "sum": "CAST(weir_told.weir_sum AS STRING)",
    "max": "CAST(weir_told.weir_max AS STRING)",
    "count": "CAST(weir_told.weir_count AS STRING)",
    "last": f"SPLIT_INDEX(weir_told.weir_last, {_MARK}, 1)",
}
OPERATORS = (
    Operator(name="living-partial", columns=("weir_source",), type="local-window-aggregate"),
    Operator(name="living", columns=("weir_source",), type="global-window-aggregate"),
    Operator(name="aggregates-partial", columns=("weir_out",), type="local-window-aggregate"),
    Operator(name="aggregates", columns=("weir_out",), type="global-window-aggregate"),
)


def _part(index: int) -> str:
    return f"SPLIT_INDEX(weir_latest, {_MARK}, {index})"


def _values(one: View, labels: Given, rows: str) -> str:
    projected = labels.projected(one)
    value = f"CASE WHEN {EVENT}.stale IS TRUE THEN '' ELSE COALESCE({EVENT}.`value`, '') END"
    at = f"LPAD(CAST({EVENT}.`at` AS STRING), {_TIME_DIGITS}, '0')"
    clean = f"REPLACE({projected.series}, {_MARK}, '')"
    said = f", {_MARK}, ".join([at, value, text(one.name), clean, projected.json])
    adds = one.aggregate in {None, "sum"}
    others = f" AND NOT {views.counts(f'{EVENT}.')}" if adds else ""
    return (
        f"SELECT {EVENT}.name AS weir_name, CONCAT({text(one.name)}, {_MARK}, {EVENT}.seriesId) AS weir_source,\n"
        f"  CONCAT({said}) AS weir_said, {TIME}\n"
        f"FROM {identifier(rows)} WHERE {views.names_series(one, f'{EVENT}.')}{others}"
    )
