"""How the answers of a task are coded and scored, the same for every kind: codes in, one number out.

An answer's code is a whole number, so that answers can be compared, resampled and swapped without looking into them. A
metric is a function of sums over rows, so that rows can have weights.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.tasks.classification import METRICS, label_codes, score_codes
from bakeoff.tasks.given_metrics import given_metrics, score_given

__all__ = ["Codes", "LabelScoring", "Scoring", "TalliedScoring"]

Codes = NDArray[np.int64]
Reals = NDArray[np.float64]


class Scoring(ABC):
    """How answers are coded and scored on one metric.

    Parameters
    ----------
    metric : str
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric

    @property
    def is_share(self) -> bool:
        """Whether the score is the share of rows whose answer has the code of the truth."""
        return self.metric in ("accuracy", "exact-match")

    @abstractmethod
    def codes(self, values: Sequence[str | None]) -> Codes:
        """Give the codes of written labels, shape (rows,); -1 for None, an abstention, and for what is no answer."""

    @abstractmethod
    def score(self, truth: Codes, answers: Codes, weights: Reals | None = None) -> Any:
        """Score codes.

        Parameters
        ----------
        truth, answers : ndarray of int64, shape (rows,)
        weights : ndarray of float64, shape (rows,) or (resamples, rows), optional
            How often each row counts; once where not given.

        Returns
        -------
        float or ndarray of float64, shape (resamples,)
            Higher is better; NaN without rows.
        """

    @abstractmethod
    def with_metric(self, metric: str) -> Scoring:
        """Give the same codes, scored on another metric."""

    def score_values(self, truth: Sequence[str], answers: Sequence[str | None]) -> float:
        """Score written labels; None is an abstention and counts as wrong."""
        return float(self.score(self.codes(truth), self.codes(answers)))


class LabelScoring(Scoring):
    """One label a row: a label's code is its place in the label set.

    Parameters
    ----------
    metric : str
    labels : sequence of str
    """

    def __init__(self, metric: str, labels: Sequence[str]) -> None:
        super().__init__(metric)
        self.labels = tuple(labels)

    def codes(self, values: Sequence[str | None]) -> Codes:
        """Give the codes of labels; see `label_codes`."""
        return label_codes(values, self.labels)

    def score(self, truth: Codes, answers: Codes, weights: Reals | None = None) -> Any:
        """Score codes; see `score_codes`."""
        if self.metric not in METRICS and self.metric in given_metrics():
            named = (*self.labels, None)
            return _given(self.metric, "classification", (truth, answers), named, weights)
        return score_codes(self.metric, truth, answers, len(self.labels), weights)

    def with_metric(self, metric: str) -> LabelScoring:
        """Give the same codes, scored on another metric."""
        return LabelScoring(metric, self.labels)


class TalliedScoring(Scoring):
    """Answers without a closed set: a code is the place of an answer among those met so far.

    Subclasses say what each row adds to the sums that a metric is made of.

    Parameters
    ----------
    metric : str
    """

    #: The kind of task, and its metrics.
    kind: str = ""
    metrics: tuple[str, ...] = ()

    def __init__(self, metric: str) -> None:
        self._check(metric)
        super().__init__(metric)
        self._place: dict[str | None, int] = {}

    @property
    def met(self) -> list[str]:
        """The answers met so far, in the order of their codes."""
        return [value for value in self._place if value is not None]

    def codes(self, values: Sequence[str | None]) -> Codes:
        """Give the codes of written labels, those that were not met before included."""
        for value in values:
            if value is not None and value not in self._place:
                self._place[value] = len(self._place)
        return np.fromiter(map(self._place.get, values, repeat(-1)), dtype=np.int64, count=len(values))

    def score(self, truth: Codes, answers: Codes, weights: Reals | None = None) -> Any:
        """Score codes; see `Scoring.score`."""
        if self.metric not in self.metrics:
            return _given(self.metric, self.kind, (truth, answers), (*self.met, None), weights)
        counted = np.ones((1, len(truth))) if weights is None else np.atleast_2d(weights).astype(np.float64)
        if self.is_share:
            sums = np.stack([counted @ (truth == answers), counted.sum(axis=1)], axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                values = sums[:, 0] / sums[:, 1]
        else:
            values = self.of_sums(counted @ self.tally(truth, answers))
            values = np.where(counted.sum(axis=1) > 0, values, np.nan)
        return float(values[0]) if weights is None or weights.ndim == 1 else values

    def with_metric(self, metric: str) -> TalliedScoring:
        """Give the same codes, scored on another metric."""
        self._check(metric)
        other = copy.copy(self)
        other.metric = metric
        return other

    def _check(self, metric: str) -> None:
        if metric not in self.metrics and metric not in given_metrics(self.kind):
            raise OptionError(
                f"The metric must be one of {', '.join(self.metrics)}; {metric!r} came.",
                next_step="Choose one with --metric.",
            )

    @abstractmethod
    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give what each row adds to the sums, shape (rows, sums)."""

    @abstractmethod
    def of_sums(self, sums: Reals) -> Reals:
        """Give the metric of sums over rows: shape (resamples, sums) to (resamples,)."""


def _given(
    metric: str, kind: str, codes: tuple[Codes, Codes], named: Sequence[str | None], weights: Reals | None
) -> Any:
    """Score codes on a metric of another package; the last name is that of the code -1."""
    truth, answers = ([named[code] for code in column.tolist()] for column in codes)
    counted = np.ones((1, len(truth))) if weights is None else np.atleast_2d(weights).astype(np.float64)
    values = score_given(metric, kind, ([str(one) for one in truth], answers), counted)
    return float(values[0]) if weights is None or weights.ndim == 1 else values
