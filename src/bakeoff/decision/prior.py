"""What to expect before anything is measured: which way was ahead on open sets with about as many labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

__all__ = ["MEASURED", "Expectation", "OpenSet", "expectation"]

#: Labelled rows for each label that divide few from many.
_BOUNDS = (8, 64)

Way = Literal["finetune", "prompt"]


class OpenSet(NamedTuple):
    """How the two ways stood on an open set at one label budget.

    Parameters
    ----------
    name : str
        Of the set.
    labels, n : int
        How many labels it has, and labelled rows that each method was given.
    difference : float
        Test score of the best fine-tuned contender, as validation rows choose it, minus that of the best prompted one.
    """

    name: str
    labels: int
    n: int
    difference: float


#: Fewer than these are no ground for an expectation. Of the ten lines below six could be told from the other sets:
#: that held in .33 of them, where .65 were said.
LEAST_SETS = 8

#: MiniLM-L6 and SmolLM2-135M tuned, SmolLM2-135M prompted, three seeds or more of either: by studies of four minutes,
#: six (256 rows) and twelve (1,848) on two cores, 2026-11-23. ``benchmarks/verdicts.py`` prints such lines of grids.
MEASURED: tuple[OpenSet, ...] = (
    OpenSet("amazon_reviews", 2, 16, -0.0733),
    OpenSet("amazon_reviews", 2, 64, -0.0208),
    OpenSet("amazon_reviews", 2, 256, 0.0556),
    OpenSet("amazon_reviews", 2, 1848, 0.0289),
    OpenSet("financial_phrasebank", 3, 16, -0.1493),
    OpenSet("poem_sentiment", 4, 64, -0.0838),
    OpenSet("sst2", 2, 16, -0.1),
    OpenSet("trec", 6, 16, 0.0934),
    OpenSet("trec", 6, 64, 0.0793),
    OpenSet("tweet_offensive", 2, 16, 0.2067),
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which way to expect ahead.

    Parameters
    ----------
    way : {"finetune", "prompt"} or None
        None where the sets that are like it are as many for either, or fewer than `LEAST_SETS`.
    probability : float
        That it is: (k + 1) / (N + 2) of k sets out of N (Laplace's rule of succession), in (0, 1).
    ahead, sets : int
        k and N.
    rows_a_label : tuple of (float, float)
        Labelled rows for each label of the sets that were counted, from and below.
    """

    way: Way | None
    probability: float
    ahead: int
    sets: int
    rows_a_label: tuple[float, float]


def expectation(labels: int, n: int, measured: Sequence[OpenSet] = MEASURED, *, least: int = LEAST_SETS) -> Expectation:
    """Count which way was ahead on the open sets with about as many labelled rows for each label.

    Parameters
    ----------
    labels : int
        Of the task, at least 1.
    n : int
        Labelled rows to learn from.
    measured : sequence of OpenSet
        A set that was measured at several budgets of the same kind counts once for each.
    least : int
        How many must be like it.

    Returns
    -------
    Expectation
    """
    low, high = _kind(n / labels)
    found = [one for one in measured if _kind(one.n / one.labels) == (low, high) and one.difference != 0]
    tuned = sum(one.difference > 0 for one in found)
    ahead = max(tuned, len(found) - tuned)
    way: Way | None = "finetune" if tuned == ahead else "prompt"
    if len(found) < least or 2 * tuned == len(found):
        way = None
    return Expectation(way, (ahead + 1) / (len(found) + 2), ahead, len(found), (low, high))


def _kind(rows_a_label: float) -> tuple[float, float]:
    edges = (0.0, *_BOUNDS, float("inf"))
    return next((low, high) for low, high in pairwise(edges) if low <= rows_a_label < high)
