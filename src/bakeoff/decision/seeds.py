"""Seeds whose fit came to nothing: flagged, never averaged away in silence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel

__all__ = ["collapsed", "collapsed_seeds"]

#: Least distance of the other seeds from a collapsed one, on the metric's scale.
_CLEAR = 0.1


def collapsed(scores: Sequence[float], floor: float, rows: int) -> tuple[int, ...]:
    """Give the places of the seeds whose fit came to nothing while the others' did not.

    A seed has collapsed if its score lies in the lowest quarter between that of always giving the commonest label and
    the median of the other seeds, and is below that median by at least 10 points, and by three standard errors of a
    share of so many rows.

    Parameters
    ----------
    scores : sequence of float
        One a seed, on the metric's scale.
    floor : float
        Score of always giving the commonest label.
    rows : int
        Rows that were scored.

    Returns
    -------
    tuple of int
        Places in `scores`; none with fewer seeds than tell their spread.
    """
    if len(scores) < MIN_SEEDS or not rows:
        return ()
    clear = max(_CLEAR, 1.5 / math.sqrt(rows))
    found = []
    for i, score in enumerate(scores):
        others = float(np.median(np.delete(np.asarray(scores), i)))
        if others - score >= clear and score <= floor + 0.25 * (others - floor):
            found.append(i)
    return tuple(found)


def collapsed_seeds(panel: Panel, cell: Cell) -> tuple[int, ...]:
    """Give the seeds of a contender whose fit came to nothing on the test rows while the others' did not."""
    truth = panel.truth["test"]
    scores = panel.scores(cell)
    if len(scores) < MIN_SEEDS or not len(truth) or not cell.contender.seeded:
        return ()
    commonest = np.bincount(truth).argmax()
    floor = float(panel.scoring.score(truth, np.full(len(truth), commonest)))
    return tuple(cell.seeds[i] for i in collapsed(scores.tolist(), floor, len(truth)))
