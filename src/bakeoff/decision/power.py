"""What the declared test could show: its power, given the rows, the seeds, and how far seeds differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np

from bakeoff.decision.choice import ALPHA
from bakeoff.decision.comparisons import Declared, Field
from bakeoff.decision.design import Design
from bakeoff.decision.panel import Cell, Panel
from bakeoff.decision.resampling import estimate_score

__all__ = ["PLANNED_SEED_DEVIATION", "detectable_difference", "detectable_in", "power_of_test"]

#: Standard deviation over seeds that is taken for granted before a study: the median of the finalists of six studies
#: was 1.8 points, with 0 and 4 among them.
PLANNED_SEED_DEVIATION = 0.02

#: Share of rows that just one of two contenders answers right, before it is known.
_DISCORDANT = 0.2

#: How much of what rows add to a difference is the same for all seeds. Where seeds differ little, more of it makes the
#: test weaker, where they differ much, less of it: the weaker of these two is what is said.
_PERSISTENT = (0.3, 1.0)

#: Holm's correction meets, as a rule, one or two more comparisons that are not clearer: the same-base pair, and that of
#: the lower finalist with the floor. In simulated studies the finalists' own then had the power that is said.
_CORRECTED = ALPHA / 2.5

#: Points of the distribution of the variance between seeds, evenly spaced in probability.
_POINTS = 400


def power_of_test(
    difference: float, rows_variance: float, seeds_variance: float, inside: float, design: Design, alpha: float = ALPHA
) -> float:
    """Give the probability that the declared test names the better of two procedures.

    The test's own arithmetic, averaged over what the variance between fits may come out as (`Design.between_at`). The
    rows' part is known well, and taken as it is.

    Parameters
    ----------
    difference : float
        True difference, on the metric's scale, at least 0.
    rows_variance, seeds_variance : float
        Parts of the variance of the mean difference over all rows and seeds.
    inside : float
        Part of the variance between fits that the rows cause.
    design : Design
    alpha : float
        Two-sided level.

    Returns
    -------
    float
        In [0, 1].
    """
    from scipy.special import ndtr, stdtrit

    between = design.between_at(seeds_variance, inside, _POINTS)
    seen = rows_variance + design.seeds_part(between, inside)
    df = design.degrees_of_freedom(rows_variance, between, inside)
    needed = stdtrit(df, 1 - alpha / 2) * np.sqrt(seen)
    true = rows_variance + (seeds_variance if design.free else 0.0)
    return float(ndtr((difference - needed) / math.sqrt(true)).mean())


def _inside(rows_variance: float, persistent: float, design: Design) -> float:
    """Give the part of the variance between fits that rows cause, from that of the mean over all seeds.

    `persistent` is the share of what a row adds to a difference that is the same for all seeds, in [0, 1].
    """
    return design.inside(rows_variance * (1 - persistent) / (persistent + (1 - persistent) / design.seeds))


def _smallest(power_of: Callable[[float], float], power: float) -> float:
    """Give the smallest difference with the wanted power, in points; 100 where none has it."""
    from scipy.optimize import brentq

    if power_of(1.0) < power:
        return 100.0
    return 100.0 * float(brentq(lambda size: power_of(size) - power, 1e-6, 1.0, xtol=1e-5))


@lru_cache(maxsize=64)
def detectable_difference(
    rows: int,
    seeds: int,
    *,
    folds: int = 0,
    overlap: float = 0.0,
    seed_deviation: float = PLANNED_SEED_DEVIATION,
    discordant: float = _DISCORDANT,
    alpha: float = _CORRECTED,
    power: float = 0.8,
) -> float:
    """Say, before anything runs, which difference in accuracy a study would show with the wanted power.

    Parameters
    ----------
    rows : int
        Test rows.
    seeds : int
        Seeds of each finalist, or rounds of a cross-fitted study.
    folds : int
        Of a round; 0 where rows are not cross-fitted.
    overlap : float
        Folds of a round times the test rows of a fold for each of its training rows.
    seed_deviation : float
        Standard deviation of either finalist's score over seeds; 0.01 is one point.
    discordant : float
        Share of rows that just one of the two answers right, in (0, 1]; a larger difference needs no less.
    alpha : float
        Level of the test, after the correction for the other declared comparisons.
    power : float
        Wanted probability that the better one is named.

    Returns
    -------
    float
        In points of the metric, (0, 100]. 100.0 where so few rows show nothing.
    """
    if rows < 2 or seeds < 1:
        return 100.0
    design = Design(rows, seeds, folds, overlap)
    # What overlapping training rows have in common does not average out (Nadeau and Bengio 2003).
    common = overlap / (folds + overlap) if folds else 0.0
    of_seeds = 2 * seed_deviation**2 * (common + (1 - common) / (seeds * max(folds, 1)))

    def power_at(persistent: float, size: float) -> float:
        of_one = (max(discordant, size) - size**2) / rows
        of_rows = max(of_one * (persistent + (1 - persistent) / seeds), 1.0 / rows**2)
        return power_of_test(size, of_rows, of_seeds, _inside(of_rows, persistent, design), design, alpha)

    return max(_smallest(partial(power_at, share), power) for share in _PERSISTENT)


def _seeds_variance(panel: Panel, cell: Cell, n: int) -> float:
    """Give the seeds' part of the variance of a finalist's mean, pooled over its arm: three seeds alone tell little."""
    if not cell.contender.seeded:
        return 0.0
    met = [panel.cell(contender.name, n) for contender in panel.arm(cell.contender.arm) if contender.seeded]
    known = [estimate_score(panel, one) for one in met if one is not None and len(one.seeds) > 1]
    return sum(one.seeds_variance for one in known) / len(known) if known else 0.0


def detectable_in(panel: Panel, field: Field, declared: Sequence[Declared], *, power: float = 0.8) -> float:
    """Say, of a study that was run, which difference between its finalists it could show.

    As `detectable_difference`, with the rows' part of the variance and the spread of the seeds as they were seen.

    Parameters
    ----------
    panel : Panel
    field : Field
    declared : sequence of Declared
    power : float

    Returns
    -------
    float
        In points of the metric, (0, 100]. Where an arm is missing, what was said before the run.
    """
    evidence = panel.evidence
    met = next((one for one in declared if one.role == "verdict"), None)
    if met is None and not panel.rows_are_right:
        # What was said before the run is of shares of right rows: the difference from the floor tells more.
        met = next((one for one in declared if one.role == "floor"), None)
    rows = len(panel.truth["test"])
    if met is None or math.isnan(met.estimate.mean) or rows < 2:
        seeds = max((len(cell.seeds) for cell in (field.finetune, field.prompt) if cell is not None), default=1)
        folds = evidence.round_folds if seeds > 1 else 0  # one seed has no spread over folds
        return detectable_difference(rows, seeds, folds=folds, overlap=evidence.fold_overlap)
    of_rows, design = met.estimate.rows_variance, Design(met.estimate.rows, met.estimate.seeds)
    if evidence.folds and design.seeds > 1:
        design = Design(design.rows, design.seeds, evidence.round_folds, evidence.fold_overlap)
    of_seeds = sum(_seeds_variance(panel, cell, met.n) for cell in (met.a, met.b))
    found = []
    for share in _PERSISTENT:
        inside = _inside(of_rows, share, design)
        found.append(_smallest(partial(_power_at, of_rows, of_seeds, inside, design), power))
    return max(found)


def _power_at(of_rows: float, of_seeds: float, inside: float, design: Design, size: float) -> float:
    return power_of_test(size, of_rows, of_seeds, inside, design, _CORRECTED)
