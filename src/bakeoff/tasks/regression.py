"""Regression: a row has a number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bakeoff.tasks.scoring import Codes, Reals, TalliedScoring

__all__ = ["REGRESSION_METRICS", "RegressionScoring"]

REGRESSION_METRICS: Mapping[str, str] = {
    "pearson": "correlation of answers and truth; an abstention counts as the mean of the truth",
    "r2": "share of the truth's variance that the answers explain; an abstention counts as the mean of the truth",
    "negative-MAE": "mean distance of answers from the truth, with its sign turned so that higher is better",
}


class RegressionScoring(TalliedScoring):
    """Numbers, scored by correlation or distance.

    Parameters
    ----------
    metric : str
        One of `REGRESSION_METRICS`.
    """

    metrics = tuple(REGRESSION_METRICS)

    def tally(self, truth: Codes, answers: Codes) -> Reals:
        """Give a row's count, truth, answer, their squares, their product and their distance."""
        numbers = np.array([*map(float, self.met), np.nan])
        true, given = numbers[truth], numbers[answers]
        # Sums of squares far from 0 would lose their last digits; a shift changes none of the metrics.
        middle = float(true.mean()) if len(true) else 0.0
        x = true - middle
        y = np.where(np.isnan(given), 0.0, given - middle)
        return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y)], axis=1)

    def of_sums(self, sums: Reals) -> Reals:
        """Give the metric of sums over rows; a correlation is 0 where all answers are one."""
        count, x, y, xx, yy, xy, distance = sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.metric == "negative-MAE":
                return np.asarray(-distance / count)
            spread = np.maximum(xx - x * x / count, 0.0)
            if self.metric == "r2":
                return np.asarray(np.where(spread > 0, 1.0 - (xx - 2 * xy + yy) / spread, 0.0))
            product = spread * np.maximum(yy - y * y / count, 0.0)
            return np.asarray(np.where(product > 1e-18, (xy - x * y / count) / np.sqrt(product), 0.0))
