"""The interval of a share of rows."""

from __future__ import annotations

import math

__all__ = ["wilson_interval"]

#: Two-sided 95% quantile of the normal distribution.
_Z = 1.959964


def wilson_interval(share: float, rows: int) -> tuple[float, float]:
    """Give the 95% interval of a share of rows.

    Parameters
    ----------
    share : float
        That was seen, in [0, 1].
    rows : int

    Returns
    -------
    low, high : float
        By Wilson's score method (Wilson 1927), in [0, 1]; NaN without rows.
    """
    if not rows:
        return math.nan, math.nan
    centre = (share + _Z * _Z / (2 * rows)) / (1 + _Z * _Z / rows)
    half = _Z / (1 + _Z * _Z / rows) * math.sqrt(share * (1 - share) / rows + _Z * _Z / (4 * rows * rows))
    return max(0.0, centre - half), min(1.0, centre + half)
