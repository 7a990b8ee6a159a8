"""What a BillingView writes: the changelog of totals, invoice lines, and the service that answers from the former."""

import json
from dataclasses import dataclass

from weir_api.billings import BillingViewSpec, Invoices, View
from weir_api.blocks import Sink
from weir_api.services import Service
from weir_api.streamjobs import Topic

from . import billing_periods as periods
from .billing_roundings import rounded
from .billing_rows import TOTAL, Money
from .expressions import identifier, text
from .kafka_options import secret, service_settings
from .sinks import record_time, sink_table, sink_topic

_KEY = ("view", "key", "currency", "period")
_COLUMNS = {
    "view": "STRING",
    "key": "STRING",
    "currency": "STRING",
    "period": "STRING",
    "from": "TIMESTAMP_LTZ(3)",
    "until": "TIMESTAMP_LTZ(3)",
    "total": "STRING",
    "rounding": "STRING",
    "events": "BIGINT",
    "eventTime": "TIMESTAMP_LTZ(3)",
}
_TIME = "weir_record_time"
_COMPACTED = {"cleanup.policy": "compact"}


def view_key(each: View) -> str:
    """A view as state knows it: other fields under the same name are another view."""
    return f"{each.name}:{','.join(each.by)}"


def totals_table(name: str, spec: BillingViewSpec) -> str:
    """CREATE TABLE for the changelog."""
    return _table(f"{name}_changelog", spec, Sink(topic=spec.totals_topic(name)), _COLUMNS)


def totals_insert(name: str, spec: BillingViewSpec, money: Money) -> str:
    """INSERT of every total after every event."""
    values = _values(spec, money, _Row("weir_time", f"{TOTAL}.total", f"{TOTAL}.events", f"{TOTAL}.seen"))
    # Without a condition Flink would work some of these out before the totals, and read those twice.
    rows = f"{identifier(f'{name}_totals')} WHERE {TOTAL}.events > 0"
    return f"INSERT INTO {identifier(f'{name}_changelog')}\nSELECT {values}\nFROM {rows}"


def invoices_table(name: str, spec: BillingViewSpec, invoices: Invoices) -> str:
    """CREATE TABLE for the invoice lines."""
    sink = Sink(topic=invoices.topic, partitions=invoices.partitions)
    return _table(f"{name}_invoices", spec, sink, _COLUMNS | {"revision": "BIGINT"})


def invoices_insert(name: str, spec: BillingViewSpec, money: Money) -> str:
    """INSERT of every line."""
    values = _values(spec, money, _Row("weir_end", "weir_total", "weir_events", "weir_seen", ("weir_revision",)))
    return f"INSERT INTO {identifier(f'{name}_invoices')}\nSELECT {values}\nFROM {identifier(f'{name}_lines')}"


def topics(name: str, spec: BillingViewSpec) -> tuple[Topic, ...]:
    """The changelog, of which Kafka keeps the newest record per key, and the lines, of which it keeps all."""
    servers = spec.source.bootstrap_servers
    totals = Topic(
        name=spec.totals_topic(name),
        partitions=spec.totals.partitions,
        bootstrap_servers=servers,
        config=_COMPACTED,
        secret=secret(spec.source.authentication),
    )
    if spec.invoices is None:
        return (totals,)
    return totals, sink_topic(
        Sink(topic=spec.invoices.topic, partitions=spec.invoices.partitions), servers, spec.source.authentication
    )


def services(name: str, spec: BillingViewSpec) -> tuple[Service, ...]:
    """The service that answers queries, unless none is wanted."""
    if spec.query.replicas == 0:
        return ()
    settings = {
        "topic": spec.totals_topic(name),
        **service_settings(spec.source.bootstrap_servers, spec.source.authentication),
        "views": {each.name: list(each.by) for each in spec.views},
        "period": spec.period.every,
        "timeZone": spec.period.time_zone,
    }
    return (
        Service(
            name="query",
            program="billing_queries",
            settings=json.dumps(settings, sort_keys=True),
            replicas=spec.query.replicas,
            resources=spec.query.resources,
        ),
    )


def _table(table: str, spec: BillingViewSpec, sink: Sink, columns: dict[str, str]) -> str:
    return sink_table(
        table,
        columns,
        sink,
        key=_KEY,
        delivery=spec.delivery,
        default_servers=spec.source.bootstrap_servers,
        authentication=spec.source.authentication,
        time_column=_TIME,
    )


@dataclass(frozen=True)
class _Row:
    """SQL for what differs between a total and a line."""

    end: str
    total: str
    events: str
    seen: str
    further: tuple[str, ...] = ()


def _values(spec: BillingViewSpec, money: Money, row: _Row) -> str:
    every, amount = spec.period.every, spec.amount
    values = [
        "SUBSTRING(weir_view FROM 1 FOR POSITION(':' IN weir_view) - 1)",
        "weir_key",
        "weir_currency",
        periods.name(every, row.end),
        periods.begin(every, row.end),
        f"CAST({row.end} AS TIMESTAMP_LTZ(3))",
        rounded(row.total, money.decimals, amount.scale, amount.rounding),
        text(amount.rounding),
        row.events,
        row.seen,
        *row.further,
        record_time(row.seen),  # not the rows' own time, which is the end of the period
    ]
    return ",\n  ".join(values)
