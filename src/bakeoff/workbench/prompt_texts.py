"""How versions of a prompt that writes texts are scored and compared: on the task's metric, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.decision.permutation import permutation_p
from bakeoff.tasks import Scoring
from bakeoff.tasks.generation import GenerationScoring

__all__ = ["exchange_p", "row_score", "texts_interval", "texts_score"]

_RESAMPLES = 1000


def texts_score(metric: str, labels: Sequence[str], answers: Sequence[str | None]) -> float:
    """Score all rows together.

    Parameters
    ----------
    metric : str
        Of the kind generation.
    labels : sequence of str
        Written references.
    answers : sequence of str or None

    Returns
    -------
    float
    """
    return GenerationScoring(metric).score_values(labels, answers)


def row_score(metric: str, label: str, answer: str | None) -> float:
    """Score one row by itself."""
    return texts_score(metric, [label], [answer])


def texts_interval(metric: str, labels: Sequence[str], answers: Sequence[str | None]) -> tuple[float, float]:
    """Give the 95% interval of the score by the bootstrap over rows (percentiles, Efron and Tibshirani 1993).

    Parameters
    ----------
    metric, labels, answers
        As of `texts_score`.

    Returns
    -------
    tuple of float
    """
    scoring: Scoring = GenerationScoring(metric)
    truth, said = scoring.codes(labels), scoring.codes(answers)
    rows = len(truth)
    counts = np.random.default_rng(rows).multinomial(rows, np.full(rows, 1.0 / rows), size=_RESAMPLES)
    low, high = np.quantile(scoring.score(truth, said, counts.astype(np.float64)), (0.025, 0.975))
    return float(low), float(high)


def exchange_p(metric: str, labels: Sequence[str], before: Sequence[str | None], after: Sequence[str | None]) -> float:
    """Test whether the answers of two versions could be exchanged row by row.

    Parameters
    ----------
    metric, labels
        As of `texts_score`.
    before, after : sequence of str or None

    Returns
    -------
    float
        Two-sided p-value of the paired permutation test.
    """
    scoring: Scoring = GenerationScoring(metric)
    truth, one, other = (scoring.codes(values) for values in (labels, before, after))
    return permutation_p(scoring, truth, one[None], other[None])
