"""What a contender takes, as measured, and what that costs under the assumptions: once, a month, and a prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from bakeoff.decision.panel import Cell, is_served
from bakeoff.records import HOURS_A_MONTH, RETRAINS_PER_MONTH, Arm, Assumptions, Trial

__all__ = [
    "Bill",
    "Spending",
    "bill_of",
    "call_price",
    "instances_needed",
    "known_mean",
    "known_or_none",
    "mixed_bill",
    "retrains_from_decay",
    "slow_end",
    "spending",
]


@dataclass(frozen=True, slots=True)
class Bill:
    """What a contender takes, before any price.

    Parameters
    ----------
    arm : str
        Of the contender.
    served : bool
        Whether its model answers over a network.
    build_seconds : float
        This machine's time for one fit.
    row_seconds : float
        This machine's time for one prediction where many rows are asked together; NaN where not measured.
    build_calls : float
        Calls to a server for one fit, those for its answers left out.
    call_tokens_in, call_tokens_out : float
        Tokens that a call to a server reads and writes; NaN where it did not count them.
    cached_share : float
        Share of the tokens read that came from a cached prefix, in [0, 1].
    call_money : float
        Price of a call where the server itself reported one; else 0.
    """

    arm: Arm
    served: bool = False
    build_seconds: float = 0.0
    row_seconds: float = 0.0
    build_calls: float = 0.0
    call_tokens_in: float = 0.0
    call_tokens_out: float = 0.0
    cached_share: float = 0.0
    call_money: float = 0.0


@dataclass(frozen=True, slots=True)
class Spending:
    """What a contender costs; NaN where not known.

    Parameters
    ----------
    one_off, monthly : mapping of str to float
        Money by part.
    prediction : float
        Money for one prediction, wrong answers left out.
    """

    one_off: Mapping[str, float]
    monthly: Mapping[str, float]
    prediction: float

    @property
    def once(self) -> float:
        """All one-off costs."""
        return sum(self.one_off.values())

    @property
    def a_month(self) -> float:
        """All costs of a month that do not depend on the predictions one by one."""
        return sum(self.monthly.values())

    def total_a_month(self, assumptions: Assumptions) -> float:
        """Give the money of a month, its share of the one-off costs included; wrong answers left out."""
        months = assumptions.horizon_months
        share = self.once / months if months > 0 else math.inf if self.once > 0 else 0.0
        return share + self.a_month + self.prediction * assumptions.volume


def known_mean(values: list[float]) -> float:
    """Average what is known; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def slow_end(trials: Sequence[Trial]) -> float:
    """Give the 95th percentile of one answer's time, in milliseconds: the mean over trials.

    NaN where a trial has a median and was too slow to have a 95th percentile: the others alone would look quicker.
    """
    asked = [trial for trial in trials if not math.isnan(trial.p50_ms)]
    return float(np.mean([trial.p95_ms for trial in asked])) if asked else math.nan


def known_or_none(value: float) -> float | None:
    """Give None for what is not known, so that figures stay plain JSON."""
    return None if math.isnan(value) else float(value)


def _trial_figures(trial: Trial, *, served: bool) -> dict[str, float]:
    usage = trial.usage
    figures = {
        "build_seconds": trial.fit_seconds,
        "row_seconds": 1 / trial.rows_per_second if trial.rows_per_second > 0 else trial.p50_ms / 1000,
    }
    if not (served or usage.money > 0):
        return figures
    answered = len(trial.test_answers) + len(trial.validation_answers)
    # A server that counts no tokens tells nothing of its price.
    read = usage.tokens_in / answered if usage.tokens_in > 0 and answered else math.nan
    if usage.calls <= 0:
        return figures | {"call_tokens_in": math.nan}
    return figures | {
        "build_calls": float(max(usage.calls - answered, 0)),
        "call_tokens_in": read,
        "call_tokens_out": usage.tokens_out / max(answered, 1),
        # Cached tokens are counted over all calls, those of the latency readings included.
        "cached_share": min(usage.tokens_cached / usage.calls / read, 1.0) if read > 0 else 0.0,
        "call_money": usage.money / usage.calls,
    }


def bill_of(cell: Cell) -> Bill:
    """Give what a contender takes, averaged over its seeds.

    Parameters
    ----------
    cell : Cell

    Returns
    -------
    Bill
    """
    served = is_served(cell.contender)
    found = [_trial_figures(trial, served=served) for trial in cell.trials]
    names = sorted({name for figures in found for name in figures})
    means: dict[str, Any] = {name: known_mean([figures.get(name, 0.0) for figures in found]) for name in names}
    return replace(Bill(cell.contender.arm, served), **means)


def mixed_bill(a: Bill, b: Bill, share: float) -> Bill:
    """Give what lies between two bills of one contender: `a` at share 0, `b` at share 1."""
    changes: dict[str, Any] = {}
    for field in fields(Bill):
        before, after = getattr(a, field.name), getattr(b, field.name)
        if isinstance(after, float) and before != after:
            changes[field.name] = (1 - share) * before + share * after
    return replace(b, **changes)


