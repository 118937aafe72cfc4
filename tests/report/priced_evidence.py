"""Evidence of several kinds for deciding again in the page: each makes the rule go another way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from decision_builders import (
    CURRENT,
    FACTS,
    MAJORITY,
    PROBE,
    SHOTS,
    TFIDF,
    TUNED,
    ZERO,
    contender,
    make_evidence,
    realistic,
    with_trials,
)

from bakeoff.data.split import Fold
from bakeoff.records import Assumptions, Evidence, Requirement, Usage

__all__ = ["EVIDENCE", "SERVED", "priced_evidence"]

SERVED = contender("zero-shot served", "prompt", model="http://127.0.0.1:9/v1#m", seeded=False, uses_labels=False)
_MIXED = contender("cascade minilm-l6", "both")
_USED = {
    **FACTS,
    SERVED.name: {"usage": Usage(calls=800, tokens_in=800_000, tokens_cached=640_000, tokens_out=1_600)},
    _MIXED.name: {"fit_seconds": 90.0, "rows_per_second": 60.0},
}
#: A prompt's answers that are missing, one in so many.
_ABSTAINS = 17


def _with_abstentions(evidence: Evidence) -> Evidence:
    def change(trial):
        if not trial.contender.startswith(("8-shot", "zero-shot")):
            return trial
        chance = np.random.default_rng(trial.seed)
        test, validation = (
            tuple(None if chance.integers(_ABSTAINS) == 0 else answer for answer in answers)
            for answers in (trial.test_answers, trial.validation_answers)
        )
        return replace(trial, test_answers=test, validation_answers=validation)

    return with_trials(evidence, change)


def _plain() -> Evidence:
    return _with_abstentions(realistic(rows=300, validation_rows=200))


def _mixture() -> Evidence:
    curves = [
        (TUNED, {128: 0.95}), (SHOTS, {128: 0.948}), (ZERO, {0: 0.945}), (_MIXED, {128: 0.953}),
        (TFIDF, {128: 0.75}), (MAJORITY, {128: 0.5}), (CURRENT, {0: 0.9}),
    ]  # fmt: skip
    return make_evidence(curves, facts=_USED, rows=600, seeds=3, seed_deviation=0.0005, shared=0.985)


def _served() -> Evidence:
    curves = [(TUNED, {128: 0.9}), (PROBE, {128: 0.89}), (SERVED, {0: 0.9}), (SHOTS, {128: 0.88}), (TFIDF, {128: 0.8})]
    limits = (Requirement("cost_per_1k", "<=", 0.005), Requirement("accuracy", ">=", 0.8))
    return make_evidence(curves, facts=_USED, rows=300, requirements=limits)


def _matrix() -> Evidence:
    costs: Mapping[str, Mapping[str, float]] = {"negative": {"positive": 2.0}, "positive": {"negative": 0.5}}
    return _with_abstentions(realistic(rows=300, assumptions=Assumptions(cost_matrix=costs, review_cost=0.3)))


def _folded() -> Evidence:
    """Lay realistic answers into two rounds of three folds, in which the prompts were dear to set up."""
    curves = [(TUNED, {128: 0.85}), (PROBE, {128: 0.84}), (SHOTS, {128: 0.82}), (ZERO, {0: 0.80}), (TFIDF, {128: 0.7})]
    whole = make_evidence(curves, facts=FACTS, rows=240, validation_rows=240, seeds=9, seed_deviation=0.01)
    folds = []
    for number in range(3):
        order = np.random.default_rng(number).permutation(240)
        parts = [tuple(sorted(int(row) for row in order[place::3])) for place in range(3)]
        folds += [Fold((), parts[(place + 1) % 3][:40], parts[place]) for place in range(3)]

    def laid(trial):
        if trial.contender == ZERO.name:
            return replace(trial, validation_answers=trial.test_answers)
        fold = folds[trial.seed]
        return replace(
            trial,
            test_answers=tuple(trial.test_answers[row] for row in fold.test),
            validation_answers=tuple(trial.test_answers[row] for row in fold.validation),
        )

    return replace(
        with_trials(whole, laid),
        validation_labels=whole.test_labels,
        folds=tuple(folds),
        round_folds=3,
        fold_overlap=3 * 80 / 155,
        assumptions=Assumptions(error_cost=0.01, review_cost=0.05),
    )


EVIDENCE = {"plain": _plain, "mixture": _mixture, "served": _served, "matrix": _matrix, "folds": _folded}


def priced_evidence(name: str) -> Evidence:
    """Give the evidence of a name."""
    return EVIDENCE[name]()
