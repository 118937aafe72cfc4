"""Tests on pairs: McNemar's mid-p for two artefacts, Holm's correction, and what a test could show at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["TEST_NAME", "holm", "mcnemar_mid_p", "smallest_detectable_difference"]

#: Name of the declared test, as records and reports show it.
TEST_NAME = "paired bootstrap over seeds and rows"


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """Test whether two given artefacts answer equally many rows right.

    For two prompt files, or today's system against one bundle; not for procedures, whose seeds differ.

    Parameters
    ----------
    only_a, only_b : int
        Rows that only a, and only b, answers right.

    Returns
    -------
    float
        Two-sided mid-p-value (Fagerland, Lydersen and Laake 2013): the exact one less the probability of what was seen.
    """
    from scipy.stats import binom

    pairs = only_a + only_b
    if pairs == 0 or only_a == only_b:
        return 1.0
    fewer = min(only_a, only_b)
    return float(min(1.0, 2 * binom.cdf(fewer, pairs, 0.5) - binom.pmf(fewer, pairs, 0.5)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Correct p-values for the number of declared comparisons (Holm 1979).

    Parameters
    ----------
    p_values : sequence of float
        NaN stands for a comparison that could not be made; it counts for nothing and stays NaN.

    Returns
    -------
    tuple of float
        In the same order, each at least as large as before.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    corrected = list(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        corrected[i] = highest
    return tuple(corrected)


def _largest_rejected(pairs: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """Give, per number of discordant pairs, the largest smaller count that mid-p rejects; -1 for none."""
    from scipy.stats import binom

    # The mid-p bound differs from the exact quantile by a count or two: start there and step.
    largest = np.asarray(binom.ppf(alpha / 2, pairs, 0.5)).astype(np.int64) + 1
    for _ in range(4):
        mid_p = 2 * binom.cdf(largest, pairs, 0.5) - binom.pmf(largest, pairs, 0.5)
        largest = np.where((mid_p > alpha) & (largest >= 0), largest - 1, largest)
    return np.minimum(largest, (pairs - 1) // 2)


def _mcnemar_power(difference: float, rows: int, discordant: float, alpha: float) -> float:
    from scipy.stats import binom

    low, high = (int(binom.ppf(q, rows, discordant)) for q in (1e-9, 1 - 1e-9))
    pairs = np.arange(max(low, 1), max(high, 1) + 1)
    cut = _largest_rejected(pairs, alpha)
    share = min(1.0, (1 + difference / discordant) / 2)
    rejected = binom.cdf(cut, pairs, share) + binom.cdf(cut, pairs, 1 - share)
    return float(np.sum(binom.pmf(pairs, rows, discordant) * np.where(cut >= 0, rejected, 0.0)))


@lru_cache(maxsize=64)
def smallest_detectable_difference(
    rows: int, discordant: float = 0.2, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Say which difference in accuracy a test of two artefacts would show with the wanted power.

    Exact: the power of McNemar's mid-p test, summed over the number of discordant pairs.

    Parameters
    ----------
    rows : int
        Test rows.
    discordant : float
        Share of rows that just one of the two answers right, in (0, 1]; a larger difference needs no less.
    alpha : float
        Level of the test.
    power : float
        Wanted probability of a significant result.

    Returns
    -------
    float
        In points of the metric, (0, 100]: 8.7 for 200 rows. 100.0 where so few rows show nothing.
    """
    from scipy.optimize import brentq

    def lacking(size: float) -> float:
        return _mcnemar_power(size, rows, max(discordant, size), alpha) - power

    if rows < 1 or lacking(1.0) < 0:
        return 100.0
    return 100.0 * float(brentq(lacking, 0.0, 1.0, xtol=1e-5))
