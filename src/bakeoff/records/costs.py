"""What a decision says of costs: of each contender, of pairs, and where the dearer to set up pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BreakEven", "CostComparison", "ExpectedCost"]


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Predictions from which the dearer to set up and cheaper to run pays.

    Parameters
    ----------
    status : {"at", "at-once", "never"}
        ``"at-once"``: no dearer to set up, and no dearer later.
    predictions, months : float or None
        Those after which the dearer to set up has paid, at the assumed volume; None for never.
    per_month : float
        Predictions a month at which both cost the same over the assumed horizon; NaN where at none.
    assumptions : mapping
        All that this rests on.
    detail : str
        One sentence for people.
    parts : mapping of str to mapping of str to float
        By contender, money once, a month and for a prediction, part by part.
    predictions_uncached : float or None
        `predictions` if no call could read its prefix from a cache; None for never.
    """

    status: Literal["at", "at-once", "never"]
    predictions: float | None
    per_month: float
    months: float | None
    assumptions: Mapping[str, float | str]
    detail: str
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    predictions_uncached: float | None = None


@dataclass(frozen=True, slots=True)
class ExpectedCost:
    """What a contender is expected to cost, in the currency of the assumptions; NaN where not known.

    Parameters
    ----------
    contender : str
    n : int
    one_off, monthly : mapping of str to float
        By part.
    prediction : float
        Of one prediction, wrong answers left out.
    answers : float or None
        Expected cost of one prediction's answer being wrong or missing; None where error costs were not given.
    total : float
        Of a month, the one-off costs spread over the horizon.
    ci : tuple of float or None
        95% interval of `total` over seeds and rows; None where error costs were not given.
    """

    contender: str
    n: int
    one_off: Mapping[str, float]
    monthly: Mapping[str, float]
    prediction: float
    answers: float | None
    total: float
    ci: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class CostComparison:
    """A declared comparison in money: the expected cost of a month of a minus that of b; fields as `Comparison`."""

    a: str
    b: str
    n: int
    difference: float
    ci: tuple[float, float]
    p: float
    p_holm: float
    role: str
