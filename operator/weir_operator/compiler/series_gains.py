"""Counters: what each series gained since its sample before, and the totals of a view's series.

What a series gained does not depend on views, and goes to the series of each view that it belongs to at that time: so
neither a reset nor other metadata make a total fall. Gains are added up by interval, so that a total has one sample at
a time however many series it is of; totals are kept for ever, by view.
"""

from collections.abc import Sequence

from weir_api.durations import milliseconds
from weir_api.streamjobs import Operator
from weir_api.views import SeriesTimes, View

from . import series_views as views
from .enrichment_rows import EVENT, NOW, TIME, Stage, view
from .expressions import identifier, interval, once
from .series_labels import Given
from .series_records import Sample, record

GAIN = "weir_gain"
# The view is among the labels. A column of its own would be a constant where there is but one view, and no part of the
# key, and as long a text as the longest name: other views would have other state.
_KEYS = "weir_name, weir_series, weir_labels"
# LAG will not do: of samples with the same time each would have another of that time before it, and none a gain.
_SAMPLE = "CAST(ROW(weir_value, weir_at, weir_start) AS ROW<weir_value DOUBLE, weir_at BIGINT, weir_start BIGINT>)"


def gained(name: str, of: Sequence[View], times: SeriesTimes, before: Stage) -> Stage:
    """The samples of `before` with what each gained; NULL for those that are no counter's of these views."""
    columns = before.columns.with_(GAIN, "DOUBLE")
    counted, gains, behind = f"{name}_counted", f"{name}_gained", f"{name}_gained_late"
    value = f"TRY_CAST({EVENT}.`value` AS DOUBLE)"
    # v - v is 0 for all but NaN and the infinities.
    counts = f"({views.any_names(of, f'{EVENT}.')}) AND {views.counts(f'{EVENT}.')}"
    counts += f" AND {value} >= 0 AND {value} - {value} = 0"
    began = "weir_start >= weir_at_before AND (weir_start_before IS NULL OR weir_start > weir_start_before)"
    gain = (
        "CASE WHEN weir_value IS NULL OR CARDINALITY(weir_two) = 1 THEN weir_value\n"
        "  WHEN weir_at <= weir_at_before THEN CAST(0 AS DOUBLE)\n"
        f"  WHEN {began} OR weir_value < weir_before THEN weir_value ELSE weir_value - weir_before END"
    )
    # Samples that do not count go the same way: on a way beside it they would wake what comes after from idleness with
    # event time that the counters have not reached there, and counters behind event time are lost.
    keys = "weir_source, weir_counts"
    made = (
        view(
            counted,
            f"SELECT {TIME}, {EVENT}, {EVENT}.seriesId AS weir_source, {EVENT}.`at` AS weir_at,\n"
            f"  {EVENT}.startAt AS weir_start, {once(f'CASE WHEN {counts} THEN {value} END')} AS weir_value\n"
            f"FROM {identifier(before.on_time)}",
        ),
        view(
            gains,
            f"SELECT {TIME}, {EVENT}, {gain} AS {GAIN}\n"
            "FROM (\nSELECT *, weir_two[1].weir_value AS weir_before,\n"
            "  weir_two[1].weir_at AS weir_at_before, weir_two[1].weir_start AS weir_start_before\n"
            f"FROM (\nSELECT *, ARRAY_AGG({_SAMPLE}) OVER w AS weir_two\n"
            f"FROM (SELECT *, weir_value IS NOT NULL AS weir_counts FROM {identifier(counted)})\n"
            f"WINDOW w AS (PARTITION BY {keys} ORDER BY {TIME} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)))",
        ),
        view(behind, f"SELECT {TIME}, {EVENT}, CAST(NULL AS DOUBLE) AS {GAIN} FROM {identifier(before.late)}"),
    )
    columns_of_it = ("weir_source", "w0$o0")
    operator = Operator(name="gains", columns=columns_of_it, type="over-aggregate", forget_after=times.forget_after)
    return Stage(made, gains, behind, columns, (operator,))


def totals(name: str, of: Sequence[View], times: SeriesTimes, labels: Given, rows: str) -> tuple[str, ...]:
    """Views that end in `<name>_totals`: weir_series and weir_record of each total, once in an interval."""
    added, summed, kept = (f"{name}_{part}" for part in ("gains", "sums", "sums_so_far"))
    every = interval(milliseconds(times.interval))
    each = views.united([_gains(one, labels, rows) for one in of])
    window = f"TUMBLE({TIME}, {every})"
    over = f"PARTITION BY {_KEYS} ORDER BY {NOW}"
    started = "EXTRACT(EPOCH FROM weir_from) * 1000"
    until = f"{_ms('weir_until')}"
    total = Sample(
        "weir_series", "weir_name", "weir_labels", "CAST(weir_total AS STRING)", until,
        {"startAt": "weir_since", "type": "weir_type"},
    )  # fmt: skip
    return (
        view(added, each),
        view(
            summed,
            f"SELECT {_KEYS}, SUM({GAIN}) AS weir_sum, MIN(weir_start) AS weir_began, MIN(weir_type) AS weir_type,\n"
            f"  TUMBLE_START({TIME}, {every}) AS weir_from, TUMBLE_END({TIME}, {every}) AS weir_until\n"
            f"FROM {identifier(added)} GROUP BY {_KEYS}, {window}",
        ),
        view(
            kept,
            f"SELECT {_KEYS}, weir_type, weir_until, SUM(weir_sum) OVER w AS weir_total,\n"
            "  FIRST_VALUE(weir_start) OVER w AS weir_since, MAX(weir_until) OVER w AS weir_newest,\n"
            f"  LAG(weir_until) OVER w AS weir_until_before\nFROM (\nSELECT {_KEYS}, weir_type, weir_until, weir_sum,\n"
            f"  COALESCE(weir_began, {started}) AS weir_start, PROCTIME() AS {NOW} FROM {identifier(summed)})\n"
            f"WINDOW w AS ({over})",
        ),
        view(
            f"{name}_totals",
            f"SELECT weir_series, {record(total)} AS weir_record FROM {identifier(kept)}\n"
            # After a restart an interval may end once more for samples that came late: it is told with the next.
            "WHERE weir_until = weir_newest AND (weir_until_before IS NULL OR weir_until_before < weir_until)",
        ),
    )


OPERATORS = (
    Operator(name="sums", columns=("weir_sum", "weir_began")),
    Operator(name="totals", columns=("weir_sum", "w0$o0"), type="over-aggregate"),
)


def _gains(one: View, labels: Given, rows: str) -> str:
    projected = labels.projected(one)
    return (
        f"SELECT {EVENT}.name AS weir_name, {projected.series} AS weir_series,\n"
        f"  {projected.json} AS weir_labels, COALESCE({EVENT}.type, 'unknown') AS weir_type,\n"
        f"  {EVENT}.startAt AS weir_start, {GAIN}, {TIME}\n"
        f"FROM {identifier(rows)} WHERE {GAIN} IS NOT NULL AND {views.names_series(one, f'{EVENT}.')}"
    )


def _ms(instant: str) -> str:
    """SQL for an instant as ms since 1970."""
    return f"EXTRACT(EPOCH FROM {instant}) * 1000 + EXTRACT(MILLISECOND FROM {instant})"
