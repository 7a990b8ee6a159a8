"""What BillingViews mean, as plain programs: calendars of zoneinfo, rounding of decimal."""

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

ROUNDINGS: Mapping[str, str] = {
    "halfUp": decimal.ROUND_HALF_UP,
    "halfEven": decimal.ROUND_HALF_EVEN,
    "halfDown": decimal.ROUND_HALF_DOWN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}


@dataclass(frozen=True)
class Span:
    """A period: its name, and its first ms and that of the next one."""

    name: str
    begin: int
    end: int


def period(every: str, zone: str, at: int) -> Span:
    """The period that an instant (ms since 1970) belongs to."""
    day = datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date()
    match every:
        case "day":
            first, after, name = day, day + timedelta(days=1), day.isoformat()
        case "week":
            first = day - timedelta(days=day.weekday())
            after, (year, week, _) = first + timedelta(days=7), day.isocalendar()
            name = f"{year}-W{week:02}"
        case "month":
            first = day.replace(day=1)
            after, name = (first + timedelta(days=32)).replace(day=1), f"{day:%Y-%m}"
        case "year":
            first, after, name = date(day.year, 1, 1), date(day.year + 1, 1, 1), f"{day.year:04}"
        case _:
            raise ValueError(every)
    return Span(name, first_instant(first, zone), first_instant(after, zone))


@cache
def first_instant(day: date, zone: str) -> int:
    """The first ms of a day, also where its midnight comes twice or never. Found by trying, minute by minute."""
    local = ZoneInfo(zone)
    near = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    minutes = (near + timedelta(minutes=count) for count in range(30 * 60))
    return next(round(one.timestamp() * 1000) for one in minutes if one.astimezone(local).date() >= day)


def rounded(total: Decimal, scale: int, rounding: str) -> str:
    """A total as it is told."""
    with decimal.localcontext(prec=60):
        return f"{total.quantize(Decimal(1).scaleb(-scale), ROUNDINGS[rounding]):f}"


def totals(events: Iterable[tuple[int, str, Decimal]], every: str, zone: str) -> dict[tuple[str, str], Decimal]:
    """(key, period) -> sum, of (ms, key, amount)."""
    found: dict[tuple[str, str], Decimal] = {}
    with decimal.localcontext(prec=60):
        for at, key, amount in events:
            place = key, period(every, zone, at).name
            found[place] = found.get(place, Decimal(0)) + amount
    return found
