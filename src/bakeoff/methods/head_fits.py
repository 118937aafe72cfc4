"""Linear heads for several labels a row and for numbers, their strength chosen inside the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.heads import LinearHead, StrengthChoice, without_fit_warnings
from bakeoff.methods.outputs import Number, Outputs

__all__ = ["fit_each_label", "fit_outputs", "fit_ridge"]

Reals = NDArray[np.float64]
#: Fits a head: features, targets (rows, width), C.
FitTargets = Callable[[Any, NDArray[np.float32], float], LinearHead]

_FOLDS = 3
#: Rows below which neither a strength nor thresholds are chosen: what so few say is noise.
_LEAST_ROWS = 30
#: A label that no row has, or all have, gets this score or its opposite.
_CERTAIN = 10.0


def fit_each_label(features: Any, targets: NDArray[np.float32], C: float, *, sparse: bool, seed: int) -> LinearHead:
    """Fit one logistic regression a label.

    Parameters
    ----------
    features : ndarray or sparse matrix, shape (rows, features)
    targets : ndarray of float32, shape (rows, labels)
        1 for each label that a row has.
    C : float
        Inverse strength of the penalty.
    sparse : bool
        Whether features are many and sparse, for which dual coordinate descent is the faster.
    seed : int
        Of the order of the coordinates.

    Returns
    -------
    LinearHead
    """
    from sklearn.linear_model import LogisticRegression

    settings = {"solver": "liblinear", "dual": True, "tol": 1e-2} if sparse else {"tol": 1e-3}
    model = LogisticRegression(C=C, max_iter=300, random_state=seed, **settings)
    labels = targets.shape[1]
    weights, bias = np.zeros((labels, features.shape[1]), np.float32), np.zeros(labels, np.float32)
    with without_fit_warnings():
        for label in range(labels):
            own = targets[:, label] > 0
            if own.all() or not own.any():
                bias[label] = _CERTAIN if own.all() else -_CERTAIN
                continue
            model.fit(features, own)
            weights[label], bias[label] = model.coef_[0], model.intercept_[0]
    return LinearHead(weights, bias, one_vs_rest=True)


def fit_ridge(features: Any, targets: NDArray[np.float32], C: float) -> LinearHead:
    """Fit a linear regression with an L2 penalty.

    Parameters
    ----------
    features : ndarray or sparse matrix, shape (rows, features)
    targets : ndarray of float32, shape (rows, 1)
    C : float
        Inverse strength of the penalty.

    Returns
    -------
    LinearHead
    """
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1.0 / C).fit(features, targets[:, 0])
    bias = np.array([model.intercept_], dtype=np.float32)
    return LinearHead(model.coef_.reshape(1, -1).astype(np.float32), bias)


def fit_outputs(
    features: Any,
    labels: Sequence[str],
    outputs: Outputs,
    *,
    candidates: Sequence[float],
    seed: int,
    sparse: bool = False,
    choose: bool = True,
) -> tuple[LinearHead, StrengthChoice]:
    """Fit a head for several labels a row or for numbers; choose strength and thresholds by out-of-fold scores.

    Parameters
    ----------
    features, labels : matrix, sequence of str
    outputs : Outputs
        Of a task of kind multi-label or regression; its thresholds are set.
    candidates : sequence of float
        Values of C; the middle one is taken where there are too few rows to choose.
    seed : int
        Of the folds.
    sparse : bool
        Whether features are many and sparse.
    choose : bool
        Whether anything is chosen, however many rows there are.

    Returns
    -------
    LinearHead
    StrengthChoice
    """
    targets = np.asarray(outputs.targets(labels), dtype=np.float32)

    def fit(rows: Any, wanted: NDArray[np.float32], C: float) -> LinearHead:
        if isinstance(outputs, Number):
            return fit_ridge(rows, wanted, C)
        return fit_each_label(rows, wanted, C, sparse=sparse, seed=seed)

    if not choose or len(labels) < _LEAST_ROWS:
        C = candidates[len(candidates) // 2]
        return outputs.on_head(fit(features, targets, C)), StrengthChoice(C, 0, ())
    found: list[tuple[float, float, Reals]] = []
    for C in candidates:
        scores = _out_of_fold(features, targets, C, fit, seed)
        outputs.settle(scores, labels)
        found.append((outputs.score(scores, labels), C, scores))
    _, C, scores = max(found, key=lambda one: one[0])  # the stronger penalty first where scores tie
    outputs.settle(scores, labels)
    choice = StrengthChoice(C, _FOLDS, tuple((tried, score) for score, tried, _ in found))
    return outputs.on_head(fit(features, targets, C)), choice


def _out_of_fold(features: Any, targets: NDArray[np.float32], C: float, fit: FitTargets, seed: int) -> Reals:
    from sklearn.model_selection import KFold

    scores = np.empty(targets.shape)
    for train, held in KFold(_FOLDS, shuffle=True, random_state=seed).split(targets):
        scores[held] = fit(features[train], targets[train], C).scores(features[held])
    return scores
