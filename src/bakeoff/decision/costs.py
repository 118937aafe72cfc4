"""Seconds, money, and the number of predictions from which the dearer to build pays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from bakeoff.decision import phrases
from bakeoff.decision.bills import Bill, Spending, bill_of, known_mean, spending
from bakeoff.decision.panel import Cell
from bakeoff.records import Assumptions, BreakEven

__all__ = ["Cost", "break_even", "break_even_predictions", "cost_of", "known_mean"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a contender costs at one n.

    Parameters
    ----------
    build_seconds : float
        This machine's time to fit it once.
    build, run : float
        Money to set it up, people's hours included, and for one prediction, in the currency of the assumptions; NaN
        where not known.
    """

    build_seconds: float
    build: float
    run: float

    @property
    def per_1k(self) -> float:
        """Money for a thousand predictions."""
        return 1000 * self.run


def cost_of(cell: Cell, assumptions: Assumptions) -> Cost:
    """Give a contender's costs, averaged over its seeds.

    Labels already owned cost nothing. A prediction costs its share of the machine's time when many rows are asked
    together, or the price of a call where there is one; see `bakeoff.decision.bills.spending`.

    Parameters
    ----------
    cell : Cell
    assumptions : Assumptions

    Returns
    -------
    Cost
    """
    bill = bill_of(cell)
    spent = spending(bill, assumptions)
    return Cost(bill.build_seconds, spent.once, spent.prediction)


def break_even_predictions(build_extra: float, run_dearer: float, run_cheaper: float) -> float:
    """Give the number of predictions from which a dearer build pays.

    Parameters
    ----------
    build_extra : float
        What building it costs more than the other.
    run_dearer, run_cheaper : float
        Cost of a prediction of the other, and of the one that is dearer to build, in the same unit.

    Returns
    -------
    float
        ``build_extra / (run_dearer - run_cheaper)``; 0 where building it costs no more; infinite where it never pays.
        T-Few against GPT-3 with 41 shots (Liu et al. 2022, sections 4.2 and 4.3, in FLOPs):
        2.7e16 / (1.4e15 - 1.1e12) = 19.3.
    """
    saved = run_dearer - run_cheaper
    if build_extra <= 0 and saved >= 0:
        return 0.0
    return build_extra / saved if saved > 0 else math.inf


_SAID = {
    "labels": "labels already owned, and test labels, cost nothing",
    "hosting": "busy time alone is paid, unless an hour of an instance that is always on has a price",
    "months": "a month has 730 hours",
}


def _assumed(assumptions: Assumptions) -> dict[str, float | str]:
    given = {name: value for name, value in asdict(assumptions).items() if isinstance(value, (int, float, str))}
    return given | _SAID


@dataclass(frozen=True, slots=True)
class _Side:
    """One finalist's costs: by its name, once, a month, and for one prediction, wrong answers included."""

    name: str
    spent: Spending
    prediction: float
    uncached: float

    def later(self, volume: float) -> float:
        return self.spent.a_month + self.prediction * volume

    @property
    def parts(self) -> dict[str, float]:
        return {
            **{f"once: {name}": value for name, value in self.spent.one_off.items()},
            **{f"a month: {name}": value for name, value in self.spent.monthly.items()},
            "a prediction": self.prediction,
            "a prediction, no cached prefix": self.uncached,
        }


def _side(cell: Cell, assumptions: Assumptions, wrong: float) -> _Side:
    bill: Bill = bill_of(cell)
    spent = spending(bill, assumptions)
    anew = spending(bill, assumptions, cached=False).prediction
    return _Side(cell.contender.name, spent, spent.prediction + wrong, anew + wrong)


def _paid_back(dear: _Side, light: _Side, volume: float, *, cached: bool = True) -> float:
    """Give the predictions at which the dearer to set up has cost as much in all as the other, at a volume a month."""
    kept = dear.spent.a_month - light.spent.a_month
    once = dear.spent.once - light.spent.once
    runs = (light.prediction, dear.prediction) if cached else (light.uncached, dear.uncached)
    extra = 0.0 if kept == 0 else kept / volume if volume > 0 else math.copysign(math.inf, kept)
    return break_even_predictions(once, runs[0], runs[1] + extra)


def _volume_that_pays(dear: _Side, light: _Side, horizon: float) -> float:
    """Give the predictions a month at which both cost the same over the horizon; NaN where at none."""
    once, kept = dear.spent.once - light.spent.once, dear.spent.a_month - light.spent.a_month
    saved = light.prediction - dear.prediction
    needed = (once / horizon if horizon > 0 else math.inf) + kept
    found = needed / saved if saved else math.nan
    return found if found >= 0 else math.nan


