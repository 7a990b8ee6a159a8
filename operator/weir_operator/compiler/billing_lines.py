"""Invoice lines: a total when its period is closed, and again with each event that comes after.

What tells of a closed total: the last event in time, when the period's window ends, and each later event by itself. Of
these, whatever counts more events than any before is a line; lines are numbered as they come. So nothing depends on
which of two ways is faster, and what was taken for in time by a job that has just restarted gets its line as well.
"""

from typing import Final

from weir_api.billings import BillingViewSpec, Invoices
from weir_api.durations import milliseconds
from weir_api.streamjobs import Operator

from . import billing_outputs as outputs
from .billing_rows import KEYS, TOTAL
from .expressions import identifier, interval, text
from .matchings import view

OPERATORS: Final = (
    Operator(name="closing", columns=("weir_final_events",)),
    Operator(name="news", columns=("weir_report_now", "w0$o0"), type="over-aggregate"),
    # The next is any other over these rows.
    Operator(name="revisions", columns=("weir_end", "weir_events"), type="over-aggregate"),
)
_SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
# The old way to write a window: that of a table function remembers over restarts what event time had passed, and drops
# without a word what came for a closed period while nothing else knew.
_WINDOW: Final = "weir_time, INTERVAL '0.001' SECOND"


def views(name: str, spec: BillingViewSpec, invoices: Invoices) -> tuple[str, ...]:
    """Views that end in `<name>_lines`: keys, weir_time, total, events, weir_seen and weir_revision."""
    totals, final = identifier(f"{name}_totals"), identifier(f"{name}_final")
    (chosen,) = (outputs.view_key(each) for each in spec.views if each.name == invoices.view)
    closing = interval(milliseconds(invoices.close_after))
    return (
        view(
            f"{name}_final",
            f"SELECT {KEYS}, TUMBLE_ROWTIME({_WINDOW}) AS weir_time, LAST_VALUE({TOTAL}.total) AS weir_final_total,\n"
            f"  MAX({TOTAL}.events) AS weir_final_events\nFROM {totals}\n"
            f"WHERE weir_view = {text(chosen)} AND {TOTAL}.late = 0\nGROUP BY {KEYS}, TUMBLE({_WINDOW})",
        ),
        view(
            f"{name}_reports",
            f"SELECT {KEYS}, CAST(weir_time AS TIMESTAMP_LTZ(3)) AS weir_end, {TOTAL}.total AS weir_total,\n"
            f"  {TOTAL}.events AS weir_events, {TOTAL}.seen AS weir_seen, PROCTIME() AS weir_report_now\n"
            f"FROM {totals} WHERE weir_view = {text(chosen)} AND {TOTAL}.late = 1\n"
            f"UNION ALL SELECT {KEYS}, CAST(weir_time AS TIMESTAMP_LTZ(3)), weir_final_total, weir_final_events,\n"
            f"  CAST(weir_time AS TIMESTAMP_LTZ(3)) + {closing}, PROCTIME()\nFROM {final}",
        ),
        view(
            f"{name}_news",
            f"SELECT {KEYS}, weir_end, weir_total, weir_events, weir_seen, PROCTIME() AS weir_line_now\nFROM (\n"
            f"  SELECT *, MAX(weir_events) OVER (PARTITION BY {KEYS}, weir_end ORDER BY weir_report_now {_SO_FAR})\n"
            f"    AS weir_most\n  FROM {identifier(f'{name}_reports')}\n) WHERE weir_events = weir_most",
        ),
        view(
            f"{name}_lines",
            f"SELECT *, COUNT(*) OVER (PARTITION BY {KEYS}, weir_end ORDER BY weir_line_now {_SO_FAR})\n"
            f"  AS weir_revision\nFROM {identifier(f'{name}_news')}",
        ),
    )
