"""Classification: one label a row; its metrics, on names and on label codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import LEAST_COUNTED, UNEVEN
from bakeoff.errors import OptionError
from bakeoff.tasks.given_metrics import given_metrics

__all__ = ["METRICS", "choose_metric", "label_codes", "score_codes"]

#: Metrics of this kind, with what each is; all lie in [0, 1] and higher is better.
METRICS: Mapping[str, str] = {
    "accuracy": "share of rows answered with the right label; an abstention is wrong",
    "macro-F1": "F1 of each label in the truth, averaged with equal weight; an abstention finds no label",
}


def choose_metric(counts: Mapping[str, int]) -> str:
    """Choose the primary metric from the label frequencies.

    Parameters
    ----------
    counts : mapping of str to int
        Rows of each label.

    Returns
    -------
    str
        ``"accuracy"``, or ``"macro-F1"`` where labels are more uneven than 3 to 1.
    """
    # A label seen once or twice cannot be tested, and must not choose the metric for all.
    present = [count for count in counts.values() if count >= LEAST_COUNTED]
    if not present:
        return "accuracy"
    return "macro-F1" if max(present) / min(present) > UNEVEN else "accuracy"


def label_codes(values: Sequence[str | None], labels: Sequence[str]) -> NDArray[np.int64]:
    """Turn label names into their positions in the label set.

    Parameters
    ----------
    values : sequence of str or None
        Labels; None (an abstention), and anything that is no label, gets -1.
    labels : sequence of str
        The label set.

    Returns
    -------
    ndarray of int64, shape (len(values),)
        Codes in [-1, len(labels)).
    """
    position: dict[str | None, int] = {label: code for code, label in enumerate(labels)}
    return np.fromiter(map(position.get, values, repeat(-1)), dtype=np.int64, count=len(values))


def score_codes(
    metric: str,
    truth: NDArray[np.int64],
    answers: NDArray[np.int64],
    n_labels: int,
    weights: NDArray[np.float64] | None = None,
) -> float | NDArray[np.float64]:
    """Score label codes, with row weights so that resampled rows need no copies.

    Parameters
    ----------
    metric : str
        One of `METRICS`; for one of another package, by which a method chooses inside its rows, accuracy stands.
    truth, answers : ndarray of int64, shape (rows,)
        Codes as `label_codes` gives them.
    n_labels : int
        Size of the label set.
    weights : ndarray of float64, shape (rows,) or (resamples, rows), optional
        How often each row counts; once where not given.

    Returns
    -------
    float or ndarray of float64, shape (resamples,)
        In [0, 1]. Macro-F1 is the mean over the labels that stand in the (weighted) truth: the same for every set of
        answers, whatever else was answered.

    Raises
    ------
    OptionError
        If the metric is unknown.
    """
    counted = np.ones((1, len(truth))) if weights is None else np.atleast_2d(weights)
    total = counted.sum(axis=1)
    right = (truth == answers).astype(np.float64)
    if metric == "accuracy":
        with np.errstate(invalid="ignore", divide="ignore"):
            values = (counted @ right) / total
    elif metric == "macro-F1":
        values = _macro_f1(truth, answers, n_labels, counted)
    elif metric in given_metrics():
        # Codes do not name their labels, which a metric of another package may have to see: what a method chooses by
        # inside its rows is then the share of right answers.
        return score_codes("accuracy", truth, answers, n_labels, weights)
    else:
        raise OptionError(
            f"The metric must be one of {', '.join(METRICS)}; {metric!r} came.",
            next_step="Choose one with --metric.",
        )
    return float(values[0]) if weights is None or weights.ndim == 1 else values


def _macro_f1(
    truth: NDArray[np.int64], answers: NDArray[np.int64], n_labels: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    codes = np.arange(n_labels)
    is_true = (truth[:, None] == codes).astype(np.float64)
    is_answered = (answers[:, None] == codes).astype(np.float64)
    hits = weights @ (is_true * is_answered)
    sizes = weights @ is_true + weights @ is_answered
    with np.errstate(invalid="ignore", divide="ignore"):
        counted = weights @ is_true > 0
        f1 = np.where(counted, 2 * hits / sizes, 0.0)
        return np.asarray(f1.sum(axis=1) / counted.sum(axis=1))
