"""Training rows that were added to a study: what stood before stays known, and what was measured stays measured.

The rows of a label budget are the same after rows were added: each seed's permutation of the old rows comes first, and
the added ones follow in an order of their own. A trial that was measured keeps its key, which names the rows by the
fingerprint of the first state of the study that had so many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Growth", "fingerprint_at", "verdict_file"]


@dataclass(frozen=True, slots=True)
class Growth:
    """How a study stood before training rows were added.

    Parameters
    ----------
    number : int
        From 1.
    at : str
        When rows were added, ISO 8601, UTC.
    source, digest : str
        File that they came from, and its sha256.
    added : int
        Rows that were added.
    train_rows : int
        Before.
    fingerprint, plan, verdict : str
        Before; plan and verdict as JSON.
    """

    number: int
    at: str
    source: str
    digest: str
    added: int
    train_rows: int
    fingerprint: str
    plan: str
    verdict: str


def fingerprint_at(n: int, growths: Sequence[Growth], now: str) -> str:
    """Give the fingerprint of the first state of a study that had n training rows.

    Parameters
    ----------
    n : int
        Label budget.
    growths : sequence of Growth
        Oldest first.
    now : str
        The study's fingerprint as it stands.

    Returns
    -------
    str
    """
    return next((growth.fingerprint for growth in growths if n <= growth.train_rows), now)


def verdict_file(number: int) -> str:
    """Name the file of the verdict that stood before rows were added."""
    return f"verdict-before-rows-{number}.json"
