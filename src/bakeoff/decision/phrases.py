"""Figures as words, for the sentences of a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = [
    "LEAST_MONEY",
    "about",
    "count",
    "currency",
    "interval_points",
    "listed",
    "months",
    "more_or_less",
    "p_value",
    "points",
    "predictions",
    "rate_price",
    "score",
    "score_beyond",
    "share",
    "span",
]

#: Amounts of money below this are not told apart from each other.
LEAST_MONEY = 0.01


def score(value: float) -> str:
    """Write a score: ``.906``; ``not measured`` for NaN."""
    if math.isnan(value):
        return "not measured"
    text = f"{value:.3f}"
    return text.removeprefix("0") if text.startswith("0.") else text.replace("-0.", "-.")


def score_beyond(now: float, at: float) -> float:
    """Round a bound of a score to three digits, away from where the score stands: past the rounded is past the bound.

    Parameters
    ----------
    now, at : float
        Where the score stands, and its bound.

    Returns
    -------
    float
        From .838 the bound .8513 gives .852, the bound .7519 gives .751.
    """
    if math.isnan(at):
        return at
    steps = round(1000 * at, 6)
    return (math.ceil(steps) if at > now else math.floor(steps)) / 1000


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


def about(number: float) -> str:
    """Write an assumed or derived figure with two digits: ``19``, ``820``, ``2,700``, ``1.9 million``, ``0.25``."""
    if math.isinf(number):
        return "any number of"
    if number == 0 or math.isnan(number):
        return "0" if number == 0 else "not known"
    rounded = float(f"{number:.1e}")
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(rounded) >= size:
            return f"{rounded / size:,.1f} {word}".replace(".0 ", " ")
    digits = 0 if rounded == round(rounded) else max(0, 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{digits}f}"


def predictions(number: float) -> str:
    """Write a number of predictions, with two digits: ``1 prediction``, ``2,700 predictions``."""
    text = about(number)
    return f"{text} prediction{'' if text == '1' else 's'}"


def months(number: float) -> str:
    """Write a number of months in the unit that suits it: ``under an hour``, ``3.2 days``, ``14 months``."""
    for size, word in ((1.0, "month"), (12 / 365, "day"), (1 / 730, "hour")):
        if number >= size:
            text = about(number / size)
            return f"{text} {word}{'' if text == '1' else 's'}"
    return "under an hour"


def currency(amount: float, name: str) -> str:
    """Write an amount of money with two digits: ``under 0.01 USD``, ``0.12 USD``, ``12 USD``, ``1,300 USD``."""
    if math.isnan(amount):
        return "not measured"
    size = abs(amount)
    if 0 < size < LEAST_MONEY:
        return f"under {LEAST_MONEY} {name}"
    return f"{about(amount)} {name}"


def rate_price(amount: float, name: str) -> str:
    """Write the price of a prediction by as many as make two digits of it: ``1.4 USD per million predictions``."""
    if math.isnan(amount):
        return "not measured"
    for number, words in ((1.0, "a prediction"), (1e3, "per 1,000 predictions")):
        if abs(amount) * number >= LEAST_MONEY or amount == 0:
            return f"{currency(amount * number, name)} {words}"
    return f"{currency(amount * 1e6, name)} per million predictions"


def more_or_less(amount: float, name: str) -> str:
    """Write a difference of money: ``12 USD more``, ``0.30 USD less``, ``as much``."""
    if amount == 0:
        return "as much"
    return f"{currency(abs(amount), name)} {'more' if amount > 0 else 'less'}"


def listed(names: Iterable[str]) -> str:
    """Write names as ``a, b and c``."""
    given = list(names)
    return given[0] if len(given) == 1 else f"{', '.join(given[:-1])} and {given[-1]}" if given else "none"
