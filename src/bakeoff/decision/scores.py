"""What others ask of an evidence: a contender's score, the difference of two, and how often one beats the other."""

from __future__ import annotations

from bakeoff.decision.estimate import Estimate
from bakeoff.decision.panel import Panel, Rows
from bakeoff.decision.resampling import estimate_difference, estimate_score
from bakeoff.decision.superiority import Superiority, superiority
from bakeoff.records import Evidence

__all__ = ["paired_difference", "probability_of_beating", "score_mean"]


def score_mean(evidence: Evidence, contender: str, n: int, *, rows: Rows = "validation") -> Estimate | None:
    """Estimate a contender's mean score over its finished seeds at n.

    Parameters
    ----------
    evidence : Evidence
    contender : str
        Its name.
    n : int
        Label budget; a contender that uses no labels stands at every n.
    rows : {"validation", "test"}

    Returns
    -------
    Estimate or None
        `mean` in [0, 1], and its interval over seeds and rows; None where it has no finished trial there.
    """
    panel = Panel(evidence)
    cell = panel.cell(contender, n)
    return None if cell is None else estimate_score(panel, cell, rows=rows)


def paired_difference(evidence: Evidence, a: str, b: str, n: int, *, rows: Rows = "test") -> Estimate | None:
    """Estimate the mean score of a minus that of b at n, paired by seed and row.

    Parameters
    ----------
    evidence : Evidence
    a, b : str
        Names.
    n : int
    rows : {"validation", "test"}

    Returns
    -------
    Estimate or None
        None where one of them has no finished trial there.
    """
    panel = Panel(evidence)
    first, second = panel.cell(a, n), panel.cell(b, n)
    return None if first is None or second is None else estimate_difference(panel, first, second, rows=rows)


def probability_of_beating(evidence: Evidence, a: str, b: str, n: int) -> Superiority | None:
    """Say how probable it is that one run of a beats one run of b at n, over seeds and resampled test rows.

    Parameters
    ----------
    evidence : Evidence
    a, b : str
        Names.
    n : int

    Returns
    -------
    Superiority or None
        None where one of them has no finished trial there, or with fewer than three seeds.
    """
    panel = Panel(evidence)
    first, second = panel.cell(a, n), panel.cell(b, n)
    return None if first is None or second is None else superiority(panel, first, second)
