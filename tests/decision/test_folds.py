"""Decisions on cross-fitted rows: masks, pairs, the choice made anew in each fold, and honest intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decision_builders import contender, make_evidence

from bakeoff.data import Fold
from bakeoff.decision import decide
from bakeoff.decision.comparisons import as_chosen, chosen_in_folds, field_of
from bakeoff.decision.panel import MASKED, Panel, pair_codes
from bakeoff.decision.resampling import estimate_difference, summarise_folds
from bakeoff.records import Assumptions, Evidence, Trial, Usage

FULL, PROBE = contender("full small", "finetune"), contender("probe small", "finetune")
PROMPT = contender("zero-shot small", "prompt", seeded=False, uses_labels=False)


def _folds(rows: int, rounds: int, validation: int) -> tuple[Fold, ...]:
    """Make rounds of three folds, whose validation rows are the first of the next fold's test rows."""
    folds = []
    for number in range(rounds):
        order = np.random.default_rng(number).permutation(rows)
        parts = [tuple(sorted(int(row) for row in order[place::3])) for place in range(3)]
        folds += [Fold((), parts[(place + 1) % 3][:validation], parts[place]) for place in range(3)]
    return tuple(folds)


def _trial(one, n, seed, validation, test):
    return Trial(
        f"{one.name}-{n}-{seed}", one.name, n, seed, "done", None, tuple(validation), tuple(test),
        20.0, 4.0, 6.0, 250.0, 90.0, Usage(seconds=10.0), {},
    )  # fmt: skip


def _evidence(right, rows=300, rounds=3, validation=40, common=0.0, deviation=0.0, seed=0):
    """Make evidence in which each contender answers a row rightly with its chance.

    The chance is moved by a normal draw that all fits share, as from overlapping training rows, and by one each fit.
    """
    chance, labels = np.random.default_rng(seed), ("negative", "positive")
    truth = chance.integers(0, 2, rows)
    hardness = chance.random(rows)
    folds = _folds(rows, rounds, validation)

    def answers(rate, positions):
        own = np.array(positions)
        correct = 0.5 * hardness[own] + 0.5 * chance.random(len(own)) < rate
        return [labels[code if ok else 1 - code] for code, ok in zip(truth[own], correct, strict=True)]

    trials = []
    for one, rate in right:
        moved = rate + common * chance.standard_normal()
        if not one.seeded:
            trials.append(_trial(one, 0, 0, answers(moved, range(rows)), answers(moved, range(rows))))
            continue
        for place, fold in enumerate(folds):
            own = moved + deviation * chance.standard_normal()
            trials.append(_trial(one, 64, place, answers(own, fold.validation), answers(own, fold.test)))
    names = tuple(labels[code] for code in truth)
    return replace(
        make_evidence([(FULL, {64: 0.8})], rows=10),
        contenders=tuple(one for one, _ in right),
        trials=tuple(trials),
        test_labels=names,
        validation_labels=names,
        rows={"train": 150, "validation": 50, "test": 100},
        folds=folds,
        round_folds=3,
        fold_overlap=3 * 100 / 155,
    )


def test_a_round_is_scored_on_all_rows():
    evidence: Evidence = _evidence([(FULL, 0.9), (PROMPT, 0.7)])
    panel = Panel(evidence)
    tuned, asked = panel.cell(FULL.name, 64), panel.cell(PROMPT.name, 64)
    assert tuned is not None
    assert asked is not None
    assert tuned.test.shape == (3, 300)
    assert not (tuned.test == MASKED).any()
    by_hand = [
        np.mean(
            [
                answer == evidence.test_labels[row]
                for trial in evidence.trials[first : first + 3]
                for answer, row in zip(trial.test_answers, evidence.folds[trial.seed].test, strict=True)
            ]
        )
        for first in (0, 3, 6)
    ]
    assert panel.scores(tuned) == pytest.approx(by_hand)
    a, b = pair_codes(tuned, asked, "validation")
    assert (a == MASKED).any()
    assert ((a == MASKED) == (b == MASKED)).all()


def test_an_incomplete_round_is_left_out():
    evidence = _evidence([(FULL, 0.9), (PROMPT, 0.7)])
    short = replace(evidence.trials[0], test_answers=evidence.trials[0].test_answers[:-1])
    cell = Panel(replace(evidence, trials=(short, *evidence.trials[1:]))).cell(FULL.name, 64)
    assert cell is not None
    assert cell.seeds == (1, 2)
    assert Panel(replace(evidence, trials=evidence.trials[:2])).cell(FULL.name, 64) is None


