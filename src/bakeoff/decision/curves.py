"""Score against labelled rows: the curves' points, where they cross, and how many rows a prompt is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.extrapolation import Curve, Point, extrapolate, flat_curve
from bakeoff.decision.panel import Panel
from bakeoff.decision.resampling import estimate_score
from bakeoff.records import CurvePoint
from bakeoff.tasks import least_score

__all__ = ["NARROWEST_BAND", "Advantage", "crossing", "curve_points", "data_advantage", "extended_curve"]

#: A score band narrower than this is too narrow for an average over it to mean anything.
NARROWEST_BAND = 0.02

_Array = NDArray[np.float64]


def curve_points(panel: Panel) -> tuple[CurvePoint, ...]:
    """Give the mean test score of every contender at every n at which it was measured, with its 95% interval."""
    points = []
    for contender in panel.contenders.values():
        for n in panel.budgets(contender.name):
            cell = panel.cell(contender.name, n)
            if cell is None or not len(panel.truth["test"]):
                continue
            estimate = estimate_score(panel, cell)
            low, high = estimate.interval()
            interval = max(low, least_score(panel.metric)), min(high, 1.0)
            points.append(CurvePoint(contender.name, contender.arm, n, estimate.mean, interval, estimate.seeds))
    return tuple(points)


def _between(n: Sequence[float], gaps: Sequence[float], i: int) -> float:
    """Give where the gap is zero between points i - 1 and i: straight in log(n), or in n from n = 0."""
    share = gaps[i - 1] / (gaps[i - 1] - gaps[i])
    if n[i - 1] <= 0:
        return n[i - 1] + share * (n[i] - n[i - 1])
    return math.exp(math.log(n[i - 1]) + share * (math.log(n[i]) - math.log(n[i - 1])))


def crossing(n: Sequence[float], gaps: Sequence[float]) -> float | None:
    """Say from which n on a gap stays at or above zero.

    Parameters
    ----------
    n : sequence of float
        Labelled rows, rising.
    gaps : sequence of float
        Mean score of fine-tuning minus that of prompting at each.

    Returns
    -------
    float or None
        The last crossing from below, interpolated in log(n); the first n where the gap is never negative; None where
        the gap is negative at the last n.
    """
    if not n or gaps[-1] < 0:
        return None
    for i in range(len(n) - 1, 0, -1):
        if gaps[i - 1] < 0:
            return _between(n, gaps, i)
    return n[0]


def extended_curve(panel: Panel, name: str, upto: int) -> Curve | None:
    """Extend a contender's mean curve beyond one of its n; None where too little was measured.

    Parameters
    ----------
    panel : Panel
    name : str
    upto : int
        The n from which on it is extended; larger ones are left out.

    Returns
    -------
    Curve or None
        Flat where the contender uses no labels.
    """
    known = [n for n in panel.budgets(name) if n <= upto]
    uses_labels = panel.contenders[name].uses_labels
    points = []
    for n in known if uses_labels else [upto]:
        cell = panel.cell(name, n)
        if cell is None:
            continue
        scores = panel.scores(cell)
        deviation = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
        points.append(Point(float(n), float(scores.mean()), deviation, len(scores)))
    if not points or math.isnan(points[-1].mean):
        return None
    return extrapolate(points) if uses_labels else flat_curve(points[-1])


@dataclass(frozen=True, slots=True)
class Advantage:
    """Labelled rows that one curve is worth over another, averaged over the score band that both reach."""

    rows: float
    band: tuple[float, float]


def _pooled(curves: Sequence[tuple[Sequence[float], Sequence[float]]], pool: Callable[[list[float]], float]) -> _Array:
    """Pool runs at equal n, and take the running maximum: the least n that reaches a score needs rising curves."""
    at: dict[float, list[float]] = {}
    for n, scores in curves:
        for size, score in zip(n, scores, strict=True):
            at.setdefault(float(size), []).append(float(score))
    sizes = sorted(at)
    pooled = np.maximum.accumulate([pool(at[size]) for size in sizes])
    return np.array([sizes, pooled])


def _least_n(curve: _Array, scores: _Array) -> _Array:
    """Give the least n at which a rising curve reaches each score, straight between measured points."""
    n, reached = curve
    right = np.clip(np.searchsorted(reached, scores, side="left"), 0, len(n) - 1)
    left = np.maximum(right - 1, 0)
    rise = reached[right] - reached[left]
    share = np.divide(scores - reached[left], rise, out=np.ones_like(scores), where=rise > 0)
    return np.asarray(n[left] + np.clip(share, 0, 1) * (n[right] - n[left]))


def data_advantage(
    ahead: Sequence[tuple[Sequence[float], Sequence[float]]],
    behind: Sequence[tuple[Sequence[float], Sequence[float]]],
    *,
    pooling: Literal["mean", "maximum"] = "mean",
) -> Advantage | None:
    """Say how many labelled rows one way is worth over the other (Le Scao and Rush 2021, section 3).

    Over the band of scores that both curves reach, the horizontal gap between them is averaged.

    Parameters
    ----------
    ahead, behind : sequence of (sequence of float, sequence of float)
        One pair of n and scores for each seed.
    pooling : {"mean", "maximum"}
        How seeds are pooled at each n. The paper takes the maximum; the mean says what one run gives.

    Returns
    -------
    Advantage or None
        Rows that `behind` needs more than `ahead`, negative where it needs fewer; None where the band is narrower than
        `NARROWEST_BAND`.
    """
    if not ahead or not behind:
        return None
    pool: Callable[[list[float]], float] = max if pooling == "maximum" else lambda values: float(np.mean(values))
    first, second = _pooled(ahead, pool), _pooled(behind, pool)
    low, high = float(max(first[1][0], second[1][0])), float(min(first[1][-1], second[1][-1]))
    if not high - low >= NARROWEST_BAND:
        return None
    scores = np.linspace(low, high, 20_001)
    return Advantage(float((_least_n(second, scores) - _least_n(first, scores)).mean()), (low, high))
