"""The rows of a study as its trials see them: one division for all seeds, or a fold for each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bakeoff.data import FOLDS, Fold, Rows, nested_order
from bakeoff.records import Answer
from bakeoff.study.plan import Plan
from bakeoff.study.store import PARTS, StudyStore

__all__ = ["StudyParts", "drawn_unlabelled", "read_parts"]

Answers = tuple[Answer, ...]


@dataclass(frozen=True)
class StudyParts:
    """Who learns from which rows, and who answers which.

    Parameters
    ----------
    divided : mapping of str to Rows
        ``train``, ``validation`` and ``test``; all rows are in ``test`` where they are cross-fitted.
    folds : tuple of Fold
        By the seed of their trials; none where one division stands for all seeds.
    answered : mapping of str to int
        How many validation and test rows a trial answers, of a fold or of all.
    unlabelled : tuple of str
        Texts without a label.
    grown : tuple of int
        Training rows before each time that some were added.
    orders : dict
        The permutations that were drawn so far, by seed.
    """

    divided: Mapping[str, Rows]
    folds: tuple[Fold, ...]
    answered: Mapping[str, int]
    unlabelled: tuple[str, ...] = ()
    grown: tuple[int, ...] = ()
    orders: dict[int, list[int]] = field(default_factory=dict, compare=False, repr=False)

    def train(self, seed: int) -> Rows:
        """Give the rows that a seed's samples are drawn from."""
        return self.divided["test"].take(self.folds[seed].train) if self.folds else self.divided["train"]

    def sample(self, n: int, seed: int, study_seed: int) -> Rows:
        """Give the n rows of a seed: the first n of its permutation, so that budgets are nested."""
        train = self.train(seed)
        if seed not in self.orders:
            edges = (0, *self.grown, len(train))
            self.orders[seed] = [
                start + int(i)
                for start, end in itertools.pairwise(edges)
                for i in nested_order(train.strata[start:end], 1000 * study_seed + seed)
            ]
        return train.take(self.orders[seed][:n])

    def beyond(self, n: int, seed: int, study_seed: int, most: int) -> tuple[str, ...]:
        """Give at most so many texts without labels: those that have none, then those behind the n rows of a seed."""
        self.sample(n, seed, study_seed)
        own = drawn_unlabelled(self.unlabelled, seed, study_seed, most)
        # Rows that were added later are not among them, so that a trial is the same before and after.
        known = next((size for size in self.grown if n <= size), len(self.orders[seed]))
        return own + self.train(seed).take(self.orders[seed][:known][n : n + most - len(own)]).texts

    @cached_property
    def test(self) -> Rows:
        """Give the test rows that are answered: the same first rows of all, in whatever fold they are tested."""
        most = FOLDS * self.answered["test"] if self.folds else self.answered["test"]
        return self.divided["test"].take(range(min(most, len(self.divided["test"]))))

    @cached_property
    def validation(self) -> Rows:
        """Give the validation rows that are answered, of all folds."""
        if self.folds:
            return self.divided["test"].take(self._validation_positions)
        return self.divided["validation"].take(range(min(self.answered["validation"], len(self.divided["validation"]))))

    @cached_property
    def answered_folds(self) -> tuple[Fold, ...]:
        """Give the folds' answered rows, as places in `validation` and `test`."""
        place = {position: index for index, position in enumerate(self._validation_positions)}
        return tuple(
            Fold((), tuple(place[position] for position in self._validation_of(fold)), self._test_of(fold))
            for fold in self.folds
        )

    def to_answer(self, seed: int, *, seeded: bool) -> tuple[Rows, Rows]:
        """Give the validation and the test rows that a trial answers.

        A contender that is the same for every seed answers the rows of all folds, each of them once, as test rows;
        `sorted_out` finds the validation rows among them.
        """
        if not self.folds:
            return self.validation, self.test
        rows = self.divided["test"]
        if not seeded:
            return rows.take(()), rows.take(self._positions)
        fold = self.folds[seed]
        return rows.take(self._validation_of(fold)), rows.take(self._test_of(fold))

    def validation_rows(self, seed: int, *, seeded: bool) -> Rows:
        """Give the validation rows that a trial answers."""
        return self.to_answer(seed, seeded=True)[0] if seeded else self.validation

    def sorted_out(self, validation: Answers, test: Answers, *, seeded: bool) -> tuple[Answers, Answers]:
        """Give a trial's answers to `validation` and to `test` where it answered the rows of all folds at once."""
        if not self.folds or seeded:
            return validation, test
        answer = dict(zip(self._positions, test, strict=True))
        return tuple(answer[at] for at in self._validation_positions), tuple(answer[at] for at in range(len(self.test)))

    def _validation_of(self, fold: Fold) -> tuple[int, ...]:
        return fold.validation[: self.answered["validation"]]

    def _test_of(self, fold: Fold) -> tuple[int, ...]:
        return tuple(position for position in fold.test if position < len(self.test))

    @cached_property
    def _validation_positions(self) -> Sequence[int]:
        return sorted({position for fold in self.folds for position in self._validation_of(fold)})

    @cached_property
    def _positions(self) -> Sequence[int]:
        return sorted({*range(len(self.test)), *self._validation_positions})


def drawn_unlabelled(texts: Sequence[str], seed: int, study_seed: int, most: int) -> tuple[str, ...]:
    """Draw at most so many texts for a seed.

    Parameters
    ----------
    texts : sequence of str
    seed, study_seed, most : int

    Returns
    -------
    tuple of str
    """
    drawn = np.random.default_rng([study_seed, seed]).permutation(len(texts))[:most]
    return tuple(texts[place] for place in drawn.tolist())


def read_parts(store: StudyStore, plan: Plan | None) -> StudyParts:
    """Give a study's rows as its trials see them.

    Parameters
    ----------
    store : StudyStore
    plan : Plan or None
        Without one, no rows are answered yet.

    Returns
    -------
    StudyParts
    """
    answered = plan.answered if plan is not None else {"validation": 0, "test": 0}
    divided = {part: store.rows(part) for part in PARTS}
    grown = tuple(growth.train_rows for growth in store.growths())
    return StudyParts(divided, store.folds(), answered, store.unlabelled(), grown)
