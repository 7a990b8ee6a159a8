"""Rounding of decimals in SQL, all the ways of java.math.RoundingMode. No step goes through a binary number."""

from typing import Final

from weir_api.billings import Rounding

_DIGITS: Final = 36  # two fewer than Flink's 38, so that a difference of two numbers loses none of its decimals


def rounded(number: str, digits: int, scale: int, rounding: Rounding) -> str:
    """SQL for a DECIMAL of `digits` decimals (SQL) as text with `scale` decimals: '15.50', '-0.01', '3'."""
    if scale >= digits:
        return f"CAST(CAST({number} AS DECIMAL(38, {scale})) AS STRING)"
    exact = f"CAST({number} AS DECIMAL({_DIGITS}, {digits}))"
    cut = f"CAST(TRUNCATE({exact}, {scale}) AS DECIMAL({_DIGITS}, {scale}))"
    if rounding == "down":
        return f"CAST({cut} AS STRING)"
    rest = f"ABS({exact} - {cut})"
    step = f"CASE WHEN {exact} < 0 THEN -{_unit(scale)} ELSE {_unit(scale)} END"
    away = _away(rounding, exact, cut, rest, _half(scale, digits))
    return f"CAST(CAST(CASE WHEN {away} THEN {cut} + {step} ELSE {cut} END AS DECIMAL(38, {scale})) AS STRING)"


def _away(rounding: Rounding, exact: str, cut: str, rest: str, half: str) -> str:
    """SQL: whether the last digit grows away from zero."""
    odd = f"RIGHT(CAST({cut} AS STRING), 1) IN ('1', '3', '5', '7', '9')"
    return {
        "up": f"{rest} > 0",
        "down": "FALSE",
        "ceiling": f"{rest} > 0 AND {exact} > 0",
        "floor": f"{rest} > 0 AND {exact} < 0",
        "halfUp": f"{rest} >= {half}",
        "halfDown": f"{rest} > {half}",
        "halfEven": f"{rest} > {half} OR ({rest} = {half} AND {odd})",
    }[rounding]


def _unit(scale: int) -> str:
    return f"CAST('{'0.' + '0' * (scale - 1) + '1' if scale else '1'}' AS DECIMAL({scale + 1}, {scale}))"


def _half(scale: int, digits: int) -> str:
    return f"CAST('0.{'0' * scale}5' AS DECIMAL({digits + 1}, {digits}))"
