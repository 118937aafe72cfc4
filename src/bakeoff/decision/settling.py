"""What would settle an open difference: more test rows, more seeds, or more labelled rows to learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bakeoff.decision.design import Design
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.extrapolation import Gap
from bakeoff.decision.panel import Cell, Panel, pair_codes
from bakeoff.decision.resampling import bootstrap_scores

__all__ = [
    "MOST_ROWS",
    "MOST_SEEDS",
    "Prices",
    "Remedy",
    "Spread",
    "cheapest",
    "labels_to_settle",
    "remedies",
    "rows_to_settle",
    "spread_of",
]

#: More test rows, and more seeds, than these are not called a remedy.
MOST_ROWS, MOST_SEEDS = 100_000, 30

#: Seeds in all that are tried above those there are; beyond ten, some more or less change little.
_TRIED_SEEDS = (*range(4, 11), 12, 15, 20, 25, MOST_SEEDS)

#: Wanted probability of a settled difference.
_POWER = 0.8

#: How near a number of test rows is searched for; sizes tried between n and twice n, 3% apart.
_NEAR, _SIZES = 1.01, 24

#: Points of the distribution of the variance between seeds, evenly spaced in probability.
_POINTS = 60


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
        Where rows are cross-fitted, how far the training rows of the folds overlap (`summarise_folds`); else 0.
    folds : int
        Of a round; 0 where rows are not cross-fitted.
    """

    mean: float
    of_rows: float
    of_seeds: float
    apart: float
    seeds: int
    rows: int
    overlap: float = 0.0
    folds: int = 0

    @classmethod
    def of(cls, panel: Panel, estimate: Estimate, apart: float) -> Spread:
        """Take an estimate's parts, and what of the rows' part differs from seed to seed."""
        evidence = panel.evidence
        return cls(
            mean=estimate.mean,
            of_rows=estimate.rows_variance,
            of_seeds=estimate.seeds_variance,
            apart=min(apart, estimate.rows_variance),
            seeds=estimate.seeds,
            rows=estimate.rows,
            overlap=evidence.fold_overlap,
            folds=evidence.round_folds,
        )

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
        a chi-squared of S - 1 degrees of freedom says (that between fits in folds, of S - 1 a fold), and the test's own
        arithmetic is done for each of its values: so it is known that three seeds tell little of their own spread.

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
        from scipy.special import ndtr, stdtrit

        design = Design(self.rows, self.seeds, self.folds if self.seeds > 1 else 0, self.overlap)
        inside = design.inside(self.apart * self.seeds)
        between = design.between_at(self.of_seeds, inside, _POINTS)
        variance = self.of_rows + design.seeds_part(between, inside)
        df = design.degrees_of_freedom(self.of_rows, between, inside)
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
        drawn = bootstrap_scores(panel.scoring, panel.truth["test"], both, resamples, panel.evidence.seed)
        gap = drawn[:, :seeds] - drawn[:, seeds:]
        apart = float((gap - gap.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean()) / (seeds - 1)
    return Spread.of(panel, estimate, apart)


def rows_to_settle(spread: Spread, margin: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Say about how many test rows would settle an open difference, with the seeds there are.

    Parameters
    ----------
    spread : Spread
        Of the difference.
    margin : float
        Difference that counts as equal.
    alpha, power : float

    Returns
    -------
    int or None
        Test rows in all, to 1%; those there are where they do; None where `MOST_ROWS` would not do.
    """

    def does(rows: int) -> bool:
        return spread.resized(rows=rows).power(margin, alpha) >= power

    if math.isnan(spread.mean) or not 1 <= spread.rows <= MOST_ROWS or not does(MOST_ROWS):
        return None
    low, high = spread.rows, MOST_ROWS
    if does(low):
        return low
    while high > low * _NEAR + 1:
        middle = math.ceil(math.sqrt(low * high))
        low, high = (low, middle) if does(middle) else (middle, high)
    return high


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
    for size in gap.sizes(_SIZES)[1:]:
        moved = gap.at(float(size)) - gap.now + side * gap.half_width(float(size), test_rows=False)
        if replace(spread, mean=spread.mean + moved).power(margin, alpha) >= power:
            return math.ceil(float(size) - gap.n)
    return None


@dataclass(frozen=True, slots=True)
class Prices:
    """What remedies cost.

    `label` is the price of one, `seed` that of a further seed of both finalists; `unused` and `idle` labelled rows are
    at hand for nothing, to learn from and to test on.
    """

    label: float
    unused: int
    seed: float
    idle: int = 0


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would settle an open difference: further rows (to learn from, or to test), further seeds, and the price."""

    what: Literal["label-more", "bigger-test", "more-seeds"]
    rows: int
    seeds: int
    cost: float


def remedies(
    spread: Spread, margin: float, prices: Prices, *, gap: Gap | None = None, alpha: float = 0.05
) -> tuple[Remedy, ...]:
    """List what would settle an open difference: seeds alone; and labels, or test rows, each with so many seeds.

    Parameters
    ----------
    spread : Spread
    margin : float
    prices : Prices
    gap : Gap, optional
        The extended curves' gap; without it no labels are asked for.
    alpha : float

    Returns
    -------
    tuple of Remedy
    """
    found: list[Remedy] = []
    more = [seeds for seeds in _TRIED_SEEDS if seeds > spread.seeds > 1]
    for seeds in (spread.seeds, *more):
        one, further = spread.resized(seeds=seeds), seeds - spread.seeds
        fits = prices.seed * further
        if further and one.power(margin, alpha) >= _POWER:
            # With still more seeds, no rows would be asked for any more.
            return (*found, Remedy("more-seeds", 0, further, fits))
        labels = labels_to_settle(one, gap, margin, alpha=alpha) if gap is not None else None
        if labels is not None:
            bought = max(labels - prices.unused, 0)
            found.append(Remedy("label-more", labels, further, fits + bought * prices.label))
        rows = rows_to_settle(one, margin, alpha=alpha)
        if rows is not None:
            tested = max(rows - spread.rows, 1)
            found.append(Remedy("bigger-test", tested, further, fits + max(tested - prices.idle, 0) * prices.label))
    return tuple(found)


def cheapest(found: Sequence[Remedy]) -> Remedy | None:
    """Choose the fewest seeds, and of these the least cost, among all that cost at most a tenth more than the least."""
    if not found:
        return None
    least = min(one.cost for one in found)
    return min((one for one in found if one.cost <= 1.1 * least), key=lambda one: (one.seeds, one.cost))
