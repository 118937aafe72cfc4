"""An estimated mean over seeds and rows, with the two parts of its variance kept apart."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean score, or a mean difference of scores, of what a refit would do.

    Parameters
    ----------
    mean : float
    rows_variance : float
        Variance of the mean that comes from the choice of rows.
    seeds_variance : float
        Variance of the mean that comes from the seeds (sample, order, initialisation), that of the rows left out.
    df : float
        Degrees of freedom of the sum of both (Satterthwaite).
    seeds, rows : int
        How many of each stand behind it.
    """

    mean: float
    rows_variance: float
    seeds_variance: float
    df: float
    seeds: int
    rows: int

    @property
    def se(self) -> float:
        """Standard error of the mean."""
        return math.sqrt(self.rows_variance + self.seeds_variance)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Give the two-sided interval of Student's t.

        Parameters
        ----------
        level : float
            In (0, 1).

        Returns
        -------
        low, high : float
            Not cut to the metric's range.
        """
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, 0.5 + level / 2)) * self.se
        return self.mean - half, self.mean + half

    def p_value(self, null: float = 0.0) -> float:
        """Give the two-sided p-value of the mean being `null`; below .05 just where the 95% interval leaves it out."""
        from scipy.special import stdtr

        if math.isnan(self.mean):
            return math.nan
        if self.se == 0:
            return 1.0 if self.mean == null else 0.0
        return float(2 * stdtr(self.df, -abs(self.mean - null) / self.se))

    def equal_within(self, margin: float) -> bool:
        """Say whether equality is shown: two one-sided tests at 5% each (TOST).

        Parameters
        ----------
        margin : float
            Largest difference that counts as equal, on the metric's scale.

        Returns
        -------
        bool
            Whether the 90% interval lies inside the margin on both sides.
        """
        low, high = self.interval(0.90)
        return -margin < low and high < margin

    def moved(self, by: float) -> Estimate:
        """Give the same estimate with another mean."""
        return replace(self, mean=self.mean + by)

    def scaled(self, by: float) -> Estimate:
        """Give the same estimate in another unit: `by` of the new one for one of the old."""
        return replace(
            self,
            mean=by * self.mean,
            rows_variance=by**2 * self.rows_variance,
            seeds_variance=by**2 * self.seeds_variance,
        )

    def reversed(self) -> Estimate:
        """Give the estimate of the opposite difference."""
        return replace(self, mean=-self.mean)
