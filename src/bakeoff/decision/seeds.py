"""Seeds whose fit came to nothing: flagged, never averaged away in silence."""

from __future__ import annotations

import math

import numpy as np

from bakeoff.decision.panel import MIN_SEEDS, Cell, Panel
from bakeoff.tasks import score_codes

__all__ = ["collapsed_seeds"]

#: Least distance of the other seeds from a collapsed one, on the metric's scale.
_CLEAR = 0.1


def collapsed_seeds(panel: Panel, cell: Cell) -> tuple[int, ...]:
    """Give the seeds whose fit came to nothing while the others' did not.

    A seed has collapsed if its test score lies in the lowest quarter between that of always giving the commonest label
    and the median of the other seeds, and is below that median by at least 10 points, and by three standard errors of a
    share of so many rows.
    """
    truth = panel.truth["test"]
    scores = panel.scores(cell)
    if len(scores) < MIN_SEEDS or not len(truth):
        return ()
    commonest = np.bincount(truth, minlength=len(panel.labels)).argmax()
    floor = float(score_codes(panel.metric, truth, np.full(len(truth), commonest), len(panel.labels)))
    found = []
    for i, seed in enumerate(cell.seeds):
        others = float(np.median(np.delete(scores, i)))
        clear = max(_CLEAR, 1.5 / math.sqrt(len(truth)))
        if others - scores[i] >= clear and scores[i] <= floor + 0.25 * (others - floor):
            found.append(seed)
    return tuple(found)
