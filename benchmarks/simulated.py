"""Simulated studies with a known truth: rows of shared difficulty, seeds that differ, validation rows that choose.

A contender with accuracy a answers a row right where its latent difficulty for the contender lies below the a-quantile
of the normal distribution. The difficulty has a part that all contenders share (hard rows are hard for all), a part
that all seeds of a contender share, and a part of the seed alone; so pairs are correlated over contenders and seeds.
A seed moves a contender's accuracy on validation and test rows alike, since it is the same fit that answers both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bakeoff.data import FOLDS, Fold
from bakeoff.decision import droppable, finalists
from bakeoff.records import Arm, Contender, Evidence, Trial, Usage
from bakeoff.tasks import classification_task

__all__ = ["BUDGET", "CROWD", "OVERLAP", "Case", "Entrant", "run_study"]

#: The decision budget, and the smaller one at which a study looks first.
BUDGET, FIRST = 256, 64

#: Parts of a row's difficulty: shared by all contenders, and by all seeds of one; what is left is the seed's own.
#: With them and an accuracy of .8, two equal contenders differ in about 20% of the rows.
SHARED, OWN = 0.55, 0.25


@dataclass(frozen=True, slots=True)
class Entrant:
    """One simulated contender.

    Parameters
    ----------
    name : str
        Its last word is its model.
    arm : str
    behind : float
        How far its true score lies below the best of its arm.
    seeded : bool
        Whether its seeds differ. Where not, it uses no labels, and runs once.
    climb : float
        How much it gains from the first budget to the decision budget.
    seconds : float
        What one answer takes.
    """

    name: str
    arm: Arm
    behind: float = 0.0
    seeded: bool = True
    climb: float = 0.02
    seconds: float = 0.05


#: Two ways of tuning against five prompts, and a floor. The decoder is tuned, too: a same-base pair.
CROWD = (
    Entrant("full minilm-l6", "finetune", climb=0.04, seconds=0.004),
    Entrant("lora smollm2-135m", "finetune", climb=0.04),
    Entrant("zero-shot smollm2-135m", "prompt", seeded=False),
    Entrant("few-shot smollm2-135m", "prompt"),
    Entrant("few-shot-calibrated smollm2-135m", "prompt"),
    Entrant("neighbours smollm2-135m", "prompt"),
    Entrant("searched smollm2-135m", "prompt"),
    Entrant("tfidf", "floor", behind=0.15, seconds=0.0001),
)


#: Share of all rows that validate in a fold of a cross-fitted study, and that train.
VALIDATING = 0.15
TRAINING = 1 - 1 / FOLDS - VALIDATING

#: Fits of a cross-fitted study learn from overlapping rows: so much of their deviation is common to all of them, the
#: share that Nadeau and Bengio (2003) take.
COMMON = (1 / FOLDS) / (1 / FOLDS + TRAINING)
#: Folds times the test rows of one for each of its training rows.
OVERLAP = 1 / TRAINING


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of study, simulated many times.

    Parameters
    ----------
    name : str
    rows, validation : int
        Test rows and validation rows; of a cross-fitted study, all rows, and 0.
    deviation : float
        Standard deviation of a contender's true accuracy over seeds; the floor has none.
    gap : float
        True accuracy of the best tuned contender minus that of the best prompt.
    accuracy : float
        Middle of the two.
    entrants : tuple of Entrant
    shares : tuple of float
        Of the labels in the rows.
    metric : str
    seeds : int
        Rounds, of a cross-fitted study.
    finalist_seeds : int
        Seeds that the finalists and the best floor get.
    folded : bool
        Whether the study is cross-fitted.
    collapsed : int, optional
        Seed of the first entrant that comes to nothing and always gives the commonest label.
    silent : frozenset of str
        Arms that abstain on every row.
    """

    name: str
    rows: int
    validation: int
    deviation: float
    gap: float = 0.0
    accuracy: float = 0.8
    entrants: tuple[Entrant, ...] = CROWD
    shares: tuple[float, ...] = (0.5, 0.5)
    metric: str = "accuracy"
    seeds: int = 3
    finalist_seeds: int = 0
    folded: bool = False
    collapsed: int | None = None
    silent: frozenset[str] = field(default_factory=frozenset)

    def truth(self, name: str) -> float:
        """Give a contender's true accuracy at the decision budget: the mean over all seeds and rows there could be."""
        one = next(entrant for entrant in self.entrants if entrant.name == name)
        side = {"finetune": 0.5, "prompt": -0.5}.get(one.arm, 0.0)
        return self.accuracy + side * self.gap - one.behind


