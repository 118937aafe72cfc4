"""What to expect of a refit on more rows than its procedure was measured with."""

from __future__ import annotations

import math

__all__ = ["answers_compare", "expected_of_refit"]

#: Times the measured rows up to which a refit may answer as its procedure did: at four, errors may have halved.
_MOST_TIMES = 4


def expected_of_refit(interval: tuple[float, float], n: int, rows: int) -> tuple[float, float]:
    """Give the interval of a procedure's score, opened upwards for what further rows may give.

    Nothing measures a refit that has learned from every labelled row. Its lower end takes no gain from the further
    rows. Its upper end lets what the score lacks of 1 fall with the square root of the rows: errors were seen to fall
    with exponents of 0.07 to 0.35, where much theory has 0.5 (Hestness et al. 2017, "Deep Learning Scaling is
    Predictable, Empirically", section 2). From very few rows they may fall faster.

    Parameters
    ----------
    interval : (float, float)
        Of the procedure's score with n rows; scores are at most 1.
    n, rows : int
        Labelled rows that it was measured with, and those of the refit.

    Returns
    -------
    low, high : float
        The interval as it is where the refit has no more rows, or n is 0.
    """
    low, high = interval
    if not 0 < n < rows:
        return interval
    return low, max(high, 1.0 - (1.0 - high) * math.sqrt(n / rows))


def answers_compare(n: int, rows: int) -> bool:
    """Say whether how often a refit gives each answer may be held against the fits that were measured.

    Fits on few rows lean to one answer: on reviews without a shift, TF-IDF refitted on 1,848 rows gave answers
    that were 19 points from those of fits on 100 of them and 26 from 16; against 200 and 450 no shift was shown.

    Parameters
    ----------
    n, rows : int
        Labelled rows that it was measured with, and those of the refit.

    Returns
    -------
    bool
        True where n is 0 or not known to be fewer.
    """
    return n <= 0 or rows <= _MOST_TIMES * n
