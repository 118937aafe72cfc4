"""Linear heads: logistic regression, its strength chosen inside the rows it is given.

A head is a matrix and a vector, so it is saved as safetensors and can start the head of a network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.tasks import score_codes

__all__ = [
    "LinearHead",
    "StrengthChoice",
    "choose_strength",
    "fit_logistic",
    "fit_one_vs_rest",
    "head_of",
    "read_head",
    "softmax",
    "without_fit_warnings",
    "write_head",
]

#: Fits a head: features, label codes, size of the label set, C.
FitHead = Callable[[Any, NDArray[np.int64], int, float], "LinearHead"]


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Scores of the labels as a linear function of features.

    Parameters
    ----------
    weights : ndarray of float32, shape (labels, features)
    bias : ndarray of float32, shape (labels,)
        Minus infinity for a label that no row had: its probability is 0.
    one_vs_rest : bool
        Whether each label was told from the rest by itself. Probabilities then are the labels' own, scaled to sum to 1,
        and not a softmax.
    readings : ndarray of float64, optional
        How scores are read where they are not one label's: see `bakeoff.methods.outputs`.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    one_vs_rest: bool = False
    readings: NDArray[np.float64] | None = None

    def scores(self, features: Any) -> NDArray[np.float64]:
        """Give the linear function itself, shape (rows, labels), of features, shape (rows, features)."""
        return np.asarray(features @ self.weights.T, dtype=np.float64) + self.bias

    def probabilities(self, features: Any) -> NDArray[np.float64]:
        """Give the probability of each label.

        Parameters
        ----------
        features : ndarray or sparse matrix, shape (rows, features)

        Returns
        -------
        ndarray of float64, shape (rows, labels)
        """
        scores = self.scores(features)
        # The logarithm of the logistic function, which keeps every label's share of a small sum.
        return softmax(-np.logaddexp(0.0, -scores) if self.one_vs_rest else scores)


@dataclass(frozen=True, slots=True)
class StrengthChoice:
    """Which inverse strength of regularisation was chosen, and how.

    Parameters
    ----------
    C : float
    folds : int
        Of the cross-validation; 0 where there were too few rows, or too much work, for one.
    scores : tuple of (float, float)
        Pairs of C and its mean score.
    """

    C: float
    folds: int
    scores: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Give the choice as plain JSON values."""
        return {"C": self.C, "folds": self.folds, "scores": [list(pair) for pair in self.scores]}


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores into probabilities.

    Parameters
    ----------
    logits : ndarray, shape (rows, labels)
        At least one finite value a row.

    Returns
    -------
    ndarray of float64, shape (rows, labels)
        In [0, 1]; rows sum to 1.
    """
    values = np.asarray(logits, dtype=np.float64)
    shifted = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_logistic(features: Any, codes: NDArray[np.int64], n_labels: int, *, C: float) -> LinearHead:
    """Fit a multinomial logistic regression with an L2 penalty.

    Parameters
    ----------
    features : ndarray or sparse matrix, shape (rows, features)
    codes : ndarray of int64, shape (rows,)
        Positions of the labels, of at least two labels.
    n_labels : int
        Size of the label set; labels that no row has get a probability of 0.
    C : float
        Inverse strength of the penalty, above 0.

    Returns
    -------
    LinearHead
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=300, tol=1e-3)
    with without_fit_warnings():
        model.fit(features, codes)
    if len(model.classes_) == 2:
        return _of_two(model.coef_[0], model.intercept_[0], model.classes_, n_labels)
    head = _empty_head(n_labels, features.shape[1])
    head.weights[model.classes_], head.bias[model.classes_] = model.coef_, model.intercept_
    return head


def fit_one_vs_rest(features: Any, codes: NDArray[np.int64], n_labels: int, *, C: float, seed: int) -> LinearHead:
    """Fit one logistic regression a label, by dual coordinate descent: fast for many sparse features.

    The solver is LIBLINEAR's (Fan et al. 2008).

    Parameters
    ----------
    features : sparse matrix, shape (rows, features)
    codes : ndarray of int64, shape (rows,)
        Positions of the labels, of at least two labels.
    n_labels : int
        Size of the label set; labels that no row has get a probability of 0.
    C : float
        Inverse strength of the penalty, above 0.
    seed : int
        Of the order of the coordinates.

    Returns
    -------
    LinearHead
        For two labels the same as one regression between them.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, solver="liblinear", dual=True, tol=1e-2, max_iter=300, random_state=seed)
    present = np.unique(codes)
    with without_fit_warnings():
        if len(present) == 2:
            model.fit(features, codes)
            return _of_two(model.coef_[0], model.intercept_[0], present, n_labels)
        head = _empty_head(n_labels, features.shape[1], one_vs_rest=True)
        for code in present:
            model.fit(features, codes == code)
            head.weights[code], head.bias[code] = model.coef_[0], model.intercept_[0]
    return head


@contextmanager
def without_fit_warnings() -> Iterator[None]:
    """Silence what scikit-learn says of fits that are stopped early, or of few rows, which are both wanted here."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A head stopped at 300 steps answers as the converged one does, within the noise of the choice of C.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Few rows of many labels are what a small label budget looks like, not a mistaken regression.
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        yield


