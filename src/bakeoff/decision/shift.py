"""How a score holds on later rows, and on rows of other sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision.panel import MASKED, Cell, Codes, Panel, Rows
from bakeoff.decision.resampling import estimate_score
from bakeoff.decision.spread import group_deviation_beyond_chance

__all__ = ["LEAST_GROUP_ROWS", "Decay", "Shift", "group_shares", "group_spread", "later_lead", "monthly_decay"]

#: A group of fewer test rows says nothing of its own.
LEAST_GROUP_ROWS = 20
#: Two-sided 95% bound of the normal distribution.
_NORMAL = 1.96


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much better fine-tuning holds on later rows than prompting does.

    Parameters
    ----------
    lead : float
        Its lead on the (later) test rows less its lead on the validation rows, as a share of right answers.
    half : float
        Half of the 95% interval, from the rows.
    """

    lead: float
    half: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves 0 out."""
        return abs(self.lead) > self.half


@dataclass(frozen=True, slots=True)
class Decay:
    """The score that a contender loses a month.

    Parameters
    ----------
    per_month : float
        On the metric's scale; negative where later rows are answered better.
    half : float
        Half of the 95% interval, from the rows alone: the same models answer both.
    """

    per_month: float
    half: float


def monthly_decay(panel: Panel, cell: Cell) -> Decay | None:
    """Give validation less test score, over the months between their rows; None where test rows are not later ones.

    Parameters
    ----------
    panel : Panel
    cell : Cell

    Returns
    -------
    Decay or None
    """
    months = panel.evidence.measured.months_to_test
    if math.isnan(months) or months <= 0:
        return None
    before, after = (estimate_score(panel, cell, rows=rows) for rows in ("validation", "test"))
    lost = before.mean - after.mean
    if math.isnan(lost):
        return None
    return Decay(lost / months, _NORMAL * math.sqrt(before.rows_variance + after.rows_variance) / months)


def later_lead(panel: Panel, tuned: Cell, asked: Cell) -> Shift | None:
    """Compare how two contenders hold on later rows; None where test rows are not later, or an answer is missing.

    Parameters
    ----------
    panel : Panel
    tuned, asked : Cell

    Returns
    -------
    Shift or None
        Each lead is paired by row; the two leads rest on different rows, so their variances add.
    """
    if math.isnan(panel.evidence.measured.months_to_test):
        return None
    leads = [_row_leads(panel, tuned, asked, rows) for rows in ("validation", "test")]
    if any(len(lead) < 2 for lead in leads):
        return None
    before, after = leads
    variance = sum(float(lead.var(ddof=1)) / len(lead) for lead in leads)
    return Shift(float(after.mean() - before.mean()), _NORMAL * math.sqrt(variance))


def _row_leads(panel: Panel, tuned: Cell, asked: Cell, rows: Rows) -> NDArray[np.float64]:
    truth = panel.truth[rows]
    if not panel.rows_are_right or any(cell.codes(rows).shape[1] != len(truth) for cell in (tuned, asked)):
        return np.zeros(0)
    return _right(tuned.codes(rows), truth) - _right(asked.codes(rows), truth)


def _right(codes: Codes, truth: Codes) -> NDArray[np.float64]:
    """Give each row's share of right answers over the seeds that answered it."""
    answered = codes != MASKED
    return np.asarray(((codes == truth) & answered).sum(axis=0) / np.maximum(answered.sum(axis=0), 1))


def group_shares(panel: Panel, cell: Cell) -> Mapping[str, tuple[float, int]]:
    """Give a contender's share of right answers in each group of test rows that is large enough, and its rows.

    Parameters
    ----------
    panel : Panel
    cell : Cell

    Returns
    -------
    mapping of str to (float, int)
        Mean over seeds; empty without groups, and where an answer as a whole is not right or wrong.
    """
    groups = np.array(panel.evidence.measured.test_groups)
    if not panel.rows_are_right or len(groups) != len(panel.truth["test"]):
        return {}
    right = _right(cell.test, panel.truth["test"])
    names, counts = np.unique(groups, return_counts=True)
    return {
        str(name): (float(right[groups == name].mean()), int(count))
        for name, count in zip(names, counts, strict=True)
        if count >= LEAST_GROUP_ROWS
    }


def group_spread(shares: Mapping[str, tuple[float, int]]) -> float:
    """Give the deviation over groups beyond chance; NaN with fewer than two groups."""
    values = np.array([share for share, _ in shares.values()])
    return group_deviation_beyond_chance(values, np.array([count for _, count in shares.values()], dtype=np.int64))
