"""BillingView -> StreamJob. What it means is written in docs/billing.md.

One operator keeps all totals: it answers each event at once with the new total of its key and period, in rows that are
only ever added, never taken back. What closes periods is their time attribute: a row's `weir_time` is the end of its
period, so that the smallest window there is around it ends when event time has passed the period, whatever calendar.
"""

from weir_api.billings import BillingViewSpec, View
from weir_api.durations import milliseconds
from weir_api.errors import FieldError, SpecError
from weir_api.resources import BillingView
from weir_api.streamjobs import Check, Insert, Operator, Program, StreamJobSpec

from . import billing_lines as lines
from . import billing_outputs as outputs
from . import billing_periods as periods
from .billing_rows import CHARGE, KEYS, TOTAL, Money, charge_type, total_type
from .expressions import ExpressionError, Scope, bound, identifier, interval, once, text
from .matchings import view
from .shapes import Shape, shape
from .sources import Part, RowTime, SourceParts, source_program

_EXPRESSIONS = Shape("DECIMAL", (30, 12))
_WHOLE = Shape("DECIMAL", (19, 0))
_IDLE_AFTER = "10s"  # a period closes by the events of any partition, and no operator has two inputs to tell apart


_INSTEAD = (
    "another calendar or type of amount makes other totals: make a second BillingView, let both run until the periods "
    "of the first one are closed, then delete that"
)


def compile_billing(resource: BillingView) -> StreamJobSpec:
    """The job that keeps the totals and closes the periods. Pure. Raises SpecError with field paths."""
    spec, name = resource.spec, resource.metadata.name
    forgets = periods.memory(spec.period, _close_after(spec))
    source = _source(resource)
    money = _money(spec)
    tables = [
        *source.tables,
        _charges(name, spec, money, source.events_view),
        _totals(name, spec, money),
        outputs.totals_table(name, spec),
    ]
    inserts = [*source.inserts, Insert(name="totals", sql=outputs.totals_insert(name, spec, money))]
    operators = [Operator(name=f"totals-{periods.slug(spec.period)}", columns=("weir_amount",), type="over-aggregate")]
    if spec.invoices is not None:
        tables += [*lines.views(name, spec, spec.invoices), outputs.invoices_table(name, spec, spec.invoices)]
        inserts.append(Insert(name="invoices", sql=outputs.invoices_insert(name, spec, money)))
        operators += lines.OPERATORS
    program = Program(
        tables=tuple(tables),
        inserts=tuple(inserts),
        settings={
            "table.local-time-zone": spec.period.time_zone,
            "table.exec.state.ttl": f"{forgets.after} ms",
        },
        operators=tuple(operators),
        checks=(*source.checks, *_checks(spec, money, source.events_view)),
        topics=(*source.topics, *outputs.topics(name, spec)),
    )
    return StreamJobSpec(
        program=program,
        runtime=spec.runtime,
        state=spec.state,
        suspended=spec.suspended,
        forgets=forgets,
        instead=_INSTEAD,
        services=outputs.services(name, spec),
    )


def _close_after(spec: BillingViewSpec) -> str:
    return spec.invoices.close_after if spec.invoices is not None else "0s"


def _source(resource: BillingView) -> SourceParts:
    spec = resource.spec
    row_time = RowTime(
        of=lambda time: periods.end(spec.period.every, time),
        delay=milliseconds(_close_after(spec)),
        keep=milliseconds(spec.period.keep_for),
    )
    required = [field for each in spec.views for field in each.by]
    required += [field for field in (spec.amount.currency_field, spec.amount_field) if field is not None]
    return source_program(
        resource.metadata.namespace,
        resource.metadata.name,
        spec.source,
        required_fields=tuple(dict.fromkeys(required)),
        delivery=spec.delivery,
        part=Part(row_time=row_time, idle_after=_IDLE_AFTER),
    )


def _money(spec: BillingViewSpec) -> Money:
    """What is added up. Raises SpecError."""
    if (field := spec.amount_field) is not None:
        declared = shape(spec.source.fields[field])
        kind = declared if declared.name == "DECIMAL" else _WHOLE
        kind = kind if kind.numbers else Shape("DECIMAL", (10, 0))
        return Money(f"CAST({identifier(field)} AS {kind.sql})", (*kind.numbers, 0)[1])
    try:
        value = bound(spec.amount.value, Scope(columns={name: identifier(name) for name in spec.source.fields}))
    except ExpressionError as wrong:
        raise SpecError([FieldError(path="spec.amount.value", message=str(wrong))]) from wrong
    return Money(f"CAST(({value}) AS {_EXPRESSIONS.sql})", _EXPRESSIONS.numbers[1])


def _checks(spec: BillingViewSpec, money: Money, events: str) -> tuple[Check, ...]:
    if spec.amount_field is not None:
        return ()
    return (Check(path="spec.amount.value", expression=money.value, scope=events),)


def _charges(name: str, spec: BillingViewSpec, money: Money, events: str) -> str:
    """Every event that counts as one ROW, worked out once whatever number of views read it."""
    currency = (
        identifier(spec.amount.currency_field) if spec.amount.currency_field else text(spec.amount.currency or "")
    )
    closing = interval(milliseconds(_close_after(spec)))
    values = [
        *(_key(each) for each in spec.views),
        f"CAST({currency} AS STRING)",
        money.value,
        "COALESCE(weir_time <= CURRENT_WATERMARK(weir_time), FALSE)",
        f"CURRENT_WATERMARK(weir_time) + {closing}",
    ]
    row = once(f"CAST(ROW({', '.join(values)}) AS {charge_type(len(spec.views), money)})")
    return view(f"{name}_charges", f"SELECT {row} AS {CHARGE}, weir_time\nFROM {events}")


def _key(each: View) -> str:
    """SQL for the key's text: the value itself, or a JSON array of several."""
    fields = [identifier(field) for field in each.by]
    if len(fields) == 1:
        return f"CAST({fields[0]} AS STRING)"
    return f"JSON_ARRAY({', '.join(f'CAST({field} AS STRING)' for field in fields)})"


def _totals(name: str, spec: BillingViewSpec, money: Money) -> str:
    charges = identifier(f"{name}_charges")
    each = "\nUNION ALL ".join(
        f"SELECT {text(outputs.view_key(one))} AS weir_view, {CHARGE}.key_{index} AS weir_key,\n"
        f"  {CHARGE}.currency AS weir_currency, weir_time, {CHARGE}.amount AS weir_amount,\n"
        f"  CASE WHEN {CHARGE}.late THEN 1 ELSE 0 END AS weir_late, {CHARGE}.seen AS weir_seen,\n"
        f"  PROCTIME() AS weir_now\n"
        f"FROM {charges}"
        for index, one in enumerate(spec.views)
    )
    window = f"PARTITION BY {KEYS}, weir_time ORDER BY weir_now ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    row = f"CAST(ROW(weir_total, weir_events, weir_late, weir_seen) AS {total_type(money)})"
    return view(
        f"{name}_totals",
        f"SELECT {KEYS}, weir_time, {row} AS {TOTAL}\nFROM (\n"
        f"SELECT *, SUM(weir_amount) OVER totals AS weir_total, COUNT(*) OVER totals AS weir_events\nFROM ({each})\n"
        f"WINDOW totals AS ({window}))",
    )
