"""Supervised calibration: an affine map from label scores to labels, held near what the prompt says by itself.

A shift a label moves the boundary between labels; a map of all scores can turn it, too (Supervised Calibration, 2025,
section 3). On few rows such a map learns noise, so it is penalised by its distance from the prompt's own answer, not
from zero: without rows, or with an endless penalty, it is the calibrated prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.prompt.calibrate import log_shares

__all__ = ["AffineMap", "fit_affine"]

#: Penalty of the biases, whose start is a calibration that has seen the rows.
_BIAS_PENALTY = 1.0
_MOST_STEPS = 200

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """Scores of the labels as an affine function of features.

    Parameters
    ----------
    weights : ndarray of float64, shape (labels, features)
    bias : ndarray of float64, shape (labels,)
    """

    weights: Floats
    bias: Floats

    def scores(self, features: Floats) -> Floats:
        """Give the scores of rows.

        Parameters
        ----------
        features : ndarray of float64, shape (rows, features)

        Returns
        -------
        ndarray of float64, shape (rows, labels)
            Logarithms of probabilities, up to a number a row.
        """
        return np.asarray(features @ self.weights.T + self.bias, dtype=np.float64)


def fit_affine(features: Floats, codes: Codes, start: Floats, penalty: float) -> AffineMap:
    """Fit a map by maximum likelihood, penalised by its distance from a start.

    Multinomial logistic regression with a Gaussian prior whose mean is `start` and zero biases.

    Parameters
    ----------
    features : ndarray of float64, shape (rows, features)
        Rows may be none.
    codes : ndarray of int64, shape (rows,)
        Positions of the labels. A label without rows keeps its start's weights nearly, and gets a lower bias.
    start : ndarray of float64, shape (labels, features)
    penalty : float
        Above 0; weighs the squared distance of the weights from `start` against the rows' summed log loss.

    Returns
    -------
    AffineMap
    """
    from scipy.optimize import minimize

    labels, size = start.shape
    truth = np.eye(labels)[codes]

    def loss(values: Floats) -> tuple[float, Floats]:
        moved, bias = values[: labels * size].reshape(labels, size) - start, values[labels * size :]
        logs = log_shares(features @ (moved + start).T + bias)
        wrong = np.exp(logs) - truth
        slopes = np.concatenate([(wrong.T @ features + penalty * moved).ravel(), wrong.sum(0) + _BIAS_PENALTY * bias])
        value = -(truth * logs).sum() + penalty / 2 * (moved**2).sum() + _BIAS_PENALTY / 2 * (bias**2).sum()
        return float(value), slopes

    begin = np.concatenate([start.ravel(), np.zeros(labels)])
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS, "ftol": 1e-8}).x
    return AffineMap(found[: labels * size].reshape(labels, size), found[labels * size :])
