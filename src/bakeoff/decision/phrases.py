"""Figures as words, for the sentences of a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["count", "currency", "interval_points", "listed", "p_value", "points", "score", "share", "span"]


def score(value: float) -> str:
    """Write a score: ``.906``; ``not measured`` for NaN."""
    if math.isnan(value):
        return "not measured"
    text = f"{value:.3f}"
    return text.removeprefix("0") if text.startswith("0.") else text.replace("-0.", "-.")


def points(difference: float, *, signed: bool = True) -> str:
    """Write a difference of scores: ``+3.2 points``; one point is .01."""
    text = f"{100 * difference:{'+' if signed else ''}.1f}"
    return f"{text.replace('+0.0', '0.0').replace('-0.0', '0.0')} points"


def interval_points(interval: tuple[float, float]) -> str:
    """Write an interval of a difference: ``[+0.9, +5.6]``, in points."""
    return f"[{', '.join(f'{100 * bound:+.1f}' for bound in interval)}]"


def p_value(p: float) -> str:
    """Write a p-value: ``p = .004`` or ``p < .001``."""
    return "p < .001" if p < 0.001 else f"p = {score(p)}"


def count(number: float) -> str:
    """Write a count with two or three digits that mean something: ``2,400``; ``1.9 million``."""
    if math.isinf(number):
        return "any number of"
    if number >= 999_500:
        return f"{number / 1e6:,.1f} million"
    if number < 1_000:
        return f"{number:.0f}"
    return f"{round(number, 2 - math.floor(math.log10(number))):,.0f}"


def share(value: float) -> str:
    """Write a share in [0, 1]: ``100%``, ``99.6%``."""
    if math.isnan(value):
        return "not measured"
    return f"{100 * value:.0f}%" if value in (0.0, 1.0) else f"{min(100 * value, 99.9):.1f}%"


def span(seconds: float) -> str:
    """Write a time: ``0.4 s``, ``73 s``, ``12 min``, ``3.4 h``."""
    if math.isnan(seconds):
        return "not measured"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def currency(amount: float, name: str) -> str:
    """Write an amount of money: ``0.0042 USD``, ``12.40 USD``."""
    if math.isnan(amount):
        return "not measured"
    size = abs(amount)
    text = "0" if size == 0 else f"{amount:.2g}" if size < 0.01 else f"{amount:,.2f}"
    return f"{text} {name}"


def listed(names: Iterable[str]) -> str:
    """Write names as ``a, b and c``."""
    given = list(names)
    return given[0] if len(given) == 1 else f"{', '.join(given[:-1])} and {given[-1]}" if given else "none"
