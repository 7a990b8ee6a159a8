"""Generated months: every customer's total in random positive parts, of random types, at random times of the month.

Events come up to twelve hours out of order, some of them up to three days late.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from oracle.billings import Span

HOUR = 3_600_000
DAY = 24 * HOUR
_TYPES = ("DATA", "CALL", "SMS")


@dataclass(frozen=True)
class Charge:
    """An event, and when (ms of event time elsewhere) it arrives."""

    at: int
    customer: str
    amount: Decimal
    type: str
    arrives: int

    @property
    def line(self) -> bytes:
        """As CSV."""
        return f"{self.at},{self.customer},{self.amount:f},{self.type}".encode()


def parts(total: Decimal, count: int, draw: random.Random) -> Sequence[Decimal]:
    """Positive amounts of six decimals that add up to the total."""
    units = int(total.scaleb(6))
    cuts = sorted(draw.sample(range(1, units), count - 1))
    return [Decimal(high - low).scaleb(-6) for low, high in zip([0, *cuts], [*cuts, units], strict=True)]


def month(span: Span, totals: Mapping[str, str], draw: random.Random, count: int = 40) -> list[Charge]:
    """All charges of a month in the order in which they arrive; the first ms and the last one are among them."""
    charges = []
    for customer, total in totals.items():
        times = [span.begin, span.end - 1, *(draw.randrange(span.begin, span.end) for _ in range(count - 2))]
        for at, amount in zip(times, parts(Decimal(total), count, draw), strict=True):
            late = draw.randrange(3 * DAY) if draw.random() < 0.05 else draw.randrange(12 * HOUR)
            charges.append(Charge(at, customer, amount, draw.choice(_TYPES), at + late))
    return sorted(charges, key=lambda charge: charge.arrives)
