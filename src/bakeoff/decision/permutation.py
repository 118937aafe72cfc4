"""A paired permutation test for any metric: the answers of two contenders swapped row by row."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.panel import MASKED, Codes
from bakeoff.tasks import Scoring

__all__ = ["permutation_p"]

#: Most swaps that are drawn at a time; bounds the memory whatever the number of rows.
_CHUNK = 4_000_000

#: Differences that are equal but for the order of a sum count as equal.
_SAME = 1e-12


@lru_cache(maxsize=4)
def _swaps(rows: int, size: int, seed: int, part: int) -> NDArray[np.bool_]:
    """Draw which rows are swapped; kept for the next comparison, which may use the same draws."""
    drawn = np.random.default_rng([seed, part, 1]).random((size, rows), dtype=np.float32) < 0.5
    drawn.setflags(write=False)
    return drawn


def _swapped_differences(
    scoring: Scoring, truth: Codes, a: Codes, b: Codes, swaps: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give the mean difference over seeds after each set of swaps; shape (permutations,)."""
    present = (a != MASKED).astype(np.float64)
    if scoring.is_share:
        # A swapped row changes the sign of its part of the difference, and of nothing else.
        right = (a == truth).astype(np.float64) - (b == truth)
        parts = (right / np.maximum(present.sum(axis=1, keepdims=True), 1)).mean(axis=0)
        return np.asarray(parts.sum() - 2 * (swaps.astype(np.float64) @ parts))
    # Each answer is scored where it stands: its own row counts once or not at all, the other's the other way round.
    twice, total = np.tile(truth, 2), np.zeros(len(swaps))
    for first, second, counted in zip(a, b, present, strict=True):
        kept, moved = ~swaps * counted, swaps * counted
        straight, crossed = np.hstack([kept, moved]), np.hstack([moved, kept])
        both = np.concatenate([first, second])
        total += scoring.score(twice, both, straight)
        total -= scoring.score(twice, both, crossed)
    return total / len(a)


def permutation_p(
    scoring: Scoring, truth: Codes, a: Codes, b: Codes, *, permutations: int = 2_000, seed: int = 0
) -> float:
    """Test whether the answers of two contenders could be exchanged row by row.

    In each permutation every row's answers of a and b change places with probability one half, those of all its seeds
    together. Under the hypothesis that the two answer alike, every such exchange is as likely as what was seen.

    Parameters
    ----------
    scoring : Scoring
    truth : ndarray of int64, shape (rows,)
    a, b : ndarray of int64, shape (seeds, rows)
        Codes of the answers, paired by seed and row; -1 is an abstention. Rows that are `MASKED` in both do not count.
    permutations : int
    seed : int

    Returns
    -------
    float
        Two-sided p-value in (0, 1]: (1 + permutations with at least the difference seen) / (1 + permutations); NaN
        without rows. It speaks of the fits that were made, on other rows; what another seed would change is not in it.
    """
    rows = len(truth)
    if not rows or not len(a):
        return math.nan
    seen = abs(float(_swapped_differences(scoring, truth, a, b, np.zeros((1, rows), dtype=np.bool_))[0]))
    step = max(1, min(permutations, _CHUNK // rows))
    reached = 0
    for start in range(0, permutations, step):
        swaps = _swaps(rows, step, seed, start // step)[: permutations - start]
        differences = _swapped_differences(scoring, truth, a, b, swaps)
        reached += int((np.abs(differences) >= seen - _SAME).sum())
    return (1 + reached) / (1 + permutations)