class _World:
    """One draw of rows and contenders, from which trials are taken."""

    def __init__(self, case: Case, rng: np.random.Generator) -> None:
        self.case, self.rng = case, rng
        self.total = case.rows + case.validation
        labels = tuple(f"label {code}" for code in range(len(case.shares)))
        self.codes = rng.choice(len(labels), size=self.total, p=case.shares)
        self.hard = np.sqrt(SHARED) * rng.normal(size=self.total)
        self.own = {one.name: np.sqrt(OWN) * rng.normal(size=self.total) for one in case.entrants}
        #: The code after the last label is an abstention.
        self.names = np.array([*labels, None], dtype=object)
        self.task = classification_task(name="simulated", labels=labels, metric=case.metric)
        self.contenders = tuple(_contender(one) for one in case.entrants)
        self.common = {one.name: rng.normal() for one in case.entrants}
        every = range(self.total)
        self.folds = tuple(_folds(case, rng)) if case.folded else ()
        held = sorted({row for fold in self.folds for row in fold.validation}) if case.folded else every[case.rows :]
        #: Places of the test rows and of the validation rows among all.
        self.tested, self.held = np.array(every[: case.rows], dtype=int), np.array(held, dtype=int)

    def answers(self, one: Entrant, n: int, seed: int) -> NDArray[np.int64]:
        """Draw the codes of one fit's answers to all rows."""
        case, labels = self.case, len(self.case.shares)
        if one.arm in case.silent:
            return np.full(self.total, labels)
        if one is case.entrants[0] and n == BUDGET and seed == case.collapsed:
            return np.full(self.total, int(np.argmax(case.shares)))
        reached = case.truth(one.name) - (one.climb if one.seeded and n < BUDGET else 0.0)
        if one.seeded and one.arm != "floor":
            own = self.rng.normal()
            if case.folded:
                own = np.sqrt(COMMON) * self.common[one.name] + np.sqrt(1 - COMMON) * own
            reached += case.deviation * own
        difficulty = self.hard + self.own[one.name] + np.sqrt(1 - SHARED - OWN) * self.rng.normal(size=self.total)
        wrong = (self.codes + self.rng.integers(1, labels, size=self.total)) % labels
        return np.where(difficulty < ndtri(np.clip(reached, 0.001, 0.999)), self.codes, wrong)

    def trial(self, one: Entrant, n: int, seed: int) -> Trial:
        """Fit one contender at n with one seed, and let it answer its rows."""
        answers = self.names[self.answers(one, n, seed)]
        tested, held = self.tested, self.held
        if self.folds and one.seeded:
            tested = np.array(self.folds[seed].test)
            held = self.held[list(self._validating(seed))]
        return Trial(
            f"{one.name} {n} {seed}", one.name, n, seed, "done", None, tuple(answers[held]), tuple(answers[tested]),
            20.0, 1000 * one.seconds, 1500 * one.seconds, 1 / one.seconds, 100.0, Usage(seconds=1.0), {},
        )  # fmt: skip

    def _validating(self, seed: int) -> tuple[int, ...]:
        """Give a fold's validation rows as places among those of all folds."""
        return tuple(np.searchsorted(self.held, self.folds[seed].validation).tolist())

    def evidence(self, trials: Sequence[Trial], dropped: Mapping[str, str], seed: int) -> Evidence:
        """Lay down what a study would know by now."""
        names, case = self.names[self.codes], self.case
        sizes = {"train": BUDGET, "validation": case.validation, "test": case.rows}
        found = Evidence(
            task=self.task,
            contenders=self.contenders,
            trials=tuple(trials),
            validation_labels=tuple(names[self.held]),
            test_labels=tuple(names[self.tested]),
            rows=sizes,
            fingerprint="0" * 64,
            checks=(),
            text_words=17.0,
            seed=seed,
            dropped=dict(dropped),
        )
        if not self.folds:
            return found
        folds = tuple(Fold((), self._validating(number), fold.test) for number, fold in enumerate(self.folds))
        return replace(found, folds=folds, round_folds=FOLDS, fold_overlap=OVERLAP)


def _folds(case: Case, rng: np.random.Generator) -> Iterator[Fold]:
    """Divide the rows as a study does: a fold's validation rows are some of the next fold's test rows."""
    for _ in range(case.seeds):
        parts = np.array_split(rng.permutation(case.rows), FOLDS)
        for place in range(FOLDS):
            beside = parts[(place + 1) % FOLDS]
            held = np.sort(beside[: round(VALIDATING * case.rows)])
            yield Fold((), tuple(held.tolist()), tuple(np.sort(parts[place]).tolist()))


def _contender(one: Entrant) -> Contender:
    method, _, model = one.name.partition(" ")
    sha256 = "0" * 64 if model else None
    return Contender(one.name, method, "1", one.arm, model or None, sha256, {}, one.seeded, one.seeded)


def _rounds(case: Case) -> Iterator[tuple[int, int]]:
    """Give the order of a study: a first look at few labels, then seed after seed at the decision budget."""
    yield FIRST, 0
    for seed in range(case.seeds):
        yield BUDGET, seed


def run_study(case: Case, number: int) -> Evidence:
    """Simulate one study: run what is planned, drop after each round what validation rows let it drop.

    Then the finalists and the best floor get further seeds.

    Parameters
    ----------
    case : Case
    number : int
        Of the study; the same case and number give the same study.

    Returns
    -------
    Evidence
        As the study would hand it to the decision at its end.
    """
    world = _World(case, np.random.default_rng([number, *case.name.encode()]))
    # Four sets of bootstrap draws take turns: they are drawn once, and no single set rules a whole case.
    seed = number % 4
    trials: list[Trial] = []
    dropped: dict[str, str] = {}
    size = FOLDS if case.folded else 1
    for turn, (n, run) in enumerate(_rounds(case)):
        for one in case.entrants:
            if one.seeded and one.name not in dropped:
                trials += [world.trial(one, n, size * run + place) for place in range(size)]
            elif not one.seeded and not turn:
                trials.append(world.trial(one, 0, 0))
        dropped |= droppable(world.evidence(trials, dropped, seed))
    met = finalists(world.evidence(trials, dropped, seed))
    chosen = {found[0].contender for found in met.values()}
    for run in range(case.seeds, case.finalist_seeds):
        further = [one for one in case.entrants if one.seeded and one.name in chosen]
        trials += [world.trial(one, BUDGET, run) for one in further]
    return replace(world.evidence(trials, dropped, seed), trials_dropped=len(dropped))
