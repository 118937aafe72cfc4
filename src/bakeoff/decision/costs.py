"""Seconds, money, and the number of predictions from which the dearer to build pays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bakeoff.decision import phrases
from bakeoff.decision.panel import Cell
from bakeoff.records import Assumptions, BreakEven, Trial

__all__ = ["Cost", "break_even", "break_even_predictions", "cost_of", "known_mean"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a contender costs at one n.

    Parameters
    ----------
    build_seconds : float
        Time to fit it once.
    build, run : float
        Money to fit it once, and for one prediction, in the currency of the assumptions; NaN where not known.
    """

    build_seconds: float
    build: float
    run: float

    @property
    def per_1k(self) -> float:
        """Money for a thousand predictions."""
        return 1000 * self.run


def known_mean(values: list[float]) -> float:
    """Average what is known; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _trial_cost(trial: Trial, rate: float) -> tuple[float, float]:
    """Give the money of one fit and of one prediction, at so much money a second."""
    usage = trial.usage
    seconds = 1 / trial.rows_per_second if trial.rows_per_second > 0 else trial.p50_ms / 1000
    if usage.calls > 0 and usage.money > 0:
        # A paid server's price stands for its machine; this one only waits.
        per_call = usage.money / usage.calls
        answered = len(trial.test_answers) + len(trial.validation_answers)
        return trial.fit_seconds * rate + max(usage.calls - answered, 0) * per_call, per_call
    return trial.fit_seconds * rate, seconds * rate


def cost_of(cell: Cell, assumptions: Assumptions) -> Cost:
    """Give a contender's costs, averaged over its seeds.

    Labels already owned cost nothing. A prediction costs its share of the machine's time when many rows are asked
    together, or the server's price per call where there is one.

    Parameters
    ----------
    cell : Cell
    assumptions : Assumptions

    Returns
    -------
    Cost
    """
    rate = assumptions.machine_hour_cost / 3600
    build, run = zip(*(_trial_cost(trial, rate) for trial in cell.trials), strict=True)
    return Cost(
        known_mean([trial.fit_seconds for trial in cell.trials]), known_mean(list(build)), known_mean(list(run))
    )


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


def _assumed(assumptions: Assumptions) -> dict[str, float | str]:
    return {
        "machine_hour_cost": assumptions.machine_hour_cost,
        "label_cost": assumptions.label_cost,
        "volume": assumptions.volume,
        "horizon_months": assumptions.horizon_months,
        "currency": assumptions.currency,
        "labels": "labels already owned cost nothing",
        "hosting": "only busy time is paid; an idle machine is not counted",
        "building": "one fit; people's time is not counted",
    }


def _status(predictions: float) -> Literal["at", "at-once", "never"]:
    return "at-once" if predictions == 0 else "never" if math.isinf(predictions) else "at"


def break_even(a: Cell | None, b: Cell | None, assumptions: Assumptions) -> BreakEven:
    """Say from how many predictions the finalist that is dearer to build pays.

    Parameters
    ----------
    a, b : Cell or None
        The finalists.
    assumptions : Assumptions

    Returns
    -------
    BreakEven
        ``never`` also where an arm, or a cost, is missing; the detail says so.
    """
    assumed = _assumed(assumptions)
    if a is None or b is None:
        return BreakEven("never", None, math.nan, None, assumed, "No break-even: one arm has no finished trial.")
    first, second = sorted((a, b), key=lambda cell: (-cost_of(cell, assumptions).build, cell.contender.name))
    dear, light = cost_of(first, assumptions), cost_of(second, assumptions)
    if any(math.isnan(value) for value in (dear.build, dear.run, light.build, light.run)):
        return BreakEven(
            "never", None, math.nan, None, assumed, "No break-even: the time of a prediction is not known."
        )
    predictions = break_even_predictions(dear.build - light.build, light.run, dear.run)
    names = first.contender.name, second.contender.name
    run = [f"{phrases.currency(cost.per_1k, assumptions.currency)} per 1,000 predictions" for cost in (dear, light)]
    extra = phrases.currency(dear.build - light.build, assumptions.currency)
    status = _status(predictions)
    if status == "never":
        detail = (
            f"{names[0]} costs {extra} more to build and no less to run ({run[0]}; {names[1]} {run[1]}): never pays."
        )
        return BreakEven(status, None, math.nan, None, assumed, detail)
    if status == "at-once":
        detail = f"{names[0]} costs no more to build than {names[1]} and no more to run ({run[0]}; {run[1]})."
        return BreakEven(status, 0.0, 0.0, 0.0, assumed, detail)
    months = predictions / assumptions.volume if assumptions.volume > 0 else math.inf
    detail = (
        f"{names[0]} costs {extra} more to build and less to run ({run[0]}; {names[1]} {run[1]}): it pays after "
        f"{phrases.count(math.ceil(predictions))} predictions."
    )
    per_month = predictions / assumptions.horizon_months if assumptions.horizon_months > 0 else math.inf
    return BreakEven(status, predictions, per_month, months if math.isfinite(months) else None, assumed, detail)
