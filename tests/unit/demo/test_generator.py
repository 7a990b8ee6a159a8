"""The demo's stream: the same for a seed, badly behaved within known limits; its oracle agrees with the tests' own."""

import itertools
import json
from collections import Counter
from collections.abc import Callable

import pytest

from oracle import patterns
from weir_operator.demo import audits, expectations, generator
from weir_operator.demo.generator import Event, Record

COUNT = 20_000


def stream(seed: int = 7, rate: float = 500) -> list[Record]:
    return list(itertools.islice(generator.records(seed, rate), COUNT))


def good(records: list[Record], topic: str) -> list[Event]:
    return [record.event for record in records if record.event and record.sort == "good" and record.topic == topic]


def test_a_seed_gives_one_stream_and_another_seed_another() -> None:
    assert stream() == stream()
    assert stream() != stream(seed=8)


def test_the_rate_is_about_what_was_asked_for_and_arrivals_are_in_order() -> None:
    arrivals = [record.arrival for record in stream()]
    assert arrivals == sorted(arrivals)
    assert COUNT / arrivals[-1] * 1000 == pytest.approx(500, rel=0.05)


@pytest.mark.parametrize("topic", generator.TOPICS)
def test_events_are_out_of_order_but_never_as_much_as_would_be_late(topic: str) -> None:
    newest, worst, disordered = 0, 0, 0
    for event in good(stream(), topic):
        worst, disordered = max(worst, newest - event.at), disordered + (event.at < newest)
        newest = max(newest, event.at)
    assert disordered > 0
    assert 0 < worst < generator.MAX_DELAY


def test_late_records_are_late_by_far_and_bad_ones_are_no_json_objects() -> None:
    records = stream()
    sorts = Counter(record.sort for record in records)
    assert min(sorts["bad"], sorts["late"]) > 20
    for record in records:
        if record.sort == "late":
            assert record.event is not None
            assert record.arrival - record.event.at >= generator.LATE_BY - 500
        if record.sort == "bad":
            with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
                json.loads(record.value(0))


def of_type(kind: str) -> Callable[[patterns.Event], bool]:
    return lambda event: event.fields["type"] == kind


STEPS = {
    "load_times": ("PRODUCTS_FETCH_START", "PRODUCTS_FETCH_END"),
    "payment_times": ("PAYMENT_STARTED", "PAYMENT_CONFIRMED"),
}


@pytest.mark.parametrize(("name", "topic"), [("load_times", "shop-events"), ("payment_times", "payment-events")])
def test_expected_pairs_are_those_of_the_oracle(name: str, topic: str) -> None:
    events = good(stream(), topic)
    first, second = (patterns.Step(kind, of_type(kind)) for kind in STEPS[name])
    found = patterns.matches(patterns.Pattern((first, second), generator.FETCH_LIMIT), keyed(events))
    field = "value" if name == "load_times" else "milliseconds"
    expected = Counter(output[field] for output in getattr(expectations, name)(events, 0))
    seen = Counter(pair[1].time - pair[0].time for match in found if (pair := match.events))
    assert expected == seen
    assert expected.total() > 100


def test_expected_carts_are_those_of_the_oracle() -> None:
    events = good(stream(), "shop-events")
    steps = (
        patterns.Step("opened", of_type("APP_START")),
        patterns.Step("added", of_type("ADD_PRODUCT_TO_BASKET"), minimum=1, maximum=None),
        patterns.Step("paid", of_type("SUCCESSFUL_CHECKOUT"), absent=True),
    )
    found = patterns.matches(patterns.Pattern(steps, expectations.CART_LIMIT), keyed(events))
    expected = sorted(str(output["session"]) for output in expectations.abandoned_carts(events, 0))
    assert expected == sorted(str(match.events[0].fields["session"]) for match in found)
    assert len(expected) > 100


def keyed(events: list[Event]) -> list[patterns.Event]:
    """The events as the oracle of the tests takes them, keyed as the pipelines key them."""
    return [
        patterns.Event(
            key=(event.details.get("payment", event.session),),
            time=event.at,
            partition=0,
            offset=offset,
            fields={"type": event.type, "session": event.session},
        )
        for offset, event in enumerate(events)
    ]


def test_an_audit_counts_doubles_and_names_what_differs() -> None:
    finding = audits.compare("t", ["a", "b", "b"], ["b", "c", "b", "b"])
    assert (finding.expected, finding.seen) == (3, 4)
    assert finding.missing == ("a",)
    assert finding.unexpected == ("b", "c")
    assert not finding.equal
    assert audits.compare("t", ["a", "b"], ["b", "a"]).equal


@pytest.mark.parametrize(
    ("marks", "clean"),
    [([], True), ([False, False], True), ([False, True, True], True), ([True], True), ([True, False], False)],
)
def test_a_change_shows_exactly_once_in_the_outputs(marks: list[bool], clean: bool) -> None:
    assert audits.clean_cut(marks) is clean
