"""From a BillingView to a program: parts and their names, which errors, what changes with what."""

from typing import Any

import pytest

from weir_api.errors import SpecError
from weir_api.resources import parse
from weir_api.streamjobs import StreamJobSpec
from weir_operator.compiler import compile_resource

SOURCE: dict[str, Any] = {
    "topic": "billable-events",
    "format": "csv",
    "fields": {"at": "BIGINT", "customer": "STRING", "amount": "DECIMAL(18, 6)", "type": "STRING", "rate": "DOUBLE"},
    "timestamp": {"field": "at", "unit": "ms", "outOfOrderness": "12h"},
}
SPEC: dict[str, Any] = {
    "source": SOURCE,
    "amount": {"value": "amount", "currency": "EUR"},
    "period": {"every": "month"},
    "views": [{"name": "customers", "by": ["customer"]}, {"name": "types", "by": ["type"]}],
    "invoices": {"view": "customers", "topic": "invoices", "closeAfter": "3d"},
}


def job(**spec: Any) -> StreamJobSpec:
    given = {name: value for name, value in {**SPEC, **spec}.items() if value is not None}
    document = {
        "apiVersion": "weir.dev/v1alpha1", "kind": "BillingView", "metadata": {"name": "bills"}, "spec": given,
    }  # fmt: skip
    return compile_resource(parse(document))


def names(compiled: StreamJobSpec) -> list[str]:
    return [operator.name for operator in compiled.program.operators]


def test_one_operator_keeps_all_totals() -> None:
    compiled = job()
    assert [insert.name for insert in compiled.program.inserts] == ["dead-letters", "late", "totals", "invoices"]
    assert names(compiled) == ["totals-month-utc", "closing", "news", "revisions"]
    assert names(job(invoices=None)) == ["totals-month-utc"]


def test_another_calendar_is_other_state() -> None:
    """So that the rollover refuses it unless told otherwise."""
    assert names(job(period={"every": "month", "timeZone": "America/New_York"}))[0] == "totals-month-america-new-york"
    assert names(job(period={"every": "week"}))[0] == "totals-week-utc"


def test_what_is_told_does_not_change_what_is_kept() -> None:
    kept = [part for part in job().program.tables if "_totals` AS" in part]
    changed = job(amount={"value": "amount", "currency": "EUR", "scale": 0, "rounding": "down"}, invoices=None)
    assert [part for part in changed.program.tables if "_totals` AS" in part] == kept


def test_topics() -> None:
    topics = {topic.name: (topic.role, topic.config) for topic in job(source=SOURCE).program.topics}
    assert topics["bills.totals"] == ("sink", {"cleanup.policy": "compact"})
    assert topics["invoices"] == ("sink", {})
    assert topics["bills.late"][0] == "late"


def test_totals_are_remembered_for_longer_than_they_can_change() -> None:
    twice = 2 * (32 + 3 + 30) * 86_400_000
    assert job().program.settings["table.exec.state.ttl"] == f"{twice} ms"
    assert job(period={"every": "day", "keepFor": "1h"}).program.settings["table.exec.state.ttl"] == "7776000000 ms"


def test_the_job_asks_for_a_query_service() -> None:
    (service,) = job().services
    assert (service.name, service.program, service.replicas) == ("query", "billing_queries", 1)
    assert '"views": {"customers": ["customer"], "types": ["type"]}' in service.settings
    assert job(query={"replicas": 0}).services == ()


def test_secrets_stay_references() -> None:
    source = {**SOURCE, "authentication": {"secretRef": {"name": "kafka"}}}
    assert "${secret:kafka:*}" in job(source=source).services[0].settings


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        pytest.param({"amount": {"value": "amuont +", "currency": "EUR"}}, None, None, id="left-to-the-planner"),
        pytest.param({"amount": {"value": "amount; DROP", "currency": "EUR"}}, "spec.amount.value",
                     "has a ';': only one expression may stand here, no further statement", id="statement"),
        pytest.param({"amount": {"value": "rate", "currency": "EUR"}}, "spec.amount.value",
                     "'rate' is DOUBLE: money is DECIMAL or a whole number, from end to end", id="double"),
        pytest.param({"amount": {"value": "amount"}}, "spec.amount",
                     "needs exactly one of currency and currencyField", id="no-currency"),
        pytest.param({"amount": {"value": "amount", "currency": "euro"}}, "spec.amount.currency", None, id="euro"),
        pytest.param({"amount": {"value": "amount", "currencyField": "tipe"}}, "spec.amount.currencyField",
                     "'tipe' is not one of the source's fields, did you mean 'type'?", id="currency-field"),
        pytest.param({"period": {"every": "month", "timeZone": "Europe/Berln"}}, "spec.period.timeZone",
                     "'Europe/Berln' is no IANA time zone, did you mean 'Europe/Berlin'?", id="zone"),
        pytest.param({"period": {"every": "quarter"}}, "spec.period.every", None, id="period"),
        pytest.param({"views": [{"name": "v", "by": ["custmer"]}], "invoices": None}, "spec.views[0].by[0]",
                     "'custmer' is not one of the source's fields, did you mean 'customer'?", id="by"),
        pytest.param({"invoices": {"view": "costumers", "topic": "i"}}, "spec.invoices.view",
                     "'costumers' is no view, did you mean 'customers'?", id="invoice-view"),
        pytest.param({"invoices": {"view": "customers", "topic": "bills.totals"}}, "spec.invoices.topic",
                     "'bills.totals' is what totals.topic writes", id="same-topic"),
        pytest.param({"totals": {"topic": "billable-events"}}, "spec.totals.topic",
                     "'billable-events' is what the source reads: an endless loop", id="loop"),
    ],
)  # fmt: skip
def test_errors_name_the_place(spec: dict[str, Any], path: str | None, message: str | None) -> None:
    if path is None:
        assert job(**spec).program.checks[-1].path == "spec.amount.value"
        return
    with pytest.raises(SpecError) as caught:
        job(**spec)
    (error,) = caught.value.errors
    assert error.path == path
    assert message is None or error.message == message


def test_with_another_time_zone_times_are_text_or_numbers() -> None:
    source = {"topic": "t", "fields": {"at": "TIMESTAMP_LTZ(3)", "customer": "STRING", "amount": "INT"},
              "timestamp": {"field": "at"}}  # fmt: skip
    spec = {"source": source, "views": [{"name": "customers", "by": ["customer"]}]}
    job(**spec)
    with pytest.raises(SpecError, match=r"spec.source.fields.at: with the time zone Europe/Berlin a time must be"):
        job(**spec, period={"every": "month", "timeZone": "Europe/Berlin"})


def test_how_long_totals_are_remembered_can_be_more_and_never_too_little() -> None:
    longer = job(period={"every": "month", "remember": "400d"})
    assert longer.program.settings["table.exec.state.ttl"] == f"{400 * 86_400_000} ms"
    assert longer.forgets is not None and longer.forgets.used < longer.forgets.after
    with pytest.raises(SpecError) as wrong:
        job(period={"every": "month", "remember": "91d"})
    assert [error.path for error in wrong.value.errors] == ["spec.period.remember"]
