"""How versions of a prompt that writes texts are scored and compared: on the task's metric, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.data import source_of
from bakeoff.decision.permutation import permutation_p
from bakeoff.tasks import Scoring, TextCheck, check_value
from bakeoff.tasks.generation import GenerationScoring

__all__ = ["check_shares", "exchange_p", "row_score", "texts_interval", "texts_score"]

_RESAMPLES = 1000


def texts_score(
    metric: str, labels: Sequence[str], answers: Sequence[str | None], checks: Sequence[TextCheck] = ()
) -> float:
    """Score all rows together.

    Parameters
    ----------
    metric : str
        Of the kind generation.
    labels : sequence of str
        Written references, with their sources where there are checks (`bakeoff.data.write_truth`).
    answers : sequence of str or None
    checks : sequence of TextCheck
        What the metric may be made of.

    Returns
    -------
    float
        NaN where none of the checks that the metric is made of applies.
    """
    return GenerationScoring(metric, checks).score_values(labels, answers)


def row_score(metric: str, label: str, answer: str | None, checks: Sequence[TextCheck] = ()) -> float | None:
    """Score one row by itself; None where no check that the metric is made of applies to it."""
    score = texts_score(metric, [label], [answer], checks)
    return None if np.isnan(score) else score


def check_shares(
    labels: Sequence[str], answers: Sequence[str | None], checks: Sequence[TextCheck]
) -> dict[str, float | None]:
    """Give the mean value of each check over the rows to which it applies.

    Parameters
    ----------
    labels, answers, checks
        As of `texts_score`.

    Returns
    -------
    dict of str to float or None
        None for a check that applies to no row.
    """
    sources = [source_of(label) for label in labels]
    values = {
        check.name: [
            value
            for source, answer in zip(sources, answers, strict=True)
            if (value := check_value(check, source, answer or "")) is not None
        ]
        for check in checks
    }
    return {name: float(np.mean(found)) if found else None for name, found in values.items()}


def texts_interval(
    metric: str, labels: Sequence[str], answers: Sequence[str | None], checks: Sequence[TextCheck] = ()
) -> tuple[float, float]:
    """Give the 95% interval of the score by the bootstrap over rows (percentiles, Efron and Tibshirani 1993).

    Parameters
    ----------
    metric, labels, answers, checks
        As of `texts_score`.

    Returns
    -------
    tuple of float
    """
    scoring: Scoring = GenerationScoring(metric, checks)
    truth, said = scoring.codes(labels), scoring.codes(answers)
    rows = len(truth)
    counts = np.random.default_rng(rows).multinomial(rows, np.full(rows, 1.0 / rows), size=_RESAMPLES)
    low, high = np.nanquantile(scoring.score(truth, said, counts.astype(np.float64)), (0.025, 0.975))
    return float(low), float(high)


def exchange_p(
    metric: str,
    labels: Sequence[str],
    before: Sequence[str | None],
    after: Sequence[str | None],
    checks: Sequence[TextCheck] = (),
) -> float:
    """Test whether the answers of two versions could be exchanged row by row.

    Parameters
    ----------
    metric, labels, checks
        As of `texts_score`.
    before, after : sequence of str or None

    Returns
    -------
    float
        Two-sided p-value of the paired permutation test.
    """
    scoring: Scoring = GenerationScoring(metric, checks)
    truth, one, other = (scoring.codes(values) for values in (labels, before, after))
    return permutation_p(scoring, truth, one[None], other[None])
