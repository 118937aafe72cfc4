"""What would settle an open difference: more test rows, more seeds, or more labelled rows to learn from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.decision.estimate import Estimate
from bakeoff.decision.extrapolation import Gap
from bakeoff.decision.panel import Cell, Panel, pair_codes
from bakeoff.decision.resampling import bootstrap_scores

__all__ = ["MOST_ROWS", "MOST_SEEDS", "Spread", "labels_to_settle", "rows_to_settle", "spread_of"]

#: More test rows, and more seeds, than these are not called a remedy.
MOST_ROWS, MOST_SEEDS = 100_000, 30

#: Step by which numbers of rows are tried: some percent are as near as such a forecast comes.
_STEP = 1.02

#: Points of the distribution of the variance between seeds, evenly spaced in probability.
_POINTS = 100


@dataclass(frozen=True, slots=True)
class Spread:
    """A difference as it was seen, and the parts of its variance, from which other studies' are forecast.

    Parameters
    ----------
    mean : float
        The difference.
    of_rows, of_seeds : float
        Variance of the mean that comes from the rows, and from the seeds (an `Estimate`'s two parts).
    apart : float
        The part of `of_rows` that differs from seed to seed: I of `bakeoff.decision.resampling.summarise`.
    seeds, rows : int
    overlap : float
        Where rows are cross-fitted, how far the training rows of the folds overlap (`summarise`); else 0.
    """

    mean: float
    of_rows: float
    of_seeds: float
    apart: float
    seeds: int
    rows: int
    overlap: float = 0.0

    def resized(self, *, rows: int | None = None, seeds: int | None = None) -> Spread:
        """Give what it would be with other numbers of test rows and seeds, the difference being what it is.

        The rows' part falls as 1/rows, the seeds' part and what differs from seed to seed as 1/seeds; of cross-fitted
        rounds the seeds' part falls as 1/seeds + overlap.
        """
        by_rows, by_seeds = self.rows / (rows or self.rows), self.seeds / (seeds or self.seeds)
        apart = self.apart * by_rows * by_seeds
        of_rows = (self.of_rows - self.apart) * by_rows + apart
        wanted = seeds or self.seeds
        of_seeds = self.of_seeds * (1 / wanted + self.overlap) / (1 / self.seeds + self.overlap)
        return replace(self, of_rows=of_rows, of_seeds=of_seeds, apart=apart, seeds=wanted, rows=rows or self.rows)

    def power(self, margin: float, alpha: float = 0.05) -> float:
        """Give the probability that the declared test settles the difference, if it is what was seen.

        Settled is: it is significant, or equality inside the margin is shown. The variance between S seeds comes out as
        a chi-squared of S - 1 degrees of freedom says, and the test's own arithmetic is done for each of its values: so
        it is known that three seeds tell little of their own spread.

        Parameters
        ----------
        margin : float
            Difference that counts as equal.
        alpha : float
            Two-sided level of the test for a difference; equality is tested twice at 5%.

        Returns
        -------
        float
            In [0, 1]: the larger of the two probabilities.
        """
        from scipy.special import gammaincinv, ndtr, stdtrit

        widened = 1 + self.seeds * self.overlap
        if self.seeds > 1:
            half, shares = (self.seeds - 1) / 2, (np.arange(_POINTS) + 0.5) / _POINTS
            between = (self.of_seeds / widened + self.apart) * gammaincinv(half, shares) / half
            doubt = (widened * between) ** 2 / (self.seeds - 1)
        else:
            between, doubt = np.zeros(1), np.zeros(1)
        variance = self.of_rows + widened * np.maximum(between - self.apart, 0.0)
        df = np.maximum(variance**2 / (doubt + self.of_rows**2 / max(self.rows - 1, 1)), 1.0)
        error, truly = np.sqrt(variance), math.sqrt(self.of_rows + self.of_seeds)
        lead = abs(self.mean)
        shown = ndtr((lead - stdtrit(df, 1 - alpha / 2) * error) / truly)
        room = margin - stdtrit(df, 0.95) * error
        equal = np.where(room > 0, ndtr((room - lead) / truly) - ndtr((-room - lead) / truly), 0.0)
        return max(float(shown.mean()), float(equal.mean()))


def spread_of(panel: Panel, a: Cell, b: Cell, estimate: Estimate, *, resamples: int = 1_000) -> Spread:
    """Take the parts of an estimated difference of a and b, with what of the rows' part differs from seed to seed."""
    codes_a, codes_b = pair_codes(a, b)
    seeds, apart = len(codes_a), 0.0
    if seeds > 1:
        both = np.concatenate([codes_a, codes_b])
        labels = len(panel.labels)
        drawn = bootstrap_scores(panel.metric, panel.truth["test"], both, labels, resamples, panel.evidence.seed)
        gap = drawn[:, :seeds] - drawn[:, seeds:]
        apart = float((gap - gap.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean()) / (seeds - 1)
    return Spread(
        mean=estimate.mean,
        of_rows=estimate.rows_variance,
        of_seeds=estimate.seeds_variance,
        apart=min(apart, estimate.rows_variance),
        seeds=estimate.seeds,
        rows=estimate.rows,
        overlap=panel.evidence.fold_overlap,
    )


def rows_to_settle(
    spread: Spread, margin: float, *, alpha: float = 0.05, power: float = 0.8
) -> tuple[int | None, int | None]:
    """Say about how many test rows, and about how many seeds, would settle an open difference, each alone.

    Parameters
    ----------
    spread : Spread
        Of the difference.
    margin : float
        Difference that counts as equal.
    alpha, power : float

    Returns
    -------
    rows : int or None
        Test rows in all, to 2%, with the seeds as they are; None where `MOST_ROWS` would not do.
    seeds : int or None
        Seeds in all, with the rows as they are; None where `MOST_SEEDS` would not do.
    """
    if math.isnan(spread.mean) or spread.rows < 1:
        return None, None

    def first(changed: Iterable[Spread]) -> Spread | None:
        return next((one for one in changed if one.power(margin, alpha) >= power), None)

    steps = max(math.floor(math.log(MOST_ROWS / spread.rows, _STEP)), 0)
    by_rows = None
    if spread.resized(rows=MOST_ROWS).power(margin, alpha) >= power:
        by_rows = first(spread.resized(rows=math.ceil(spread.rows * _STEP**step)) for step in range(1, steps + 1))
    by_seeds = None
    if spread.seeds > 1:
        by_seeds = first(spread.resized(seeds=number) for number in range(spread.seeds + 1, MOST_SEEDS + 1))
    return by_rows.rows if by_rows else None, by_seeds.seeds if by_seeds else None


def labels_to_settle(
    spread: Spread, gap: Gap, margin: float, *, alpha: float = 0.05, power: float = 0.8, side: float = 0.0
) -> int | None:
    """Say about how many further labelled rows would settle an open difference, with the test rows and seeds there are.

    Parameters
    ----------
    spread : Spread
        Of the difference now; its parts are taken to stay as they are.
    gap : Gap
        The extended curves' gap from the present n on.
    margin, alpha, power : float
    side : float
        Where in the curves' band the gap is taken to go: 0 its middle, 1 its upper edge, -1 its lower edge.

    Returns
    -------
    int or None
        Rows beyond the present n; None where twice as many in all would not do.
    """
    for size in np.asarray(gap.sizes())[1:]:
        moved = gap.at(float(size)) - gap.now + side * gap.half_width(float(size), test_rows=False)
        if replace(spread, mean=spread.mean + moved).power(margin, alpha) >= power:
            return math.ceil(float(size) - gap.n)
    return None
