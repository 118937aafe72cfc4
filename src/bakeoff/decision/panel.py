"""The evidence, laid out for arithmetic: label codes per contender and n, one row a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.records import Arm, Contender, Evidence, Trial
from bakeoff.tasks import ONE_LABEL, scoring_of

__all__ = [
    "MASKED",
    "MIN_SEEDS",
    "Cell",
    "Codes",
    "Panel",
    "Rows",
    "is_served",
    "mask_of",
    "pair_codes",
    "pair_places",
    "paired_means",
]

Codes = NDArray[np.int64]
Rows = Literal["validation", "test"]

#: Fewest seeds from which a verdict is given: with fewer, their spread is not known.
MIN_SEEDS = 3

#: Code of a validation row that no fold of a round answers.
MASKED = -2


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One contender at one n: its finished trials, ordered by seed.

    Parameters
    ----------
    contender : Contender
    n : int
        Labelled rows that the trials were given.
    trials : tuple of Trial
        All of status ``"done"``: one per seed, or one per fold of each round where rows are cross-fitted.
    seeds : tuple of int
        Seeds of the answers; where rows are cross-fitted, the rounds.
    test, validation : ndarray of int64, shape (seeds, rows)
        Codes of the answers; -1 is an abstention, `MASKED` a row that no fold of the round answers.
    """

    contender: Contender
    n: int
    trials: tuple[Trial, ...]
    seeds: tuple[int, ...]
    test: Codes
    validation: Codes

    @property
    def enough_seeds(self) -> bool:
        """Whether the spread over seeds is known well enough for a verdict."""
        return not self.contender.seeded or len(self.seeds) >= MIN_SEEDS

    def with_seeds(self, seeds: Sequence[int]) -> Cell:
        """Give the cell with the answers of some of its seeds; the whole of it where it is not seeded."""
        if not self.contender.seeded or tuple(seeds) == self.seeds:
            return self
        places = [self.seeds.index(seed) for seed in seeds]
        per_seed = len(self.trials) // len(self.seeds)
        trials = tuple(self.trials[per_seed * place + part] for place in places for part in range(per_seed))
        return replace(
            self, trials=trials, seeds=tuple(seeds), test=self.test[places], validation=self.validation[places]
        )

    def codes(self, rows: Rows) -> Codes:
        """Give the codes of the validation or of the test answers, shape (seeds, rows)."""
        return self.test if rows == "test" else self.validation


class Panel:
    """Index over an `Evidence`, built once per question.

    Only finished trials are in it: cut and failed ones decide nothing. A finished trial with a wrong number of answers
    is left out, too, since nothing can be paired with it.

    Parameters
    ----------
    evidence : Evidence
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.metric = evidence.task.metric
        self.labels = evidence.task.labels
        self.scoring = scoring_of(evidence.task)
        self.truth: dict[Rows, Codes] = {
            "test": self.scoring.codes(evidence.test_labels),
            "validation": self.scoring.codes(evidence.validation_labels),
        }
        self.contenders = {contender.name: contender for contender in evidence.contenders}
        self._cells = self._build(evidence.trials)

    def _build(self, trials: Sequence[Trial]) -> dict[str, dict[int, Cell]]:
        grouped: dict[tuple[str, int], dict[int, Trial]] = {}
        for trial in trials:
            contender = self.contenders.get(trial.contender)
            if contender is None or trial.status != "done":
                continue
            if (len(trial.test_answers), len(trial.validation_answers)) == self._wanted(contender, trial.seed):
                grouped.setdefault((trial.contender, trial.n), {}).setdefault(trial.seed, trial)
        cells: dict[str, dict[int, Cell]] = {}
        for (name, n), by_seed in sorted(grouped.items()):
            contender = self.contenders[name]
            ordered = tuple(by_seed[seed] for seed in sorted(by_seed))
            kept = ordered if contender.seeded else ordered[:1]
            cell = self._folded(contender, n, kept) if self.evidence.folds else self._plain(contender, n, kept)
            if cell is not None:
                cells.setdefault(name, {})[n] = cell
        return cells

    def _wanted(self, contender: Contender, seed: int) -> tuple[int, int]:
        """Give how many test and validation answers a trial must have."""
        evidence = self.evidence
        if evidence.folds and contender.seeded:
            fold = evidence.folds[seed] if seed < len(evidence.folds) else None
            return (len(fold.test), len(fold.validation)) if fold else (-1, -1)
        # Today's system is known by its answers to test rows; it takes no part in what validation rows decide.
        return len(evidence.test_labels), 0 if contender.arm == "current" else len(evidence.validation_labels)

    def _plain(self, contender: Contender, n: int, trials: tuple[Trial, ...]) -> Cell:
        test = np.stack([self.scoring.codes(trial.test_answers) for trial in trials])
        validation = np.stack([self.scoring.codes(trial.validation_answers) for trial in trials])
        return Cell(contender, n, trials, tuple(trial.seed for trial in trials), test, validation)

    def _folded(self, contender: Contender, n: int, trials: tuple[Trial, ...]) -> Cell | None:
        """Lay the folds of each round together; a round that is not complete is left out."""
        if not contender.seeded:
            return self._plain(contender, n, trials)
        size, by_seed = self.evidence.round_folds, {trial.seed: trial for trial in trials}
        rounds = [
            number
            for number in range(len(self.evidence.folds) // size)
            if all(size * number + place in by_seed for place in range(size))
        ]
        if not rounds:
            return None
        kept = tuple(by_seed[size * number + place] for number in rounds for place in range(size))
        test = np.full((len(rounds), len(self.evidence.test_labels)), MASKED, dtype=np.int64)
        validation = np.full((len(rounds), len(self.evidence.validation_labels)), MASKED, dtype=np.int64)
        for position, trial in enumerate(kept):
            fold = self.evidence.folds[trial.seed]
            test[position // size, list(fold.test)] = self.scoring.codes(trial.test_answers)
            validation[position // size, list(fold.validation)] = self.scoring.codes(trial.validation_answers)
        return Cell(contender, n, kept, tuple(rounds), test, validation)

    @property
    def rows_are_right(self) -> bool:
        """Whether an answer as a whole is right or wrong: one label a row."""
        return self.evidence.task.kind in ONE_LABEL

    def budgets(self, name: str) -> tuple[int, ...]:
        """Give every n at which a contender has finished trials, in rising order."""
        return tuple(sorted(self._cells.get(name, {})))

    def cell(self, name: str, n: int) -> Cell | None:
        """Give a contender's finished trials that stand for n; None where there are none.

        A contender that learns from no labels stands at every n with the trials of its smallest.
        """
        cells = self._cells.get(name, {})
        if n not in cells and cells and not self.contenders[name].uses_labels:
            return cells[min(cells)]
        return cells.get(n)

    def arm(self, arm: Arm) -> tuple[Contender, ...]:
        """Give an arm's contenders in the order of the plan."""
        return tuple(contender for contender in self.evidence.contenders if contender.arm == arm)

    def scores(self, cell: Cell, rows: Rows = "test") -> NDArray[np.float64]:
        """Score each seed on the task's metric; shape (seeds,), NaN without rows."""
        truth = self.truth[rows]
        if not len(truth) or cell.codes(rows).shape[1] != len(truth):
            return np.full(len(cell.trials), np.nan)
        return self.points(truth, cell.codes(rows))

    def points(self, truth: Codes, answers: Codes, metric: str | None = None) -> NDArray[np.float64]:
        """Score sets of answers, masked rows left out: shape (sets, rows) to (sets,)."""
        scoring = self.scoring if metric is None else self.scoring.with_metric(metric)
        return np.array([float(scoring.score(truth, one, mask_of(one))) for one in answers])

    def mean_score(self, cell: Cell, rows: Rows = "test") -> float:
        """Give the mean score over seeds."""
        return float(self.scores(cell, rows).mean())


