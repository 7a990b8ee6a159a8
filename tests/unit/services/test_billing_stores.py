"""The store of a query service, and what is answered from it: without Kafka, on real files."""

import json
from pathlib import Path

import pytest

from weir_runtime.services import billing_pages
from weir_runtime.services.billing_answers import AnswerError, Answers
from weir_runtime.services.billing_stores import Store, Total


def total(key: str, period: str, amount: str, *, currency: str = "EUR", view: str = "customers") -> Total:
    return Total(
        view=view, key=key, until=f"{period}-28T00:00:00Z", currency=currency, period=period,
        begins=f"{period}-01T00:00:00Z", total=amount, rounding="halfUp", events=1, event_time=f"{period}-15T00:00:00Z",
        place="0-1",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(tmp_path / "totals.sqlite")
    opened.put(
        [total("Emma", "2026-10", "1.00"), total("Emma", "2026-11", "2.00")], {0: 2}, {0: "2026-11-15T00:00:00Z"}
    )
    return opened


def test_the_later_record_replaces_the_earlier_one(store: Store) -> None:
    store.put([total("Emma", "2026-11", "3.00")], {0: 3}, {})
    assert [row.total for row in store.of_key("customers", "Emma", "2026-11")] == ["3.00"]
    assert store.as_of() == ("2026-11-15T00:00:00Z", {0: 3})


def test_what_was_read_and_how_far_are_written_together(store: Store, tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        store.put([total("Emma", "2026-11", "9.00"), None], {0: 9}, {})  # type: ignore[list-item]
    again = Store(tmp_path / "totals.sqlite")
    assert again.read_so_far() == {0: 2}
    assert [row.total for row in again.of_key("customers", "Emma", "2026-11")] == ["2.00"]


def test_an_older_period_never_becomes_the_current_one(store: Store) -> None:
    assert store.current("customers") == "2026-11"
    store.put([total("Noah", "2026-09", "5.00")], {0: 4}, {})
    assert store.current("customers") == "2026-11"


def test_nothing_is_said_before_all_was_read_once(store: Store) -> None:
    answers = Answers(store.reader, {"customers": ["customer"]}, lambda: False)
    with pytest.raises(AnswerError) as caught:
        answers.of_key("customers", ["Emma"], None)
    assert caught.value.status == 503
    store.completed()
    assert answers.of_key("customers", ["Emma"], None).document["period"] == "2026-11"
    with pytest.raises(AnswerError) as caught:
        answers.of_key("customers", ["Nobody"], None)
    assert caught.value.status == 503
    fresh = Answers(store.reader, {"customers": ["customer"]}, lambda: True)
    with pytest.raises(AnswerError) as caught:
        fresh.of_key("customers", ["Nobody"], None)
    assert caught.value.status == 404


def test_another_topic_means_to_forget(store: Store) -> None:
    store.completed()
    store.forget()
    assert (store.read_so_far(), store.current("customers"), store.complete) == ({}, None, False)


def test_great_amounts_are_compared_as_decimals(store: Store) -> None:
    rows = [total("a", "2026-11", "99999999999999999999.01"), total("b", "2026-11", "99999999999999999999.02")]
    store.put(rows, {0: 5}, {})
    store.completed()
    top = json.loads(Answers(store.reader, {"customers": ["customer"]}, lambda: True).top("customers", None, "1").body)
    (euro,) = top["currencies"]
    assert euro["items"] == [{"key": {"customer": "b"}, "total": "99999999999999999999.02"}]
    assert euro["sum"] == "200000000000000000000.03"


def test_a_key_cannot_break_out_of_its_page() -> None:
    page = billing_pages.key_page("customers", ["</script><script>alert(1)</script>"])
    assert "<script>alert" not in page
    assert "\\u003c/script>" in page
