"""Regression: a row has a number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring

__all__ = ["REGRESSION_METRICS", "RegressionScoring"]

REGRESSION_METRICS: Mapping[str, str] = {
    "pearson": "correlation of answers and truth; an abstention counts as the mean of the truth",
    "r2": "share of the truth's variance that the answers explain; an abstention counts as the mean of the truth",
}


class RegressionScoring(TalliedScoring):
    """Numbers, scored by correlation or by the variance explained.

    Parameters
    ----------
    metric : str
        One of `REGRESSION_METRICS`.
    """

    kind = "regression"
    metrics = tuple(REGRESSION_METRICS)

    def __init__(self, metric: str) -> None:
        super().__init__(metric)
        self._kept: Reals = np.zeros(0)

    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give a row's count, truth, answer, their squares and their product."""
        numbers = self._numbers()
        true, given = numbers[truth], numbers[answers]
        # Far from 0, and far from 1 in size, sums of squares would lose their digits; neither changes a metric.
        middle, scale = (float(true.mean()), float(true.std()) or 1.0) if len(true) else (0.0, 1.0)
        x = (true - middle) / scale
        y = np.where(np.isnan(given), 0.0, (given - middle) / scale)
        return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    def _numbers(self) -> Reals:
        """Give the numbers met so far by their codes, and behind them NaN for an abstention."""
        if len(self._kept) <= len(self._place):
            self._kept = np.array([*map(float, self.met), np.nan])
        return self._kept

    def of_sums(self, sums: Reals) -> Reals:
        """Give the metric of sums over rows; a correlation is 0 where all answers are one."""
        count, x, y, xx, yy, xy = sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.maximum(xx - x * x / count, 0.0)
            if self.metric == "r2":
                return np.asarray(np.where(spread > 0, 1.0 - (xx - 2 * xy + yy) / spread, 0.0))
            of_answers = np.maximum(yy - y * y / count, 0.0)
            # What is left of equal answers is the rounding of their squares.
            differ = (spread > 1e-12 * xx) & (of_answers > 1e-12 * yy)
            return np.asarray(np.where(differ, (xy - x * y / count) / np.sqrt(spread * of_answers), 0.0))
