"""The demo's input: sessions of a web shop, the same for the same seed, as badly behaved as real telemetry.

A session is one visit: `APP_START`, some pages, for most pages a `PRODUCTS_FETCH_START` and its `_END`, sometimes
`ADD_PRODUCT_TO_BASKET`, and of those who filled a basket some who pay (`PAYMENT_STARTED`, `PAYMENT_CONFIRMED`,
`SUCCESSFUL_CHECKOUT`) and some who leave. Sessions begin as a Poisson process and overlap. Payments have a topic of
their own, `payment-events`; everything else is in `shop-events`.

What is wrong with it, on purpose:
- disorder: each event travels for a while, one in fifty for seconds (never MAX_DELAY or more, which is in time);
- silence: one fetch in thirty never ends, one in forty ends exactly at the limit, one payment in twenty gets no answer;
- bad records: one in 300 is a cut-off document, a line of some proxy's log, or bytes that are no text;
- late records: one in 400 is followed by a fetch (or payment) of two minutes ago, start and end, from a phone that
  was offline.

Times are milliseconds from the stream's beginning; `records` gives them in the order of arrival.
"""

import heapq
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

MAX_DELAY: Final = 4_000
"""No event in time travels as long as this, in milliseconds; the pipelines wait 5 s."""
FETCH_LIMIT: Final = 10_000
"""`within` of the fetches and payments: an end exactly so much later is too late."""
LATE_BY: Final = 120_000
EVENTS_PER_SESSION: Final = 12.1
"""On average; makes sessions per second of events per second."""

Sort = Literal["good", "bad", "late"]
Topic = Literal["shop-events", "payment-events"]
TOPICS: Final[tuple[Topic, ...]] = ("shop-events", "payment-events")


@dataclass(frozen=True)
class Event:
    """One thing that happened in the shop, `at` milliseconds after the beginning."""

    session: str
    type: str
    at: int
    details: dict[str, str] = field(default_factory=dict)

    @property
    def topic(self) -> Topic:
        """Where it is told."""
        return "payment-events" if "payment" in self.details else "shop-events"


@dataclass(frozen=True)
class Record:
    """What arrives, `arrival` milliseconds after the beginning: an event in time or late, or bytes that are none."""

    arrival: int
    sort: Sort
    topic: Topic
    event: Event | None = None
    raw: bytes = b""

    def value(self, begin: int) -> bytes:
        """The record's bytes, for a stream that began at `begin` (milliseconds since 1970)."""
        if self.event is None:
            return self.raw
        document = {"session": self.event.session, "type": self.event.type, **self.event.details}
        return json.dumps({**document, "at": begin + self.event.at}, separators=(",", ":")).encode()

    @property
    def key(self) -> bytes | None:
        """The session; bad records have none."""
        return self.event.session.encode() if self.event else None


def records(seed: int, rate: float) -> Iterator[Record]:
    """The stream without end, about `rate` records a second, by arrival."""
    waiting: list[tuple[int, int, Record]] = []
    order = itertools.count()  # ties of arrival stay in the order they were made
    for begin, session in _sessions(seed, rate / EVENTS_PER_SESSION):
        while waiting and waiting[0][0] < begin:
            yield heapq.heappop(waiting)[2]
        for record in session:
            heapq.heappush(waiting, (record.arrival, next(order), record))


def _sessions(seed: int, per_second: float) -> Iterator[tuple[int, list[Record]]]:
    clock = random.Random(f"{seed}/arrivals")
    begin = 0.0
    for number in itertools.count():
        begin += clock.expovariate(per_second) * 1000
        chance = random.Random(f"{seed}/{number}")  # of its own, so that a change of one session moves no other
        yield (
            int(begin),
            [record for event in _visit(f"{number:06d}", int(begin), chance) for record in _sent(event, chance)],
        )


