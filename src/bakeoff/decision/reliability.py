"""Whether probabilities hold: the expected calibration error, and what of it is chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "calibration_error", "calibration_error_by_chance"]

#: Bins of equal mass.
BINS = 10
#: Draws behind the error by chance: its standard error is then some hundredths of a point.
_DRAWS = 200

Reals = NDArray[np.float64]


def calibration_error(confidence: Reals, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Give the expected calibration error in bins of equal mass.

    Rows are ordered by the probability of their answer and cut into bins of equal size; the error is the mean over
    rows of the distance between a bin's mean probability and its share of right answers (Naeini, Cooper and Hauskrecht
    2015). Bins of equal mass in place of equal width follow Nixon et al. (2019): bins of equal width stand nearly empty
    at one end and hold most rows at the other.

    Parameters
    ----------
    confidence : ndarray of float64, shape (rows,)
        Probability that each answer was given, in [0, 1].
    right : ndarray of bool, shape (rows,)
    bins : int
        Rows that are fewer make as many bins as there are rows.

    Returns
    -------
    float
        In [0, 1]; NaN without rows.
    """
    return float(_errors(confidence, np.asarray(right, dtype=np.float64)[None, :], bins)[0])


def calibration_error_by_chance(confidence: Reals, bins: int = BINS, seed: int = 0) -> float:
    """Give the error that these probabilities would show on so many rows if they held.

    Few rows make any bin's share of right answers miss its probability. As in consistency resampling (Broecker and
    Smith 2007), answers are drawn right with the probabilities that were given, 200 times.

    Parameters
    ----------
    confidence : ndarray of float64, shape (rows,)
    bins, seed : int

    Returns
    -------
    float
        In [0, 1]; NaN without rows.
    """
    drawn = np.random.default_rng(seed).random((_DRAWS, len(confidence))) < confidence
    return float(_errors(confidence, drawn.astype(np.float64), bins).mean())


def _errors(confidence: Reals, right: Reals, bins: int) -> Reals:
    """Give one error for each line of `right`, shape (draws, rows)."""
    rows = len(confidence)
    if not rows:
        return np.full(len(right), np.nan)
    order = np.argsort(confidence, kind="stable")
    edges = np.linspace(0, rows, min(bins, rows) + 1).astype(np.int64)
    gaps = np.add.reduceat(right[:, order] - confidence[order], edges[:-1], axis=1)
    return np.asarray(np.abs(gaps).sum(axis=1) / rows)
