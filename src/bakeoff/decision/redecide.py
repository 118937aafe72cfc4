"""Whether labelled new rows say that it is time to decide again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bakeoff.decision.share import wilson_interval
from bakeoff.records import AuditedScore, Redecision
from bakeoff.tasks import ONE_LABEL, LabelScoring, Task, scoring_of

__all__ = ["audited_score", "difference_interval", "newcombe_interval", "redecide"]

_DRAWS = 2000
#: So many labels are never asked for: no audit is that large.
_MOST_LABELS = 100_000

Interval = tuple[float, float]


def audited_score(task: Task, truth: Sequence[str], answers: Sequence[str | None], seed: int = 0) -> AuditedScore:
    """Score answers to rows that were drawn uniformly and labelled.

    A share of right answers has Wilson's interval, every other metric the percentiles of 2,000 bootstrap resamples of
    rows. Abstentions, and labels that the task does not have, count as answered wrongly.

    Parameters
    ----------
    task : Task
    truth : sequence of str
    answers : sequence of str or None
    seed : int

    Returns
    -------
    AuditedScore
    """
    strange = tuple(sorted(set(truth) - set(task.labels))) if task.kind in ONE_LABEL else ()
    scoring = LabelScoring(task.metric, (*task.labels, *strange)) if strange else scoring_of(task)
    right, given = scoring.codes(truth), scoring.codes(answers)
    score, rows = float(scoring.score(right, given)), len(truth)
    if scoring.is_share:
        return AuditedScore(task.metric, score, wilson_interval(score, rows), rows, "Wilson", strange)
    weights = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=_DRAWS).astype(np.float64)
    drawn = np.asarray(scoring.score(right, given, weights))
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if np.isfinite(drawn).any() else (math.nan, math.nan)
    return AuditedScore(task.metric, score, (float(low), float(high)), rows, "bootstrap of rows", strange)


def difference_interval(one: tuple[float, Interval], other: tuple[float, Interval]) -> Interval:
    """Give the 95% interval of the difference of two independent estimates from those of each.

    The method of variance estimates recovery (Newcombe 1998; Zou and Donner 2008), which leaves uneven intervals as
    uneven as they are.

    Parameters
    ----------
    one, other : (float, (float, float))
        Estimate and interval.

    Returns
    -------
    low, high : float
    """
    (a, (a_low, a_high)), (b, (b_low, b_high)) = one, other
    difference = a - b
    return difference - math.hypot(a - a_low, b_high - b), difference + math.hypot(a_high - a, b - b_low)


def newcombe_interval(one: tuple[float, int], other: tuple[float, int]) -> Interval:
    """Give the 95% interval of the difference of two independent shares.

    Parameters
    ----------
    one, other : (float, int)
        Share and rows.

    Returns
    -------
    low, high : float
        By Newcombe's method 10 (1998), from Wilson's intervals.
    """
    return difference_interval((one[0], wilson_interval(*one)), (other[0], wilson_interval(*other)))


def redecide(found: AuditedScore, foretold: float, interval: Interval, margin: float) -> Redecision:
    """Say whether to decide again.

    Yes where a loss is shown and seen to be as large as the margin; no where so large a loss is ruled out by the 95%
    interval of the difference; else there are too few labels to tell.

    Parameters
    ----------
    found : AuditedScore
    foretold : float
        Score of the model card.
    interval : (float, float)
        Its 95% interval; where the bundle has learned from more rows than the card measured, what to expect of it.
    margin : float
        Least loss that is worth deciding again, positive.

    Returns
    -------
    Redecision
    """
    low, high = difference_interval((found.score, found.ci), (foretold, interval))
    said = Redecision("too few labels", found.score - foretold, (low, high), margin)
    answer = _answer(said.difference, low, high, margin)
    if answer is not None:
        return replace(said, answer="yes" if answer else "no")
    return replace(said, labels_needed=_labels_needed(found, foretold, interval, margin))


def _answer(difference: float, low: float, high: float, margin: float) -> bool | None:
    if difference <= -margin and high < 0:
        return True
    return False if low > -margin else None


def _labels_needed(found: AuditedScore, foretold: float, interval: Interval, margin: float) -> int | None:
    """Give how many labels would tell if the score stays; None where the model card's own interval is too wide."""
    rows = found.rows
    while rows < _MOST_LABELS:
        rows = math.ceil(1.05 * rows)
        shrunk = math.sqrt(found.rows / rows)
        ci = tuple(found.score + shrunk * (bound - found.score) for bound in found.ci)
        low, high = difference_interval((found.score, (ci[0], ci[1])), (foretold, interval))
        if _answer(found.score - foretold, low, high, margin) is not None:
            return rows
    return None