def _visit(number: str, begin: int, chance: random.Random) -> list[Event]:
    """The events of one visit."""
    session = f"s-{number}"
    events = [Event(session, "APP_START", begin)]
    now, basket = begin, 0
    for page in range(chance.randint(1, 5)):
        now += _milliseconds(chance, 700)
        events.append(Event(session, "PAGE_VIEW", now, {"page": chance.choice(_PAGES)}))
        now += _fetch(events, session, now, chance)
        if chance.random() < 0.35:
            now += _milliseconds(chance, 900)
            product = f"p-{chance.randint(1, 500)}"
            events.append(Event(session, "ADD_PRODUCT_TO_BASKET", now, {"product": product}))
            basket += 1
        if chance.random() < 0.25:
            events.append(Event(session, "HEARTBEAT", now + page))
    if basket and chance.random() < 0.65:
        _pay(events, session, now + _milliseconds(chance, 900), chance)
    return events


def _fetch(events: list[Event], session: str, begin: int, chance: random.Random) -> int:
    """A request for products; the milliseconds the customer waits before doing something else."""
    events.append(Event(session, "PRODUCTS_FETCH_START", begin))
    dice = chance.random()
    if dice < 1 / 30:
        return 1_500  # the answer is lost, the customer goes on
    if dice < 1 / 30 + 1 / 40:
        events.append(Event(session, "PRODUCTS_FETCH_END", begin + FETCH_LIMIT))
        return 2_000
    took = min(_milliseconds(chance, 600), FETCH_LIMIT - 1)
    events.append(Event(session, "PRODUCTS_FETCH_END", begin + took))
    return took


def _pay(events: list[Event], session: str, begin: int, chance: random.Random) -> None:
    payment = {"payment": f"pay-{session[2:]}", "amount": f"{chance.randint(5_00, 250_00) / 100:.2f}"}
    events.append(Event(session, "PAYMENT_STARTED", begin, payment))
    if chance.random() < 1 / 20:
        return
    answered = begin + min(_milliseconds(chance, 900), FETCH_LIMIT - 1)
    events.append(Event(session, "PAYMENT_CONFIRMED", answered, payment))
    events.append(Event(session, "SUCCESSFUL_CHECKOUT", answered + 5))


def _sent(event: Event, chance: random.Random) -> Iterator[Record]:
    """The event on its way, and what comes along with it."""
    delay = chance.uniform(1_000, MAX_DELAY - 1) if chance.random() < 1 / 50 else chance.expovariate(1 / 80)
    arrival = event.at + min(int(delay), MAX_DELAY - 1)
    yield Record(arrival, "good", event.topic, event)
    if chance.random() < 1 / 300:
        yield Record(arrival, "bad", event.topic, raw=_bad(event, chance))
    if chance.random() < 1 / 400:
        ago = arrival - LATE_BY
        for late in _offline(event, ago):
            yield Record(arrival, "late", late.topic, late)


def _offline(event: Event, ago: int) -> tuple[Event, Event]:
    """A pair that would be a match if it were not late."""
    session = f"offline-{event.session}-{event.at}"
    if event.topic == "payment-events":
        payment = {"payment": f"pay-{session}", "amount": "1.00"}
        return Event(session, "PAYMENT_STARTED", ago, payment), Event(session, "PAYMENT_CONFIRMED", ago + 500, payment)
    return Event(session, "PRODUCTS_FETCH_START", ago), Event(session, "PRODUCTS_FETCH_END", ago + 500)


def _bad(event: Event, chance: random.Random) -> bytes:
    cut = json.dumps({"session": event.session, "type": event.type}).encode()
    return chance.choice(
        (
            cut[: len(cut) // 2],
            f"upstream connect error or disconnect/reset before headers, session {event.session}".encode(),
            b"\xff\xfe\x00" + event.session.encode(),
        )
    )


def _milliseconds(chance: random.Random, typical: int) -> int:
    """Most often about `typical`, sometimes many times as long, as waiting times are."""
    return max(1, int(typical * chance.lognormvariate(0, 0.7)))


_PAGES: Final = ("home", "shoes", "coats", "sale", "search", "basket")
