"""The bootstrap over rows and seeds that every interval rests on.

Rows are resampled, the same draw for all seeds and contenders. Resampling S seeds with replacement would add a part
whose variance is known without drawing: (S - 1)/S of the unbiased one, a third too little for three seeds. So that part
is computed, with S - 1 in the divisor, and Student's t allows for knowing it from few seeds (Satterthwaite 1946).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.design import Design
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.fits import fit_deviations, rows_of_fits, spread_of_deviations
from bakeoff.decision.panel import MASKED, Cell, Codes, Panel, Rows, pair_codes
from bakeoff.tasks import Scoring

__all__ = [
    "RESAMPLES_OF_FITS",
    "bootstrap_means",
    "bootstrap_scores",
    "estimate_difference",
    "estimate_score",
    "rounds_of",
    "summarise",
    "summarise_folds",
]

#: Most resamples, and most weights, that are drawn at a time; bounds the memory whatever the number of rows.
_STEP = 5_000
_CHUNK = 4_000_000

#: Resamples from which the rows' part of the variance between fits is known well enough: it is a mean over many fits.
RESAMPLES_OF_FITS = 500


@lru_cache(maxsize=16)
def _row_weights(rows: int, size: int, seed: int, part: int) -> NDArray[np.uint8]:
    """Say how often each row was drawn; kept for the next comparison, which needs the same draws (64 MB at most)."""
    rng = np.random.default_rng([seed, part])
    drawn = rng.integers(0, rows, size=(size, rows)) + rows * np.arange(size)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.uint8)
    weights.setflags(write=False)
    return weights


def bootstrap_means(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Average figures of rows over resampled rows.

    Parameters
    ----------
    values : ndarray of float64, shape (sets, rows)
        NaN for a row that does not count.
    resamples : int
    seed : int
        As for `bootstrap_scores`, with the same draws.

    Returns
    -------
    ndarray of float64, shape (resamples, sets)
    """
    rows = values.shape[1]
    step = max(1, min(_STEP, _CHUNK // max(rows, 1)))
    counts = ~np.isnan(values)
    whole, filled = bool(counts.all()), np.where(counts, values, 0.0)
    parts = []
    for start in range(0, resamples, step):
        weights = _row_weights(rows, step, seed, start // step)[: resamples - start].astype(np.float64)
        counted = rows if whole else np.maximum(weights @ counts.T.astype(np.float64), 1.0)
        parts.append(weights @ filled.T / counted)
    return np.concatenate(parts)


def bootstrap_scores(scoring: Scoring, truth: Codes, answers: Codes, resamples: int, seed: int) -> NDArray[np.float64]:
    """Score several sets of answers on resampled rows.

    Parameters
    ----------
    scoring : Scoring
    truth : ndarray of int64, shape (rows,)
    answers : ndarray of int64, shape (sets, rows)
        A set's masked rows do not count in its scores.
    resamples : int
    seed : int
        Same seed and rows, same draws: scores of different sets are paired.

    Returns
    -------
    ndarray of float64, shape (resamples, sets)
    """
    rows = len(truth)
    step = max(1, min(_STEP, _CHUNK // max(rows, 1)))
    right = (answers == truth).T.astype(np.float32)
    present = (answers != MASKED).T.astype(np.float32)
    whole = bool(present.all())
    parts = []
    for start in range(0, resamples, step):
        weights = _row_weights(rows, step, seed, start // step)[: resamples - start]
        if scoring.is_share:
            # One product for all sets: what scoring gives, without a pass per set. Counts are exact in float32.
            drawn = weights.astype(np.float32)
            counted = rows if whole else (drawn @ present).astype(np.float64)
            with np.errstate(invalid="ignore", divide="ignore"):
                parts.append((drawn @ right).astype(np.float64) / counted)
        else:
            exact = weights.astype(np.float64)
            scored = [
                scoring.score(truth, one, exact if whole else exact * present[:, place])
                for place, one in enumerate(answers)
            ]
            parts.append(np.stack([np.asarray(one) for one in scored], axis=1))
    return _without_empty_draws(np.concatenate(parts))


def _without_empty_draws(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put a set's mean score in place of draws that hold none of its rows, which happens in folds of a few rows."""
    empty = np.isnan(scores)
    return np.where(empty, np.nanmean(scores, axis=0), scores) if empty.any() and not empty.all() else scores


def summarise(points: NDArray[np.float64], draws: NDArray[np.float64], rows: int) -> Estimate:
    """Turn values per seed, and their row resamples, into an estimate of the mean.

    Let x be the S values and x* their resamples. The variance of the mean is V = R + max(B - I, 0), with

    - R the variance of the mean over seeds of x*;
    - B = var(x)/S, with S - 1 in the divisor of var;
    - I the part of B that the rows cause (seeds meet the same rows, and differ in which they get right), which R holds
      already: the mean over seeds of var(x* - its mean over seeds), divided by S - 1.

    Degrees of freedom: V^2 / ((k B)^2/(S - 1) + R^2/(rows - 1)), at least S - 1, with k = 1 + 0.4/(S - 1).

    R is at least 1/rows^2: two contenders that differ in no row of a small test are not known to be equal.

    Where rows are cross-fitted, `summarise_folds` knows more.

    Parameters
    ----------
    points : ndarray, shape (seeds,)
    draws : ndarray, shape (resamples, seeds)
    rows : int
        Rows that any seed answers.

    Returns
    -------
    Estimate
    """
    seeds, between, inside = len(points), 0.0, 0.0
    if seeds > 1:
        between = float(points.var(ddof=1)) / seeds
        inside = float((draws - draws.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean()) / (seeds - 1)
    return _estimate(points, draws, Design(rows, seeds), between, inside)


def _estimate(
    points: NDArray[np.float64], draws: NDArray[np.float64], design: Design, between: float, inside: float
) -> Estimate:
    from_rows = max(float(draws.mean(axis=1).var(ddof=1)), 1.0 / design.rows**2)
    from_seeds = float(design.seeds_part(between, inside))
    df = float(design.degrees_of_freedom(from_rows, between, inside))
    return Estimate(float(points.mean()), from_rows, from_seeds, df, design.seeds, design.rows)


def summarise_folds(
    points: NDArray[np.float64],
    draws: NDArray[np.float64],
    rows: int,
    *,
    of_fits: tuple[float, float],
    folds: int,
    overlap: float,
) -> Estimate:
    """Turn values per round of a cross-fitted study, and their row resamples, into an estimate of the mean.

    A round has one value but several fits, which tell more of the spread than three rounds could. Let B be the variance
    of the mean that fits of such a spread give, the rows' part I included. The variance of the mean is
    V = R + w max(B - 0.75 I, 0), w = 1 + rounds x overlap, with V^2 / ((w B)^2/f + R^2/(rows - 1)) degrees of freedom,
    at least f = (rounds - 1) x folds; see `bakeoff.decision.design.Design`.

    Parameters
    ----------
    points : ndarray, shape (rounds,)
        Of at least two rounds.
    draws : ndarray, shape (resamples, rounds)
    rows : int
    of_fits : tuple of (float, float)
        B and I.
    folds : int
        Of a round.
    overlap : float
        Folds of a round times the test rows of a fold for each of its training rows.

    Returns
    -------
    Estimate
    """
    return _estimate(points, draws, Design(rows, len(points), folds, overlap), *of_fits)


def _spread_of_fits(panel: Panel, rounds: Sequence[int], a: Codes, b: Codes | None) -> tuple[float, float]:
    truth, count = panel.truth["test"], len(rounds)
    tested, own = rows_of_fits(panel, rounds)

    def deviations(codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        masked = np.where(tested[:, None, :], codes[None, :, :], MASKED).reshape(-1, len(truth))
        drawn = bootstrap_scores(panel.scoring, truth, masked, RESAMPLES_OF_FITS, panel.evidence.seed)
        seen = panel.points(truth, masked)
        return fit_deviations(seen.reshape(-1, count), own), fit_deviations(drawn.reshape(len(drawn), -1, count), own)

    seen, drawn = deviations(a)
    if b is not None:
        seen_b, drawn_b = deviations(b)
        seen, drawn = seen - seen_b, drawn - drawn_b
    return spread_of_deviations(seen, drawn, count, panel.evidence.round_folds)


def _unknown(seeds: int) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, math.nan, seeds, 0)


def estimate_difference(panel: Panel, a: Cell, b: Cell, *, rows: Rows = "test", resamples: int = 5_000) -> Estimate:
    """Estimate the mean score of a minus that of b, paired by seed and row.

    Parameters
    ----------
    panel : Panel
    a, b : Cell
    rows : {"test", "validation"}
    resamples : int

    Returns
    -------
    Estimate
        Of NaN without rows.
    """
    truth = panel.truth[rows]
    codes_a, codes_b = pair_codes(a, b, rows)
    seeds = len(codes_a)
    if not len(truth) or not seeds:
        return _unknown(seeds)
    both = np.concatenate([codes_a, codes_b])
    # Repeated answers are scored once.
    distinct, position = _distinct(both)
    drawn = bootstrap_scores(panel.scoring, truth, distinct, resamples, panel.evidence.seed)[:, position]
    points = panel.points(truth, distinct)[position]
    gaps = points[:seeds] - points[seeds:], drawn[:, :seeds] - drawn[:, seeds:]
    rounds = rounds_of(panel, rows, a, b, seeds)
    return _summarised(panel, gaps, rounds, codes_a, codes_b)


def rounds_of(panel: Panel, rows: Rows, a: Cell, b: Cell, seeds: int) -> tuple[int, ...]:
    """Give the rounds whose folds two contenders' paired answers to test rows come from; none without folds."""
    if not panel.evidence.folds or rows != "test":
        return ()
    common = tuple(sorted(set(a.seeds) & set(b.seeds)))
    known = (seeds_of for seeds_of in (common, a.seeds, b.seeds) if len(seeds_of) == seeds)
    return next(known, ()) if seeds > 1 else ()


def _summarised(
    panel: Panel,
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    rounds: Sequence[int],
    a: Codes,
    b: Codes | None,
) -> Estimate:
    if not rounds:
        return summarise(*values, _answered(a))
    return summarise_folds(
        *values,
        _answered(a),
        of_fits=_spread_of_fits(panel, rounds, a, b),
        folds=panel.evidence.round_folds,
        overlap=panel.evidence.fold_overlap,
    )


def _distinct(codes: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Give the rows of an array that differ, and which of them each row is."""
    seen: dict[bytes, int] = {}
    position = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in codes], dtype=np.int64)
    first = np.unique(position, return_index=True)[1]
    return codes[first], position


def _answered(codes: Codes) -> int:
    """Count the rows that any seed answers."""
    return int((codes != MASKED).any(axis=0).sum())


def estimate_score(
    panel: Panel, cell: Cell, *, rows: Rows = "test", resamples: int = 1_000, metric: str | None = None
) -> Estimate:
    """Estimate a contender's mean score.

    Parameters
    ----------
    panel : Panel
    cell : Cell
    rows : {"test", "validation"}
    resamples : int
    metric : str, optional
        The task's where not given.

    Returns
    -------
    Estimate
        Of NaN without rows.
    """
    truth = panel.truth[rows]
    codes = cell.codes(rows)
    if not len(truth):
        return _unknown(len(codes))
    scoring = panel.scoring if metric is None else panel.scoring.with_metric(metric)
    drawn = bootstrap_scores(scoring, truth, codes, resamples, panel.evidence.seed)
    points = panel.points(truth, codes, metric)
    # One model that answers all folds has no training rows that could overlap.
    rounds = rounds_of(panel, rows, cell, cell, len(codes)) if cell.contender.seeded else ()
    return _summarised(panel, (points, drawn), rounds, codes, None)