def mask_of(codes: Codes) -> NDArray[np.float64] | None:
    """Give 1 for each answered row and 0 for each masked one; None where no row is masked."""
    present = codes != MASKED
    return None if present.all() else present.astype(np.float64)


def pair_places(a: Cell, b: Cell) -> tuple[list[int], list[int]]:
    """Say which sets of answers of two contenders are paired; see `pair_codes`.

    Parameters
    ----------
    a, b : Cell

    Returns
    -------
    places_a, places_b : list of int
        Places among the seeds of each, as many of either.
    """
    if all(cell.contender.seeded or len(cell.seeds) > 1 for cell in (a, b)):
        common = sorted(set(a.seeds) & set(b.seeds))
        if common:
            return [a.seeds.index(seed) for seed in common], [b.seeds.index(seed) for seed in common]
        fewest = list(range(min(len(a.seeds), len(b.seeds))))
        return fewest, fewest
    size = max(len(a.seeds), len(b.seeds))
    first, second = ([0] * size if len(cell.seeds) == 1 else list(range(size)) for cell in (a, b))
    return first, second


def pair_codes(a: Cell, b: Cell, rows: Rows = "test") -> tuple[Codes, Codes]:
    """Bring two contenders' answers to the same seeds.

    Seeds vary sample, order and initialisation for every contender alike, so equal seeds are pairs. The answers of a
    contender that is not seeded repeat over the other's seeds. Without a seed in common, seeds are paired in order.

    Parameters
    ----------
    a, b : Cell
    rows : {"test", "validation"}

    Returns
    -------
    codes_a, codes_b : ndarray of int64, both of shape (seeds, rows)
        Masked at the same places.
    """
    places_a, places_b = pair_places(a, b)
    codes_a, codes_b = a.codes(rows)[places_a], b.codes(rows)[places_b]
    masked = (codes_a == MASKED) | (codes_b == MASKED)
    if masked.any():
        return np.where(masked, MASKED, codes_a), np.where(masked, MASKED, codes_b)
    return codes_a, codes_b


def paired_means(panel: Panel, a: Cell, b: Cell) -> tuple[float, float]:
    """Give both mean scores over the seeds and rows that are compared; NaN where there are none.

    Parameters
    ----------
    panel : Panel
    a, b : Cell

    Returns
    -------
    tuple of float
        The first minus the second is what `bakeoff.decision.resampling.estimate_difference` gives as the mean.
    """
    truth, pair = panel.truth["test"], pair_codes(a, b)
    if not len(truth) or not len(pair[0]):
        return math.nan, math.nan
    first, second = (float(panel.points(truth, codes).mean()) for codes in pair)
    return first, second


def is_served(contender: Contender) -> bool:
    """Say whether a contender's model answers over a network, so that texts leave the process."""
    return (contender.model or "").startswith(("http://", "https://"))
