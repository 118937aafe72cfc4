"""The verdict's two contenders with their answers to the test rows, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.decision.panel import Cell, Panel
from bakeoff.records import Decision, Evidence, Trial
from bakeoff.report.lookup import headline, row_of

__all__ = ["Answered", "answered", "pair_of", "record_of", "shared_seed"]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A contender's finished trials at one n.

    Parameters
    ----------
    evidence : Evidence
    cell : Cell
    """

    evidence: Evidence
    cell: Cell

    @property
    def name(self) -> str:
        """Give the contender's name."""
        return self.cell.contender.name

    def place(self, seed: int) -> int:
        """Give the place of a seed's answers: the first where the contender has none of its own for it."""
        return self.cell.seeds.index(seed) if seed in self.cell.seeds else 0

    def trials(self, place: int) -> tuple[tuple[Trial, Sequence[int]], ...]:
        """Give the trials of one seed, or of one round of folds, each with the test rows that it answered."""
        evidence, cell = self.evidence, self.cell
        if not evidence.folds or not cell.contender.seeded:
            return ((cell.trials[place], range(len(evidence.test_labels))),)
        size = evidence.round_folds
        whole = cell.trials[size * place : size * (place + 1)]
        return tuple((trial, evidence.folds[trial.seed].test) for trial in whole)

    def values(self, place: int) -> list[str | None]:
        """Give the answers of one seed to all test rows; None for an abstention."""
        found: list[str | None] = [None] * len(self.evidence.test_labels)
        for trial, rows in self.trials(place):
            for row, value in zip(rows, trial.test_answers, strict=True):
                found[row] = value
        return found


def answered(panel: Panel, decision: Decision, name: str | None) -> Answered | None:
    """Give a contender's answers at the verdict's n, or the nearest n that it was measured at.

    Parameters
    ----------
    panel : Panel
    decision : Decision
    name : str or None

    Returns
    -------
    Answered or None
        None where it has no finished trial.
    """
    row = row_of(decision, name, decision.verdict.n)
    cell = panel.cell(row.contender, row.n) if row is not None else None
    return None if cell is None else Answered(panel.evidence, cell)


def pair_of(panel: Panel, decision: Decision) -> tuple[Answered, ...]:
    """Give the verdict's two contenders, the chosen one first; fewer where they have no finished trials."""
    met = headline(decision)
    return tuple(one for name in (met.first, met.second) if (one := answered(panel, decision, name)) is not None)


def shared_seed(pair: Sequence[Answered]) -> int:
    """Give the first seed of which all have answers; a contender without seeds stands beside every seed."""
    seeded = [one.cell for one in pair if one.cell.contender.seeded] or [one.cell for one in pair]
    shared = [seed for seed in seeded[0].seeds if all(seed in cell.seeds for cell in seeded)]
    return (shared or seeded[0].seeds)[0]


def record_of(trials: Sequence[Trial], part: str = "test") -> str:
    """Name the records behind a figure, as ``data-from`` gives them: the table, the part, the first of each key."""
    return f"study.sqlite answers, part {part}, trials {' '.join(trial.key[:16] for trial in trials)}"
