"""Rows that look mislabelled: confident learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.panel import Codes

__all__ = ["Suspicion", "suspicion"]


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """Which rows look mislabelled.

    Parameters
    ----------
    rows : ndarray of int64, shape (suspects,)
        Positions of the rows, the likeliest to be wrong first.
    suggested : ndarray of int64, shape (suspects,)
        Code of the label that each should have.
    probability : ndarray of float64, shape (suspects,)
        Of the label that each has.
    """

    rows: Codes
    suggested: Codes
    probability: NDArray[np.float64]


def suspicion(labels: Codes, probabilities: NDArray[np.float64]) -> Suspicion:
    """Find rows whose label is likely wrong.

    Confident learning (Northcutt, Jiang and Chuang 2021): a label's threshold is the mean probability that
    it gets on the rows that carry it; a row counts for the likeliest of the labels that reach their threshold, and is
    suspect where that is not its own (an off-diagonal count of the confident joint). Suspects are ordered by normalised
    margin, the probability of their label less that of the suggested one.

    Parameters
    ----------
    labels : ndarray of int64, shape (rows,)
        Codes of the given labels.
    probabilities : ndarray of float64, shape (rows, labels)
        Out of sample: of a contender that never saw these rows. Rows with NaN are left out.

    Returns
    -------
    Suspicion
    """
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1) & (labels >= 0))
    given, shares = labels[known], probabilities[known]
    thresholds = np.full(probabilities.shape[1], np.inf)
    for code in np.unique(given):
        thresholds[code] = shares[given == code, code].mean()
    reaching = np.where(shares >= thresholds, shares, -1.0)
    best = reaching.argmax(axis=1) if len(known) else np.zeros(0, dtype=np.int64)
    own = shares[np.arange(len(known)), given]
    odd = np.flatnonzero((reaching.max(axis=1, initial=-1.0) >= 0) & (best != given))
    margin = own[odd] - shares[odd, best[odd]]
    odd = odd[np.argsort(margin, kind="stable")]
    return Suspicion(known[odd], np.asarray(best[odd], dtype=np.int64), own[odd])
