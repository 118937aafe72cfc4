"""The bootstrap over rows and seeds that every interval rests on.

Rows are resampled, the same draw for all seeds and contenders. Resampling S seeds with replacement would add a part
whose variance is known without drawing: (S - 1)/S of the unbiased one, a third too little for three seeds. So that part
is computed, with S - 1 in the divisor, and Student's t allows for knowing it from few seeds (Satterthwaite 1946).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.estimate import Estimate
from bakeoff.decision.panel import Cell, Codes, Panel, Rows, pair_codes
from bakeoff.tasks import score_codes

__all__ = ["bootstrap_scores", "estimate_difference", "estimate_score", "summarise"]

#: Most resamples, and most weights, that are drawn at a time; bounds the memory whatever the number of rows.
_STEP = 5_000
_CHUNK = 4_000_000


@lru_cache(maxsize=16)
def _row_weights(rows: int, size: int, seed: int, part: int) -> NDArray[np.uint8]:
    """Say how often each row was drawn; kept for the next comparison, which needs the same draws (64 MB at most)."""
    rng = np.random.default_rng([seed, part])
    drawn = rng.integers(0, rows, size=(size, rows)) + rows * np.arange(size)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.uint8)
    weights.setflags(write=False)
    return weights


def bootstrap_scores(
    metric: str, truth: Codes, answers: Codes, n_labels: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Score several sets of answers on resampled rows.

    Parameters
    ----------
    metric : str
        One of `bakeoff.tasks.METRICS`.
    truth : ndarray of int64, shape (rows,)
    answers : ndarray of int64, shape (sets, rows)
    n_labels : int
    resamples : int
    seed : int
        Same seed and rows, same draws: scores of different sets are paired.

    Returns
    -------
    ndarray of float64, shape (resamples, sets)
    """
    rows = len(truth)
    step = max(1, min(_STEP, _CHUNK // max(rows, 1)))
    right = (answers == truth).T.astype(np.float32)
    parts = []
    for start in range(0, resamples, step):
        weights = _row_weights(rows, step, seed, start // step)[: resamples - start]
        if metric == "accuracy":
            # One product for all sets: what score_codes gives, without a pass per set. Counts are exact in float32.
            parts.append((weights.astype(np.float32) @ right).astype(np.float64) / rows)
        else:
            exact = weights.astype(np.float64)
            parts.append(
                np.stack([np.asarray(score_codes(metric, truth, one, n_labels, exact)) for one in answers], axis=1)
            )
    return np.concatenate(parts)


def summarise(points: NDArray[np.float64], draws: NDArray[np.float64], rows: int) -> Estimate:
    """Turn values per seed, and their row resamples, into an estimate of the mean.

    Let x be the S values and x* their resamples. The variance of the mean is V = R + max(B - I, 0), with

    - R the variance of the mean over seeds of x*;
    - B = var(x)/S, with S - 1 in the divisor of var;
    - I the part of B that the rows cause (seeds meet the same rows, and differ in which they get right), which R holds
      already: the mean over seeds of var(x* - its mean over seeds), divided by S - 1.

    Degrees of freedom: V^2 / (B^2/(S - 1) + R^2/(rows - 1)).

    R is at least 1/rows^2: two contenders that differ in no row of a small test are not known to be equal.

    Parameters
    ----------
    points : ndarray, shape (seeds,)
    draws : ndarray, shape (resamples, seeds)
    rows : int

    Returns
    -------
    Estimate
    """
    seeds = len(points)
    mean = float(points.mean())
    from_rows = max(float(draws.mean(axis=1).var(ddof=1)), 1.0 / rows**2)
    if seeds == 1:
        return Estimate(mean, from_rows, 0.0, max(rows - 1.0, 1.0), seeds, rows)
    between = float(points.var(ddof=1)) / seeds
    inside = float((draws - draws.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean()) / (seeds - 1)
    from_seeds = max(between - inside, 0.0)
    total = from_rows + from_seeds
    df = total**2 / (between**2 / (seeds - 1) + from_rows**2 / max(rows - 1, 1))
    return Estimate(mean, from_rows, from_seeds, max(df, 1.0), seeds, rows)


def _unknown(seeds: int) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, math.nan, seeds, 0)


def estimate_difference(panel: Panel, a: Cell, b: Cell, *, rows: Rows = "test", resamples: int = 5_000) -> Estimate:
    """Estimate the mean score of a minus that of b, paired by seed and row.

    Parameters
    ----------
    panel : Panel
    a, b : Cell
    rows : {"test", "validation"}
    resamples : int

    Returns
    -------
    Estimate
        Of NaN without rows.
    """
    truth = panel.truth[rows]
    codes_a, codes_b = pair_codes(a, b, rows)
    seeds = len(codes_a)
    if not len(truth):
        return _unknown(seeds)
    both = np.concatenate([codes_a, codes_b])
    # Repeated answers are scored once.
    distinct, position = np.unique(both, axis=0, return_inverse=True)
    position = position.reshape(-1)
    labels = len(panel.labels)
    drawn = bootstrap_scores(panel.metric, truth, distinct, labels, resamples, panel.evidence.seed)[:, position]
    points = np.array([float(score_codes(panel.metric, truth, one, labels)) for one in distinct])[position]
    return summarise(points[:seeds] - points[seeds:], drawn[:, :seeds] - drawn[:, seeds:], len(truth))


def estimate_score(
    panel: Panel, cell: Cell, *, rows: Rows = "test", resamples: int = 1_000, metric: str | None = None
) -> Estimate:
    """Estimate a contender's mean score.

    Parameters
    ----------
    panel : Panel
    cell : Cell
    rows : {"test", "validation"}
    resamples : int
    metric : str, optional
        The task's where not given.

    Returns
    -------
    Estimate
        Of NaN without rows.
    """
    truth = panel.truth[rows]
    codes = cell.codes(rows)
    if not len(truth):
        return _unknown(len(codes))
    name = metric or panel.metric
    labels = len(panel.labels)
    drawn = bootstrap_scores(name, truth, codes, labels, resamples, panel.evidence.seed)
    points = np.array([float(score_codes(name, truth, one, labels)) for one in codes])
    return summarise(points, drawn, len(truth))
