"""A metric in a package of its own: a wrong answer costs what a right one brings, and silence costs nothing.

After ``pip install ./examples/keyword_method``: ``bakeoff run DATA --metric careful-accuracy``.
"""

from __future__ import annotations

from bakeoff.tasks import MetricSpec

__all__ = ["SPEC", "row_sums"]


def row_sums(truth: str, answer: str | None) -> tuple[float, float]:
    """Give a row's points, in [0, 1], and 1 for the row: 1 if right, one half without an answer, 0 if wrong."""
    if answer is None:
        return 0.5, 1.0
    return float(answer == truth), 1.0


#: Its value is the first sum over rows, divided by the second; `of_sums` would make another figure of them.
SPEC = MetricSpec(
    name="careful-accuracy",
    summary="share of right answers, where an abstention counts one half",
    kinds=("classification", "pair"),
    sums=row_sums,
)