def call_price(bill: Bill, assumptions: Assumptions, *, cached: bool = True) -> float | None:
    """Give the price of one call to a hosted model.

    Parameters
    ----------
    bill : Bill
    assumptions : Assumptions
    cached : bool
        Whether the tokens of a cached prefix have their own price; without, all are read anew.

    Returns
    -------
    float or None
        By the tokens' prices where they are given, else as the server reported it; None where neither is known.
    """
    if bill.served and (assumptions.price_in > 0 or assumptions.price_out > 0):
        share = bill.cached_share if assumptions.cached_share is None else assumptions.cached_share
        reduced = assumptions.price_in if assumptions.price_cached is None else assumptions.price_cached
        share = share if cached else 0.0
        read = (1 - share) * assumptions.price_in + share * reduced
        return (bill.call_tokens_in * read + bill.call_tokens_out * assumptions.price_out) / 1e6
    return bill.call_money if bill.call_money > 0 else None


def instances_needed(row_seconds: float, assumptions: Assumptions) -> float:
    """Give how many instances answer the busiest calls: the peak rate over an instance's, rounded up, at least one."""
    rate = assumptions.volume / (HOURS_A_MONTH * 3600) * assumptions.peak_factor
    busy = rate * row_seconds
    return busy if math.isnan(busy) else float(max(math.ceil(busy - 1e-9), 1))


def retrains_from_decay(decay: float, tolerated: float) -> float:
    """Give how often to train again, from a measured decay.

    Parameters
    ----------
    decay : float
        Score lost a month, on the metric's scale; 0 or less where nothing is lost.
    tolerated : float
        Loss that is borne before training again, such as the margin of equality; above 0.

    Returns
    -------
    float
        Trainings a month: ``decay / tolerated``, none without decay, and at most one a day.
    """
    if not decay > 0:
        return 0.0
    return min(decay / tolerated, HOURS_A_MONTH / 24) if tolerated > 0 else HOURS_A_MONTH / 24


def _hours(arm: Arm, assumptions: Assumptions) -> tuple[float, float]:
    """Give people's hours of an arm: once, and a month. A floor is set up and kept as what is fine-tuned is."""
    tuned = assumptions.finetune_hours, assumptions.finetune_upkeep_hours
    asked = assumptions.prompt_hours, assumptions.prompt_upkeep_hours
    if arm == "current":
        return 0.0, assumptions.current_upkeep_hours
    if arm == "both":
        return tuned[0] + asked[0], max(tuned[1], asked[1])
    return asked if arm == "prompt" else tuned


def _retraining(bill: Bill, once: float, assumptions: Assumptions) -> float:
    if bill.arm in ("prompt", "current"):
        return 0.0
    people = assumptions.retrain_hours * assumptions.hour_cost + assumptions.retrain_labels * assumptions.further_label
    often = assumptions.retrains_per_month
    return (RETRAINS_PER_MONTH if often is None else often) * (once + people) if often != 0 else 0.0


def spending(bill: Bill, assumptions: Assumptions, *, cached: bool = True) -> Spending:
    """Put prices on a bill.

    Labels already owned, and test labels, cost nothing. A prediction costs its call, where a hosted model has a price;
    else this machine's time, by the busy hour. Where instances are always on, they are paid by the month instead.

    Parameters
    ----------
    bill : Bill
    assumptions : Assumptions
    cached : bool
        Whether a cached prefix has its own price.

    Returns
    -------
    Spending
        One-off ``building`` and ``people``; monthly ``hosting``, ``retraining``, ``upkeep`` and ``re-validation``.
    """
    if bill.arm == "current":
        kept = {"upkeep": assumptions.current_upkeep_hours * assumptions.hour_cost}
        return Spending({}, kept, assumptions.current_cost)
    second = assumptions.machine_hour_cost / 3600
    call = call_price(bill, assumptions, cached=cached)
    building = bill.build_seconds * second + bill.build_calls * (call or 0.0)
    hours, upkeep = _hours(bill.arm, assumptions)
    hosting, prediction = 0.0, call if call is not None else bill.row_seconds * second
    if call is None and assumptions.host_hour_cost > 0:
        hosting = instances_needed(bill.row_seconds, assumptions) * HOURS_A_MONTH * assumptions.host_hour_cost
        prediction = 0.0
    checked = assumptions.revalidation_hours * assumptions.hour_cost / assumptions.retirement_months
    return Spending(
        {"building": building, "people": hours * assumptions.hour_cost},
        {
            "hosting": hosting,
            "retraining": _retraining(bill, building, assumptions),
            "upkeep": upkeep * assumptions.hour_cost,
            "re-validation": checked if bill.served else 0.0,
        },
        prediction,
    )
