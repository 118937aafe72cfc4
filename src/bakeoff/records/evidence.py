"""All that a decision may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bakeoff.data.check import Check
from bakeoff.data.split import Fold
from bakeoff.records.assumptions import Assumptions
from bakeoff.records.measured import Measured
from bakeoff.records.trials import Contender, Trial
from bakeoff.tasks import Task

__all__ = ["Evidence", "Requirement"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """A hard limit: ``accuracy>=0.9``, ``p95_ms<=50`` or ``offline``."""

    figure: str
    sense: Literal[">=", "<=", "is"]
    value: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a decision may look at.

    Parameters
    ----------
    task : Task
    contenders : tuple of Contender
    trials : tuple of Trial
        All trials with a committed record, of any status.
    validation_labels, test_labels : tuple of str
        True labels of the validation rows, and of the test rows that every trial answers; with the rows' sources where
        the task has checks (`bakeoff.tasks.truths`).
    rows : mapping of str to int
        ``train``, ``validation`` and ``test`` rows in the data.
    fingerprint : str
        Of the task's rows.
    checks : tuple of Check
    text_words : float
        Mean words of a text.
    requirements : tuple of Requirement
    assumptions : Assumptions
    seed : int
    trials_planned, trials_dropped : int
    dropped : mapping of str to str
        Contender's name to why its later trials were not run.
    spent_seconds : float
        Wall-clock time of the study so far.
    missing : tuple of str
        One sentence for each contender that was wanted and could not be had.
    measured : Measured
        Figures that only a study can compute.
    folds : tuple of Fold
        Where rows are cross-fitted, for each seed of a trial the rows that it answers, as places in `validation_labels`
        and `test_labels`. A contender that is not seeded answers them all.
    round_folds : int
        Folds that make a round, in which every row is tested once; 0 where rows are not cross-fitted.
    fold_overlap : float
        Folds of a round times the test rows of a fold for each of its training rows; 0 where rows are not cross-fitted.
    """

    task: Task
    contenders: tuple[Contender, ...]
    trials: tuple[Trial, ...]
    validation_labels: tuple[str, ...]
    test_labels: tuple[str, ...]
    rows: Mapping[str, int]
    fingerprint: str
    checks: tuple[Check, ...]
    text_words: float
    requirements: tuple[Requirement, ...] = ()
    assumptions: Assumptions = field(default_factory=Assumptions)
    seed: int = 0
    trials_planned: int = 0
    trials_dropped: int = 0
    dropped: Mapping[str, str] = field(default_factory=dict)
    spent_seconds: float = 0.0
    missing: tuple[str, ...] = ()
    measured: Measured = field(default_factory=Measured)
    folds: tuple[Fold, ...] = ()
    round_folds: int = 0
    fold_overlap: float = 0.0
