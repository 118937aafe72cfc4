"""Who was left out of the final, what did not fit the time, and means that subtract: said as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_builders import FACTS, PROBE, SHOTS, TFIDF, TUNED, contender, make_evidence

from bakeoff.decision import decide

SEARCHED = contender("searched smollm2-135m", "prompt")


@pytest.fixture(scope="module")
def short():
    """A study in which the best prompt on validation rows had time for one seed of three."""
    curves = [(TUNED, {16: 0.8}), (PROBE, {}), (SHOTS, {16: 0.78}), (SEARCHED, {16: 0.9}), (TFIDF, {16: 0.6})]
    whole = make_evidence(curves, rows=200, validation_rows=200, facts=FACTS, train=1761)
    kept = tuple(one for one in whole.trials if one.contender != SEARCHED.name or one.seed == 0)
    return replace(whole, trials=kept, time_limit=120.0, budgets_beyond=(64, 256, 1761))


def test_the_better_one_with_too_few_seeds_is_named_with_its_score(short):
    verdict = decide(short).verdict
    first, second = verdict.left_out
    assert first.startswith(f"{SEARCHED.name}: 1 of 3 seeds in the time; validation .8")
    assert f"that of the finalist {SHOTS.name} .7" in first
    assert second == f"{PROBE.name}: no finished trial in the time."


def test_larger_budgets_that_did_not_fit_are_said(short):
    assert "Decided at 16 of 1761 labelled rows: larger budgets did not fit in 2 min." in decide(short).verdict.scope
    free = decide(replace(short, time_limit=None, budgets_beyond=())).verdict
    assert "Decided at 16 of 1761 labelled rows. " in free.scope
    assert [one.partition(":")[0] for one in free.left_out] == [SEARCHED.name], "without a limit none is wanted"


def test_a_difference_stands_beside_the_means_that_it_is_the_difference_of(short):
    """The tuned finalist has two seeds more, over which its mean is another one."""
    more = make_evidence([(TUNED, {16: 0.6})], rows=200, validation_rows=200, seeds=5)
    extra = [
        replace(trial, key=f"{trial.key} further", test_answers=tuple(reversed(trial.test_answers)))
        for trial in more.trials
        if trial.seed >= 3
    ]
    decision = decide(replace(short, trials=(*short.trials, *extra)))
    met = next(one for one in decision.comparisons if one.role == "verdict")
    row = next(row for row in decision.leaderboard if row.contender == TUNED.name)
    assert (row.seeds, met.n_pairs) == (5, 600)
    assert met.difference == pytest.approx(met.score_a - met.score_b, abs=1e-12)
    assert abs(row.score - met.score_a) > 0.01
    goals = decision.considerations[-1].figures
    assert goals["finetune_score"] - goals["prompt_score"] == pytest.approx(goals["difference"], abs=1e-12)


def test_two_seeds_are_said_before_the_floor_and_the_better_one_can_be_shipped():
    """However far apart the scores are, too few seeds are the reason; the floor is not better."""
    curves = [(TUNED, {16: 0.7}), (SHOTS, {16: 0.8}), (TFIDF, {16: 0.66})]
    apart = make_evidence(curves, rows=200, validation_rows=200, facts=FACTS, train=400, seeds=2, seed_deviation=0.1)
    verdict = decide(apart).verdict
    assert (verdict.choice, verdict.meanwhile) == ("unresolved", TFIDF.name)
    said = " ".join(verdict.reasons)
    assert f"Meanwhile use {TFIDF.name}: with under 3 seeds nothing is shown to beat it" in said
    assert f"bakeoff ship STUDY --contender '{SHOTS.name}'" in said
    assert said.index("under 3 seeds, so what a refit would change is not known") < said.index("Meanwhile")
