"""A mean learning curve beyond its last measured n: at most twofold, and always with a band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FURTHEST", "LEVEL", "Curve", "Gap", "Point", "extrapolate", "flat_curve"]

#: Curves are never extended further than to this multiple of the largest measured n.
FURTHEST = 2.0

#: Level of the band, and the normal quantile that goes with it.
LEVEL = 0.90
_QUANTILE = 1.6449

#: Factor by which bands are widened, and times that a line's whole gain counts as doubtful, so that on published curves
#: they cover what they say.
_WIDENED, _DOUBTED_GAIN = 1.1, 2.4

#: Fewest sizes, and seeds at each, from which a power law is fitted; fewest of each for a straight line.
_SIZES, _SEEDS = 4, 3
_LINE_SIZES, _LINE_SEEDS = 2, 2

#: Exponents that are tried; the rest of the fit is linear.
_EXPONENTS = np.geomspace(0.02, 2.0, 60)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve.

    Parameters
    ----------
    n : float
        Labelled rows, above 0.
    mean : float
        Mean score over seeds.
    deviation : float
        Standard deviation over seeds, with seeds - 1 in the divisor; 0 for one seed.
    seeds : int
    """

    n: float
    mean: float
    deviation: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A mean curve from its last measured n on.

    Parameters
    ----------
    kind : {"power-law", "line", "flat"}
    n : float
        The last measured n.
    last : float
        Mean score there, from which the curve goes on.
    rate, exponent : float
        A power law gains ``rate * (n ** -exponent - m ** -exponent)`` up to m rows, a line ``rate * log(m / n)``.
    noise : float
        Standard error that the band starts from.
    """

    kind: Literal["power-law", "line", "flat"]
    n: float
    last: float
    rate: float
    exponent: float
    noise: float

    def _gain(self, rows: float) -> float:
        if self.kind == "power-law":
            return self.rate * (math.pow(self.n, -self.exponent) - math.pow(rows, -self.exponent))
        return self.rate * math.log(rows / self.n) if self.kind == "line" else 0.0

    def at(self, rows: float) -> float:
        """Give the mean score at so many labelled rows, from the last n to twice as many; at least 0 or the last."""
        return min(max(self.last + self._gain(rows), min(self.last, 0.0)), 1.0)

    def half_width(self, rows: float) -> float:
        """Give half the width of the 90% band there."""
        if self.kind == "flat":
            return _QUANTILE * self.noise
        doubted = _DOUBTED_GAIN * self._gain(rows) if self.kind == "line" else 0.0
        return _QUANTILE * math.hypot(_WIDENED * self.noise, doubted)


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap between the finalists' extended curves, fine-tuning minus prompting.

    Parameters
    ----------
    finetune, prompt : Curve
        From one n on.
    now : float
        The gap measured there.
    rows_variance : float
        Variance of the gap that comes from the choice of test rows.
    """

    finetune: Curve
    prompt: Curve
    now: float
    rows_variance: float

    @property
    def n(self) -> float:
        """The last measured n."""
        return self.finetune.n

    def at(self, rows: float) -> float:
        """Give the gap at so many labelled rows."""
        moved = self.finetune.at(rows) - self.finetune.last - self.prompt.at(rows) + self.prompt.last
        return self.now + moved

    def half_width(self, rows: float, *, test_rows: bool = True) -> float:
        """Give half the width of the 90% band there, with or without what other test rows would change."""
        curves = math.hypot(self.finetune.half_width(rows), self.prompt.half_width(rows))
        return math.hypot(curves, _QUANTILE * math.sqrt(self.rows_variance)) if test_rows else curves

    def sizes(self, steps: int = 64) -> NDArray[np.float64]:
        """Give the n up to `FURTHEST` times the last, evenly spaced in log n; shape (steps + 1,)."""
        return np.asarray(self.n * np.geomspace(1.0, FURTHEST, steps + 1))

    def crossing(self, side: float = 0.0) -> float | None:
        """Say from which n on the gap closes: its middle, or the band's edge that lies `side` half widths above it.

        Returns
        -------
        float or None
            Interpolated in n; the last measured n where it is closed there; None where it stays open up to `FURTHEST`.
        """
        sizes = self.sizes()
        gaps = [self.at(size) + side * self.half_width(size) for size in sizes]
        place = next((i for i, gap in enumerate(gaps) if gap >= 0), None)
        if place is None or place == 0:
            return None if place is None else self.n
        share = gaps[place - 1] / (gaps[place - 1] - gaps[place])
        return float(sizes[place - 1] + share * (sizes[place] - sizes[place - 1]))


