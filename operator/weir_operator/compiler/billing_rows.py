"""The rows of a BillingView's program: what an event charges, and what a total is after it."""

from dataclasses import dataclass
from typing import Final

CHARGE: Final = "weir_charge"
TOTAL: Final = "weir_state"
KEYS: Final = "weir_view, weir_key, weir_currency"


@dataclass(frozen=True)
class Money:
    """SQL for an event's amount, a DECIMAL of so many decimals."""

    value: str
    decimals: int

    @property
    def sum_type(self) -> str:
        """The type of a sum."""
        return f"DECIMAL(38, {self.decimals})"


def charge_type(views: int, money: Money) -> str:
    """An event: its key in each view, currency, amount, whether its period was closed, what event time had passed."""
    keys = "".join(f"key_{index} STRING, " for index in range(views))
    return f"ROW<{keys}currency STRING, amount {money.sum_type}, late BOOLEAN, seen TIMESTAMP_LTZ(3)>"


def total_type(money: Money) -> str:
    """A total after an event. One ROW, so that all who read it read the same one operator."""
    return f"ROW<total {money.sum_type}, events BIGINT, late INT, seen TIMESTAMP_LTZ(3)>"
