"""How far a study is, and who wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Listener", "StudyProgress"]


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """How far a study is.

    Parameters
    ----------
    done, planned : int
        Trials with a record, and trials of the plan that are not dropped; of the spare ones, those that were begun.
    elapsed, left : float
        Seconds spent, and seconds by forecast until the last trial ends.
    now : str
        Trial that runs, or ``""``.
    doing : str
        What it is doing.
    share : float
        Share of that done, in [0, 1].
    scores : mapping of (contender, n) to tuple of float
        Validation scores so far, one a seed.
    seconds : mapping of (contender, n) to float
        Spent so far.
    seeds : mapping of (contender, n) to int
        Planned.
    dropped : tuple of str
        Contenders whose later trials will not run.
    at_most : bool
        Whether the study may end before the last planned trial, so that `left` is what is left at most.
    """

    done: int
    planned: int
    elapsed: float
    left: float
    now: str
    doing: str
    share: float
    scores: Mapping[tuple[str, int], tuple[float, ...]]
    seconds: Mapping[tuple[str, int], float]
    seeds: Mapping[tuple[str, int], int]
    dropped: tuple[str, ...]
    at_most: bool = False


class Listener(Protocol):
    """Who wants to know how far a study is."""

    def __call__(self, progress: StudyProgress) -> None:
        """Take notice."""
        ...