def _fit_power_law(n: NDArray[np.float64], means: NDArray[np.float64]) -> tuple[float, float, NDArray[np.float64]]:
    """Fit ``a - b * n ** -c`` by least squares weighted with n; a at most 1, b not negative, c from a grid.

    Returns
    -------
    b, c : float
    residuals : ndarray
    """
    weights = n / n.sum()
    best: tuple[float, float, float, NDArray[np.float64]] | None = None
    for exponent in _EXPONENTS:
        x = n**-exponent
        mean_x, mean_y = float(weights @ x), float(weights @ means)
        rate = max(-float(weights @ ((x - mean_x) * (means - mean_y))) / float(weights @ (x - mean_x) ** 2), 0.0)
        top = mean_y + rate * mean_x
        if top > 1:
            top, rate = 1.0, max(float(weights @ (x * (1 - means))) / float(weights @ x**2), 0.0)
        residuals = means - (top - rate * x)
        loss = float(weights @ residuals**2)
        if best is None or loss < best[0]:
            best = loss, rate, float(exponent), residuals
    assert best is not None
    return best[1], best[2], best[3]


def _mean_noise(points: Sequence[Point]) -> float:
    """Give the standard error of the last mean, by its own seeds or by those of all sizes, whichever is larger."""
    last = points[-1]
    freedom = sum(point.seeds - 1 for point in points)
    pooled = math.sqrt(sum(point.deviation**2 * (point.seeds - 1) for point in points) / freedom) if freedom else 0.0
    return max(last.deviation, pooled) / math.sqrt(last.seeds)


def flat_curve(point: Point) -> Curve:
    """Give the curve of a contender that uses no labels: as it was measured, whatever n."""
    return Curve("flat", max(point.n, 1.0), point.mean, 0.0, 0.0, point.deviation / math.sqrt(point.seeds))


def extrapolate(points: Sequence[Point]) -> Curve | None:
    """Extend a mean learning curve.

    With at least three seeds at each of at least four sizes: an inverse power law, fitted with weights that rise with n
    (Figueroa et al. 2012), whose gain is added to the last measured mean. Its band starts from the noise of two means
    (the last one and the next) and the residuals of the fit; it is widened by 1.1, which covered 91 to 95% of published
    doublings. Else a straight line in log n through the last two sizes, with at least two seeds: its band holds 2.4
    times the gain itself, which covered 92 to 95%.

    Parameters
    ----------
    points : sequence of Point
        Rising in n.

    Returns
    -------
    Curve or None
        Good up to `FURTHEST` times the last n; None where too little was measured.
    """
    given = [point for point in points if point.n > 0 and point.seeds >= 1 and math.isfinite(point.mean)]
    known = [point for point in given if point.seeds >= _SEEDS]
    if len(known) >= _SIZES and known[-1] is given[-1]:
        n, means = (np.array([getattr(point, name) for point in known]) for name in ("n", "mean"))
        rate, exponent, residuals = _fit_power_law(n, means)
        # Three figures are fitted.
        spread = float((n / n.sum()) @ residuals**2) * len(known) / (len(known) - 3)
        noise = math.sqrt(2 * _mean_noise(known) ** 2 + spread)
        return Curve("power-law", float(n[-1]), float(means[-1]), rate, exponent, noise)
    if len(given) < _LINE_SIZES or any(point.seeds < _LINE_SEEDS for point in given[-2:]):
        return None
    before, last = given[-2:]
    slope = (last.mean - before.mean) / math.log(last.n / before.n)
    return Curve("line", last.n, last.mean, slope, 0.0, math.sqrt(2) * _mean_noise(given[-2:]))
