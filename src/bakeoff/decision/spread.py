"""Spread of scores over seeds, phrasings and groups, less what so few rows give by chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["deviation_beyond_chance", "group_deviation_beyond_chance"]


def deviation_beyond_chance(right: NDArray[np.bool_]) -> float:
    """Give the standard deviation of several procedures' shares of right answers that the rows do not explain.

    The procedures (seeds, phrasings) answer the same rows, so this is a two-way layout without repeats: the variance
    component of the procedures is (mean square between procedures - residual mean square) / rows (Searle, Casella and
    McCulloch 1992).

    Parameters
    ----------
    right : ndarray of bool, shape (procedures, rows)

    Returns
    -------
    float
        0 or more, on the scale of a share; NaN with fewer than two procedures or two rows.
    """
    procedures, rows = right.shape
    if procedures < 2 or rows < 2:
        return math.nan
    values = right.astype(np.float64)
    by_procedure, by_row = values.mean(axis=1), values.mean(axis=0)
    residual = values - by_procedure[:, None] - by_row[None, :] + values.mean()
    noise = float((residual**2).sum()) / ((procedures - 1) * (rows - 1))
    return math.sqrt(max(float(by_procedure.var(ddof=1)) - noise / rows, 0.0))


def group_deviation_beyond_chance(shares: NDArray[np.float64], sizes: NDArray[np.int64]) -> float:
    """Give the standard deviation over groups of rows of their shares of right answers, less that of a share itself.

    Groups hold different rows, so each share misses by its own binomial variance; the mean of these is taken off
    (the moment estimate of DerSimonian and Laird 1986 with equal weights).

    Parameters
    ----------
    shares : ndarray of float64, shape (groups,)
    sizes : ndarray of int64, shape (groups,)
        Rows of each group, two or more.

    Returns
    -------
    float
        0 or more; NaN with fewer than two groups.
    """
    if len(shares) < 2:
        return math.nan
    noise = float((shares * (1 - shares) / (sizes - 1)).mean())
    return math.sqrt(max(float(shares.var(ddof=1)) - noise, 0.0))
