"""What the declared test could show, against the test itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from decision_builders import SHOTS, TFIDF, TUNED, make_evidence, realistic
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.decision import decide, detectable_difference, settle, smallest_detectable_difference
from bakeoff.decision.design import Design
from bakeoff.decision.power import power_of_test
from bakeoff.decision.resampling import summarise


def _simulated_power(rng, difference, rows, seeds, deviation, studies):
    """Draw the test's statistics where all seeds answer the rows alike but for one shift each."""
    named = 0
    for _ in range(studies):
        spread = np.sqrt(0.2)
        row_part = rng.normal(0, spread / np.sqrt(rows))
        points = difference + row_part + rng.normal(0, deviation, size=seeds)
        # Each seed's resamples move alike, so that none of the spread of the seeds is the rows'.
        draws = points + rng.normal(0, spread / np.sqrt(rows), size=(400, 1))
        estimate = summarise(points, draws, rows)
        named += estimate.p_value() < 0.05 and estimate.mean > 0
    return named / studies


@pytest.mark.parametrize(("seeds", "deviation", "difference"), [(3, 0.0, 0.07), (3, 0.03, 0.1), (5, 0.03, 0.08)])
def test_the_power_agrees_with_simulated_tests(seeds, deviation, difference):
    rng = np.random.default_rng(1)
    found = _simulated_power(rng, difference, 300, seeds, deviation, 1500)
    said = power_of_test(difference, 0.2 / 300, deviation**2 / seeds, 0.0, Design(300, seeds), 0.05)
    assert said == pytest.approx(found, abs=0.03)


def test_without_seeds_it_is_the_power_of_two_artefacts():
    for rows in (200, 500, 2000):
        said = detectable_difference(rows, 1, seed_deviation=0.0, alpha=0.05)
        assert said == pytest.approx(smallest_detectable_difference(rows), rel=0.05)


def test_three_seeds_that_differ_by_three_points_show_far_less_than_rows_alone_would():
    assert detectable_difference(1000, 3, seed_deviation=0.0) < 5
    assert detectable_difference(1000, 3, seed_deviation=0.03) > 15
    assert detectable_difference(1000, 5, seed_deviation=0.03) < 10


@given(rows=st.integers(2, 5000), seeds=st.integers(1, 12), deviation=st.floats(0.0, 0.1), folded=st.booleans())
def test_more_rows_and_steadier_seeds_never_show_less(rows, seeds, deviation, folded):
    layout = {"folds": 3, "overlap": 1.9} if folded and seeds > 1 else {}
    said = detectable_difference(rows, seeds, seed_deviation=deviation, **layout)
    assert 0 < said <= 100
    assert detectable_difference(rows, seeds, seed_deviation=deviation + 0.02, **layout) >= said * 0.98


def test_few_rows_and_no_seeds_show_nothing():
    assert detectable_difference(0, 3) == detectable_difference(1, 3) == detectable_difference(300, 0) == 100


def test_what_was_seen_replaces_what_was_assumed():
    steady = make_evidence([(TUNED, {64: 0.85}), (SHOTS, {64: 0.8}), (TFIDF, {64: 0.6})], seed_deviation=0.0)
    shaky = make_evidence([(TUNED, {64: 0.85}), (SHOTS, {64: 0.8}), (TFIDF, {64: 0.6})], seed_deviation=0.05)
    assert decide(steady).mde < detectable_difference(500, 3) < decide(shaky).mde


def test_settle_comes_to_what_decide_says():
    for seed in range(4):
        evidence = realistic(seed=seed, rows=200)
        settled, decision = settle(evidence), decide(evidence)
        verdict = next(one for one in decision.comparisons if one.role == "verdict")
        assert (settled.choice.choice, settled.n) == (decision.verdict.choice, decision.verdict.n)
        assert (settled.finetune, settled.prompt, settled.p_holm) == (verdict.a, verdict.b, verdict.p_holm)
        assert settled.difference is not None
        assert settled.difference.mean == verdict.difference
        assert settled.mde == decision.mde


def test_one_round_of_folds_shows_what_one_seed_shows_or_less():
    one = detectable_difference(200, 1)
    assert math.isfinite(one)
    assert detectable_difference(200, 1, folds=3, overlap=0.5) >= one