def _empty_head(n_labels: int, features: int, *, one_vs_rest: bool = False) -> LinearHead:
    weights = np.zeros((n_labels, features), dtype=np.float32)
    return LinearHead(weights, np.full(n_labels, -np.inf, dtype=np.float32), one_vs_rest)


def _of_two(weights: NDArray[Any], bias: float, present: NDArray[np.int64], n_labels: int) -> LinearHead:
    """Divide scikit-learn's one row for two labels between them, which gives the same probabilities."""
    head = _empty_head(n_labels, len(weights))
    head.weights[present], head.bias[present] = (-weights / 2, weights / 2), (-bias / 2, bias / 2)
    return head


def choose_strength(
    features: Any,
    codes: NDArray[np.int64],
    n_labels: int,
    fit: FitHead,
    *,
    metric: str,
    candidates: Sequence[float],
    default: float,
    seed: int,
    least_rows: int,
    most_folds: int = 5,
) -> StrengthChoice:
    """Choose C by stratified cross-validation on the task's metric; ties go to the stronger penalty.

    Parameters
    ----------
    features : ndarray or sparse matrix, shape (rows, features)
    codes : ndarray of int64, shape (rows,)
    n_labels : int
    fit : callable
        Fits a head to features, codes, size of the label set and C.
    metric : str
        One of `bakeoff.tasks.METRICS`.
    candidates : sequence of float
        Values of C, ascending.
    default : float
        Taken for fewer than `least_rows` rows, or fewer than two labels with two rows.
    seed : int
        Of the folds.
    least_rows : int
        Rows from which on a cross-validation says more than its noise.
    most_folds : int
        The rarest label's rows limit the folds, too, down to 3 (or 2 where no other way is left); labels with fewer
        rows than folds cannot be divided and stay out of the choice.

    Returns
    -------
    StrengthChoice
    """
    folds, kept = _folds(codes, n_labels, most_folds)
    if not folds or len(codes) < least_rows:
        return StrengthChoice(default, 0, ())
    if len(candidates) == 1:
        return StrengthChoice(candidates[0], 0, ())
    rows, targets = features[kept], codes[kept]
    scores = tuple((C, _score_of(C, rows, targets, n_labels, fit, metric, folds, seed)) for C in candidates)
    best = max(value for _, value in scores)
    return StrengthChoice(next(C for C, value in scores if value == best), folds, scores)


def _score_of(
    C: float,
    rows: Any,
    targets: NDArray[np.int64],
    n_labels: int,
    fit: FitHead,
    metric: str,
    folds: int,
    seed: int,
) -> float:
    """Score the out-of-fold answers of one C."""
    from sklearn.model_selection import StratifiedKFold

    answers = np.empty_like(targets)
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(np.zeros(len(targets)), targets)
    for train, held in splits:
        head = fit(rows[train], targets[train], n_labels, C)
        answers[held] = head.probabilities(rows[held]).argmax(axis=1)
    return float(score_codes(metric, targets, answers, n_labels))


def _folds(codes: NDArray[np.int64], n_labels: int, most: int) -> tuple[int, NDArray[np.int64]]:
    """Give the number of folds, 0 for none, and the rows that can be divided into so many."""
    counts = np.bincount(codes, minlength=n_labels)
    for least in (3, 2):
        frequent = counts[counts >= least]
        if len(frequent) >= 2:
            folds = int(min(most, max(least, counts[counts > 0].min())))
            return folds, np.flatnonzero(counts[codes] >= folds)
    return 0, np.arange(0)


def head_of(layer: Any) -> LinearHead:
    """Give a network's linear layer as a head.

    Parameters
    ----------
    layer : torch.nn.Linear
        From features to labels.

    Returns
    -------
    LinearHead
    """
    return LinearHead(layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy())


def write_head(head: LinearHead, path: Path) -> None:
    """Write a head as safetensors.

    Parameters
    ----------
    head : LinearHead
    path : Path
    """
    from safetensors.numpy import save_file

    kind = np.array([head.one_vs_rest], dtype=np.uint8)
    tensors: dict[str, NDArray[Any]] = {"weights": head.weights, "bias": head.bias, "one_vs_rest": kind}
    save_file(tensors if head.readings is None else tensors | {"readings": head.readings}, path)


def read_head(path: Path) -> LinearHead:
    """Read what `write_head` wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    LinearHead
    """
    from safetensors.numpy import load_file

    tensors = load_file(path)
    one_vs_rest = bool(tensors["one_vs_rest"][0])
    return LinearHead(tensors["weights"], tensors["bias"], one_vs_rest, tensors.get("readings"))
