"""The arithmetic of the declared test, once: a variance from its parts, its degrees of freedom, what they may come to.

The test itself (`bakeoff.decision.resampling`), its power (`bakeoff.decision.power`) and what would settle an open
difference (`bakeoff.decision.settling`) all ask here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.fits import share_of_rows

__all__ = ["TAKEN_OFF", "Design"]

#: Where B came out small by chance, Satterthwaite's degrees of freedom are far too many: three seeds then call equal
#: procedures different in up to 7.8% of studies. So B counts there for 1 + 0.4/(S - 1) times what it came out as, which
#: keeps that under 6.5%, at little cost where seeds differ little.
_DOUBTED = 0.4

#: How much of what the rows cause is taken off the spread of fits in folds. The difference of two noisy variances is
#: zero too often, and then hides what seeds add.
TAKEN_OFF = 0.75

_Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Design:
    """What of a study's layout the declared test depends on.

    Parameters
    ----------
    rows : int
        Test rows, at least 2.
    seeds : int
        Seeds, or rounds of a cross-fitted study.
    folds : int
        Of a round; 0 where rows are not cross-fitted.
    overlap : float
        Folds of a round times the test rows of a fold for each of its training rows.
    """

    rows: int
    seeds: int
    folds: int = 0
    overlap: float = 0.0

    @property
    def free(self) -> int:
        """Degrees of freedom of the variance between fits; 0 for one seed, which shows none."""
        return (self.seeds - 1) * max(self.folds, 1)

    @property
    def widened(self) -> float:
        """By how much the variance between fits is multiplied, since they learn from overlapping rows.

        Nadeau and Bengio 2003, "Inference for the generalization error", section 3.2, multiply the whole variance; here
        the rows' part is known by itself.
        """
        return 1.0 + self.seeds * self.overlap if self.folds else 1.0

    def inside(self, of_one: float) -> float:
        """Give the part of the variance between fits that rows cause, from what they add to one seed alone."""
        return of_one * (share_of_rows(self.seeds, self.folds) if self.folds else 1 / self.seeds)

    def seeds_part(self, between: float | _Reals, inside: float) -> _Reals:
        """Give the seeds' part of the variance of the mean.

        Parameters
        ----------
        between : float or ndarray
            B: the variance of the mean that the spread of the fits makes, the rows' part included; 0 for one seed.
        inside : float
            I: that part.

        Returns
        -------
        ndarray
            w max(B - I, 0), of fits in folds w max(B - 0.75 I, 0).
        """
        taken_off = (TAKEN_OFF if self.folds else 1.0) * inside
        return np.asarray(self.widened * np.maximum(np.asarray(between) - taken_off, 0.0))

    def degrees_of_freedom(self, rows_part: float, between: float | _Reals, inside: float) -> _Reals:
        """Give the degrees of freedom of the whole variance (Satterthwaite 1946).

        Parameters
        ----------
        rows_part : float
            R: the variance of the mean that comes from the rows.
        between, inside : float
            As for `seeds_part`.

        Returns
        -------
        ndarray
            V^2 / ((k B)^2 / f + R^2 / (rows - 1)), at least f; k is 1 + 0.4 / f, and w of fits in folds.
        """
        total = rows_part + self.seeds_part(between, inside)
        counted = self.widened if self.folds else 1.0 + _DOUBTED / max(self.free, 1)
        doubt = (counted * np.asarray(between)) ** 2 / max(self.free, 1)
        found = total**2 / (doubt + rows_part**2 / max(self.rows - 1, 1))
        return np.asarray(np.maximum(found, max(self.free, 1)))

    def between_at(self, of_seeds: float, inside: float, points: int) -> _Reals:
        """Give what the variance between fits may come out as: values of equal probability.

        It is a chi-squared with as many degrees of freedom as the fits have, so that three seeds tell little of their
        own spread.

        Parameters
        ----------
        of_seeds : float
            True seeds' part of the variance of the mean.
        inside : float
            As for `seeds_part`.
        points : int

        Returns
        -------
        ndarray, shape (points,)
            One 0 for one seed.
        """
        from scipy.special import gammaincinv

        if not self.free:
            return np.zeros(1)
        shares = (np.arange(points) + 0.5) / points
        return np.asarray((of_seeds / self.widened + inside) * gammaincinv(self.free / 2, shares) / (self.free / 2))
