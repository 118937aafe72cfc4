"""The fits of a cross-fitted study beside each other: how they spread, and how much of that the rows cause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.panel import Panel

__all__ = ["fit_deviations", "rows_of_fits", "scale_of_deviations", "share_of_rows", "spread_of_deviations"]


def _share_of_fit(rounds: int, folds: int) -> float:
    """Give the share of the fits' variance that stands in the variance of their deviations."""
    return (1 - 1 / rounds) ** 2 + (rounds - 1) / (rounds**2 * folds)


def share_of_rows(rounds: int, folds: int) -> float:
    """Give I of `summarise_folds` as a share of what one round's rows add to the variance of its score by themselves.

    Parameters
    ----------
    rounds : int
        One alone shows no spread between fits, and has all that its rows add.
    folds : int
        Of a round.

    Returns
    -------
    float
    """
    if rounds < 2:
        return 1.0
    return (1 - 1 / rounds) / (rounds * _share_of_fit(rounds, folds))


def rows_of_fits(panel: Panel, rounds: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Give which test rows each fit answers, shape (fits, rows), and each fit's place among the rounds."""
    size = panel.evidence.round_folds
    tested = np.zeros((len(rounds) * size, len(panel.truth["test"])), dtype=np.bool_)
    for position, (number, place) in enumerate((number, place) for number in rounds for place in range(size)):
        tested[position, list(panel.evidence.folds[size * number + place].test)] = True
    return tested, np.repeat(np.arange(len(rounds)), size)


def fit_deviations(scores: NDArray[np.float64], own: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each fit's score on the rows of its fold less the mean of all rounds' there.

    Parameters
    ----------
    scores : ndarray, shape (..., fits, rounds)
        Of every round on the rows of every fit.
    own : ndarray of int64, shape (fits,)
        The round of each fit.

    Returns
    -------
    ndarray, shape (..., fits)
    """
    return np.asarray(scores[..., np.arange(len(own)), own] - scores.mean(axis=-1))


def scale_of_deviations(fits: int, rounds: int, folds: int) -> float:
    """Give by what the mean square of the fits' deviations is multiplied for the variance of the mean."""
    return 1 / (_share_of_fit(rounds, folds) * fits)


def spread_of_deviations(
    seen: NDArray[np.float64], drawn: NDArray[np.float64], rounds: int, folds: int
) -> tuple[float, float]:
    """Give the variance of the mean that the fits' spread makes, and the part of it that the rows cause.

    In a fit's deviation stand the fit itself, less its share of the mean, and the fits that the other rounds have in
    its place, some of each fold.

    Parameters
    ----------
    seen : ndarray, shape (fits,)
        Deviations, as `fit_deviations` gives them.
    drawn : ndarray, shape (resamples, fits)
    rounds, folds : int

    Returns
    -------
    tuple of (float, float)
        B and I of `summarise_folds`.
    """
    scale = scale_of_deviations(len(seen), rounds, folds)
    return scale * float((seen**2).mean()), scale * float(drawn.var(axis=0, ddof=1).mean())
