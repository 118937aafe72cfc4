"""The probability that one run of a contender beats one run of another, over seeds and resampled rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.decision.estimate import Estimate
from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel, pair_codes
from bakeoff.decision.resampling import bootstrap_scores, estimate_difference

__all__ = ["Superiority", "lower_bound", "reliable_from", "share_won", "superiority"]

#: Resamples of the rows; each is met by every seed.
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Superiority:
    """How often one run of a beats one run of b.

    Parameters
    ----------
    probability : float
        Share of seeds x resampled rows in which a scores higher, ties half; in [0, 1].
    low : float
        97.5% lower bound of that probability (`lower_bound`).
    seeds, resamples : int
        What it was counted over.
    """

    probability: float
    low: float
    seeds: int
    resamples: int


def share_won(a: Sequence[float], b: Sequence[float]) -> float:
    """Give the share of pairs of runs in which a scores higher than b, ties half (Mann and Whitney 1947).

    Parameters
    ----------
    a, b : sequence of float
        Scores of runs that nothing pairs: each of a meets each of b.

    Returns
    -------
    float
        In [0, 1]; NaN where one is empty.
    """
    if not len(a) or not len(b):
        return math.nan
    gap = np.asarray(a, dtype=np.float64)[:, None] - np.asarray(b, dtype=np.float64)[None, :]
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())


def lower_bound(estimate: Estimate, single: float, level: float = 0.975) -> float:
    """Give the lower bound of the probability that one run of a beats one run of b.

    One run's difference is taken as normal, with the mean m of the estimate and a standard deviation s; the probability
    is then Phi(m / s). The bound of m / s is that of the noncentral t (Hedges and Olkin 1985): the noncentrality at
    which a statistic as large as m / se has probability 1 - `level`, times se / s. So the bound is above .5 just where
    the two-sided interval of the mean difference lies above 0. Rows are common to all seeds, so counting seeds as
    independent tries would be wrong: with many seeds and few rows it calls equal contenders unequal.

    Parameters
    ----------
    estimate : Estimate
        Of the mean difference of a and b.
    single : float
        Standard deviation s of the difference of one run, over seeds and rows.
    level : float
        In (.5, 1).

    Returns
    -------
    float
        In [0, 1]; NaN where no spread is known.
    """
    from scipy.special import nctdtrinc, ndtr

    if math.isnan(estimate.mean) or not estimate.se > 0 or not single > 0:
        return math.nan
    # Beyond this the probability is 1 for any purpose.
    statistic = min(max(estimate.mean / estimate.se, -30.0), 30.0)
    return float(ndtr(float(nctdtrinc(estimate.df, level, statistic)) * estimate.se / single))


def reliable_from(n: Sequence[float], lows: Sequence[float]) -> float | None:
    """Give the least n from which on, at every larger one too, the lower bound is above one half.

    Sizes are asked from the largest down and the first that fails ends it, so that many sizes need no correction.
    """
    found = None
    for size, low in zip(reversed(n), reversed(lows), strict=True):
        if not low > 0.5:
            break
        found = float(size)
    return found


def superiority(panel: Panel, a: Cell, b: Cell) -> Superiority | None:
    """Say how probable it is that one run of a beats one run of b on the test rows, and at least how probable.

    Parameters
    ----------
    panel : Panel
    a, b : Cell
        At one n.

    Returns
    -------
    Superiority or None
        None without test rows, or with fewer seeds than tell their spread (`MIN_SEEDS`).
    """
    codes_a, codes_b = pair_codes(a, b)
    truth, seeds = panel.truth["test"], len(codes_a)
    if not len(truth) or seeds < MIN_SEEDS:
        return None
    both = np.concatenate([codes_a, codes_b])
    drawn = bootstrap_scores(panel.scoring, truth, both, _RESAMPLES, panel.evidence.seed)
    gap = drawn[:, :seeds] - drawn[:, seeds:]
    share = float(((gap > 0) + 0.5 * (gap == 0)).mean())
    estimate = estimate_difference(panel, a, b, resamples=_RESAMPLES)
    single = math.sqrt(float(gap.var(axis=0, ddof=1).mean()) + seeds * estimate.seeds_variance)
    return Superiority(share, lower_bound(estimate, single), seeds, _RESAMPLES)