def test_every_fold_chooses_by_its_own_validation_rows():
    evidence = _evidence([(FULL, 0.8), (PROBE, 0.8), (PROMPT, 0.7)])
    panel = Panel(evidence)
    field = field_of(panel)
    assert field.finetune is not None
    chosen = chosen_in_folds(panel, field, field.finetune)
    by_place = {(trial.contender, trial.seed): trial for trial in evidence.trials}
    tested = as_chosen(panel, field, field.finetune)
    assert tested is not None
    assert set(chosen) == set(range(9))
    for number, name in chosen.items():
        fold = evidence.folds[number]
        truth = [evidence.validation_labels[row] for row in fold.validation]
        right = {
            other: np.mean([a == b for a, b in zip(by_place[other, number].validation_answers, truth, strict=True)])
            for other in (FULL.name, PROBE.name)
        }
        assert right[name] == max(right.values())
        codes = [evidence.task.labels[code] for code in tested.test[number // 3][list(fold.test)]]
        assert tuple(codes) == by_place[name, number].test_answers


def test_the_scope_says_what_the_folds_chose():
    scope = decide(_evidence([(FULL, 0.8), (PROBE, 0.8), (PROMPT, 0.7)])).verdict.scope
    assert "Cross-fitted in 3 rounds of 3 folds" in scope
    assert "in place of" in scope


def test_a_clear_lead_is_found_on_all_rows():
    decision = decide(_evidence([(FULL, 0.8), (PROMPT, 0.6)]))
    assert decision.verdict.choice == "fine-tune"
    comparison = next(one for one in decision.comparisons if one.role == "verdict")
    assert comparison.n_pairs == 900
    assert "3 rounds of folds x 300 rows" in decision.verdict.confidence


def test_a_prompt_alone_is_decided_without_an_error():
    assert decide(_evidence([(PROMPT, 0.7)])).verdict.choice == "unresolved"


def test_overlapping_training_rows_widen_the_seeds_part():
    points = np.array([0.02, 0.10, 0.06])
    draws = points + 0.001 * np.random.default_rng(0).standard_normal((500, 3))
    plain, corrected = (
        summarise_folds(points, draws, 300, of_fits=(4e-4, 1e-4), folds=3, overlap=overlap) for overlap in (0.0, 2.0)
    )
    assert corrected.rows_variance == plain.rows_variance
    assert plain.seeds_variance == pytest.approx(4e-4 - 0.75e-4)
    assert corrected.seeds_variance == pytest.approx(7 * plain.seeds_variance)
    assert min(plain.df, corrected.df) >= 6


def test_nine_fits_tell_their_spread_and_what_of_it_the_rows_cause():
    # Two contenders whose fits differ by 5 points each: the mean over nine fits has a variance of 2 x .0025 / 9.
    found = []
    for seed in range(40):
        panel = Panel(_evidence([(FULL, 0.5), (PROBE, 0.5)], rows=1200, validation=60, deviation=0.1, seed=seed))
        tuned, other = panel.cell(FULL.name, 64), panel.cell(PROBE.name, 64)
        assert tuned is not None
        assert other is not None
        gaps = [np.mean(panel.scores(one)) for one in (tuned, other)]
        found.append((estimate_difference(panel, tuned, other, resamples=300), gaps[0] - gaps[1]))
    # The estimate widens by 1 + 3 x overlap for what overlapping rows hide; here nothing is hidden.
    widened = 1 + 3 * 3 * 100 / 155
    of_seeds = np.mean([one.seeds_variance for one, _ in found]) / widened
    seen = np.var([gap for _, gap in found])
    assert of_seeds + np.mean([one.rows_variance for one, _ in found]) == pytest.approx(seen, rel=0.5)


@pytest.mark.parametrize(("common", "deviation"), [(0.0, 0.0), (0.0, 0.03), (0.01, 0.02)])
def test_equal_procedures_are_rarely_called_different(common, deviation):
    studies, wrong = 300, 0
    for seed in range(studies):
        panel = Panel(_evidence([(FULL, 0.7), (PROBE, 0.7)], common=common, deviation=deviation, seed=seed))
        tuned, other = panel.cell(FULL.name, 64), panel.cell(PROBE.name, 64)
        assert tuned is not None
        assert other is not None
        wrong += estimate_difference(panel, tuned, other, resamples=300).p_value() < 0.05
    # Three standard errors of a share of so many studies above 5%.
    assert wrong <= studies * (0.05 + 3 * (0.05 * 0.95 / studies) ** 0.5)


def test_one_price_for_errors_gives_the_statistics_of_accuracy_in_folds():
    evidence = _evidence([(FULL, 0.9), (PROBE, 0.88), (PROMPT, 0.7)], deviation=0.06)
    by_score = decide(evidence)
    by_cost = decide(replace(evidence, assumptions=Assumptions(error_cost=2.0, volume=1e6)))
    score = next(one for one in by_score.comparisons if one.role == "verdict")
    cost = next(one for one in by_cost.cost_comparisons if one.role == "verdict")
    assert (cost.a, cost.b) == (score.a, score.b)
    # A million predictions at 2 a wrong answer; what else a month costs is next to nothing beside that.
    assert cost.difference / -2e6 == pytest.approx(score.difference, abs=1e-4)
    assert cost.ci[0] / -2e6 == pytest.approx(score.ci[1], abs=2e-4)
    assert cost.ci[1] / -2e6 == pytest.approx(score.ci[0], abs=2e-4)
    assert by_cost.verdict.choice == by_score.verdict.choice == "fine-tune"
