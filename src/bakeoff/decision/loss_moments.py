"""A drawn cost of answers, cut down to the moments from which its estimate under any prices follows.

An estimate's mean is linear in the two prices of `bakeoff.decision.losses`, and each part of its variance is a
quadratic form of them. So fifteen numbers stand for five thousand draws, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.design import Design
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.fits import scale_of_deviations
from bakeoff.decision.losses import DrawnLoss

__all__ = ["LossMoments", "moments_of"]

_Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LossMoments:
    """What the estimate of a cost of answers follows from, under any prices.

    Parameters
    ----------
    mean : ndarray of float64, shape (2,)
        Of both parts of `bakeoff.decision.losses.cost_tables`.
    rows_part, between, inside : ndarray of float64, shape (2, 2)
        R, B and I of `bakeoff.decision.resampling.summarise` (or `summarise_folds`), as forms of the two prices.
    design : Design
    """

    mean: _Reals
    rows_part: _Reals
    between: _Reals
    inside: _Reals
    design: Design

    def at(self, prices: tuple[float, float], span: float) -> Estimate:
        """Give the estimate under prices whose dearest answer costs `span` more than the cheapest."""
        design = self.design
        if span <= 0:
            return Estimate(float(np.dot(prices, self.mean)), 0.0, 0.0, 1.0, design.seeds, design.rows)
        weights = np.array(prices) / span
        rows_part, between, inside = (
            float(weights @ form @ weights) for form in (self.rows_part, self.between, self.inside)
        )
        rows_part = max(rows_part, 1.0 / design.rows**2)
        of_seeds = float(design.seeds_part(between, inside))
        df = float(design.degrees_of_freedom(rows_part, between, inside))
        return Estimate(float(weights @ self.mean), rows_part, of_seeds, df, design.seeds, design.rows).scaled(span)


def _forms(values: _Reals) -> _Reals:
    """Average over the last axis the covariances of two parts over draws; shape (2, resamples, sets) to (2, 2)."""
    own = values - values.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("irs,jrs->ij", own, own) / ((values.shape[1] - 1) * values.shape[2]))


def moments_of(loss: DrawnLoss) -> LossMoments:
    """Cut a drawn cost down.

    Parameters
    ----------
    loss : DrawnLoss

    Returns
    -------
    LossMoments
        Its `at` is the loss's own, but for rounding.
    """
    points, draws, seeds = loss.points, loss.draws, loss.points.shape[1]
    rows_part = _forms(draws.mean(axis=2, keepdims=True))
    between, inside, folded = np.zeros((2, 2)), np.zeros((2, 2)), loss.folded
    if folded is not None:
        scale = scale_of_deviations(folded.seen.shape[1], seeds, folded.folds)
        between = scale * (folded.seen @ folded.seen.T) / folded.seen.shape[1]
        inside = scale * _forms(folded.drawn)
        return LossMoments(
            points.mean(axis=1), rows_part, between, inside, Design(loss.rows, seeds, folded.folds, folded.overlap)
        )
    if seeds > 1:
        between = np.cov(points) / seeds
        inside = _forms(draws - draws.mean(axis=2, keepdims=True)) / (seeds - 1)
    return LossMoments(points.mean(axis=1), rows_part, between, inside, Design(loss.rows, seeds))
