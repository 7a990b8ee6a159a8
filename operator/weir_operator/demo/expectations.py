"""What the demo's pipelines must write, worked out from its input in plain Python, with nothing of Weir in it.

Deliberately simple: a loop per pipeline over a session's events in the order of their time (ties: of their arrival).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from .generator import FETCH_LIMIT, Event

CART_LIMIT: Final = 20_000
Output = dict[str, object]


def load_times(events: Iterable[Event], begin: int) -> Iterator[Output]:
    """Of each fetch: the first end after it, if that comes in less than FETCH_LIMIT. `begin` is not in a duration."""
    del begin
    for started, ended in _pairs(
        _by(events, lambda event: event.session), "PRODUCTS_FETCH_START", "PRODUCTS_FETCH_END"
    ):
        yield {"session": started.session, "metric": "productsLoadTime", "value": ended.at - started.at}


def payment_times(events: Iterable[Event], begin: int) -> Iterator[Output]:
    """Of each payment: the bank's answer, if that comes in less than FETCH_LIMIT."""
    del begin
    own = [event for event in events if "payment" in event.details]
    for asked, answered in _pairs(
        _by(own, lambda event: event.details["payment"]), "PAYMENT_STARTED", "PAYMENT_CONFIRMED"
    ):
        yield {
            "payment": asked.details["payment"],
            "amount": float(asked.details["amount"]),
            "milliseconds": answered.at - asked.at,
        }


def abandoned_carts(events: Iterable[Event], begin: int) -> Iterator[Output]:
    """Sessions that put something into the basket and did not pay, both in less than CART_LIMIT from their start.

    `begin` is when the stream began, in milliseconds since 1970.
    """
    for visit in _by(events, lambda event: event.session):
        for index, opened in enumerate(visit):
            if opened.type != "APP_START":
                continue
            in_time = [event for event in visit[index + 1 :] if event.at < opened.at + CART_LIMIT]
            types = [event.type for event in in_time]
            if "ADD_PRODUCT_TO_BASKET" not in types:
                continue
            if "SUCCESSFUL_CHECKOUT" not in types[types.index("ADD_PRODUCT_TO_BASKET") :]:
                yield {"session": opened.session, "event": "ABANDONED_CART_EMAIL", "openedAt": begin + opened.at}


def _pairs(streams: Iterable[Sequence[Event]], first: str, second: str) -> Iterator[tuple[Event, Event]]:
    for events in streams:
        for index, start in enumerate(events):
            if start.type == first:
                end = next((event for event in events[index + 1 :] if event.type == second), None)
                if end is not None and end.at < start.at + FETCH_LIMIT:
                    yield start, end


def _by(events: Iterable[Event], key: Callable[[Event], str]) -> list[list[Event]]:
    """The events of each key in the order of their time; sorting is stable, so ties stay in the order of arrival."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[key(event)].append(event)
    return [sorted(own, key=lambda event: event.at) for own in found.values()]