def break_even(
    a: Cell | None,
    b: Cell | None,
    assumptions: Assumptions,
    wrong: Mapping[str, float] | None = None,
    said: Mapping[str, str] | None = None,
) -> BreakEven:
    """Say from how many predictions the finalist that is dearer to set up pays.

    Parameters
    ----------
    a, b : Cell or None
        The finalists.
    assumptions : Assumptions
    wrong : mapping of str to float, optional
        Expected cost of the wrong answers of one prediction, by contender, where error costs are given.
    said : mapping of str to str, optional
        Sentences that are shown beside the assumptions.

    Returns
    -------
    BreakEven
        ``never`` also where an arm, or a cost, is missing; the detail says so.
    """
    assumed = _assumed(assumptions) | dict(said or {})
    if a is None or b is None:
        return BreakEven("never", None, math.nan, None, assumed, "No break-even: one arm has no finished trial.")
    lost = wrong or {}
    sides = [_side(cell, assumptions, lost.get(cell.contender.name, 0.0)) for cell in (a, b)]
    dear, light = sorted(sides, key=lambda side: (-side.spent.once, side.later(assumptions.volume), side.name))
    parts = {side.name: side.parts for side in sides}
    if any(math.isnan(side.spent.once + side.spent.a_month + side.prediction) for side in sides):
        detail = "No break-even: the time of a prediction is not known."
        return BreakEven("never", None, math.nan, None, assumed, detail, parts)
    return _between(dear, light, assumptions, parts, assumed, wrong=wrong is not None)


def _between(
    dear: _Side,
    light: _Side,
    assumptions: Assumptions,
    parts: Mapping[str, Mapping[str, float]],
    assumed: Mapping[str, float | str],
    *,
    wrong: bool,
) -> BreakEven:
    found = _paid_back(dear, light, assumptions.volume)
    status: Literal["at", "at-once", "never"] = "never" if math.isinf(found) else "at"
    if status == "at" and dear.spent.once <= light.spent.once:
        status = "at-once"
    pays = _volume_that_pays(dear, light, assumptions.horizon_months)
    anew = _paid_back(dear, light, assumptions.volume, cached=False)
    detail = _told(status, (dear, light), (found, anew), pays, assumptions, wrong=wrong)
    if status == "never":
        return BreakEven(status, None, pays, None, assumed, detail, parts)
    saved = light.later(assumptions.volume) - dear.later(assumptions.volume)
    months = 0.0 if status == "at-once" else (dear.spent.once - light.spent.once) / saved if saved > 0 else None
    return BreakEven(
        status,
        found,
        0.0 if status == "at-once" else pays,
        months,
        assumed,
        detail,
        parts,
        anew if math.isfinite(anew) else None,
    )


def _told(
    status: str,
    sides: tuple[_Side, _Side],
    found: tuple[float, float],
    pays: float,
    assumptions: Assumptions,
    *,
    wrong: bool,
) -> str:
    (dear, light), (after, anew), currency = sides, found, assumptions.currency
    including = ", wrong answers included" if wrong else ""
    run = [phrases.rate_price(side.prediction, currency) for side in sides]
    kept = dear.spent.a_month - light.spent.a_month
    monthly = "" if abs(kept) < phrases.LEAST_MONEY else f", {phrases.more_or_less(kept, currency)} a month to keep"
    runs = f"to run {run[0]} against {run[1]} of {light.name}{including}"
    if status == "at-once":
        return f"{dear.name} costs no more than {light.name}, neither to set up nor later ({runs})."
    once = dear.spent.once - light.spent.once
    begun = f"{dear.name} costs {phrases.more_or_less(once, currency)} to set up{monthly}, and {runs}"
    if status == "never":
        cheaper = dear.prediction < light.prediction and not math.isnan(pays)
        least = f"; it would from {phrases.predictions(pays)} a month on" if cheaper else ""
        return f"{begun}: at {phrases.predictions(assumptions.volume)} a month it never pays{least}."
    when = f" ({phrases.months(after / assumptions.volume)} at this volume)" if assumptions.volume > 0 else ""
    told = f"{begun}: it pays after about {phrases.predictions(math.ceil(after))}{when}"
    if math.isinf(anew):
        return f"{told}, and never if no prefix can be read from a cache."
    differs = abs(anew - after) > 0.01 * after
    return f"{told}{f', {phrases.about(math.ceil(anew))} if no prefix can be read from a cache' if differs else ''}."
