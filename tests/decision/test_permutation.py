"""The paired permutation test, McNemar's mid-p and Holm's correction, against others' arithmetic."""

from __future__ import annotations

import math
from itertools import chain, combinations, product

import numpy as np
import pytest
from decision_builders import CURRENT, SHOTS, TUNED, ZERO, labels_scored, make_evidence
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from bakeoff.decision import decide, holm, mcnemar_mid_p
from bakeoff.decision.panel import MASKED
from bakeoff.decision.permutation import permutation_p
from bakeoff.tasks import score_codes


def _answers(rng, truth, share, seeds, labels=2):
    wrong = rng.random((seeds, len(truth))) >= share
    return np.where(wrong, (truth + 1) % labels, truth)


def test_permutation_p_of_one_seed_is_the_exact_mcnemar_test():
    # Swapping the rows that both answer alike changes nothing; the others are tosses of a coin.
    truth = np.zeros(60, dtype=np.int64)
    a, b = np.zeros((1, 60), dtype=np.int64), np.zeros((1, 60), dtype=np.int64)
    a[0, :4], b[0, 4:18] = 1, 1
    found = permutation_p(labels_scored("accuracy", 2), truth, a, b, permutations=40_000)
    assert found == pytest.approx(binomtest(4, 18).pvalue, abs=0.002)


def test_permutation_p_of_macro_f1_is_that_of_every_exchange():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 9)
    a, b = _answers(rng, truth, 0.9, 2, 3), _answers(rng, truth, 0.4, 2, 3)

    def difference(swap):
        first, second = np.where(swap, b, a), np.where(swap, a, b)
        pairs = zip(first, second, strict=True)
        return np.mean(
            [score_codes("macro-F1", truth, one, 3) - score_codes("macro-F1", truth, two, 3) for one, two in pairs]
        )

    every = [abs(difference(np.array(swap))) for swap in product([False, True], repeat=9)]
    exact = np.mean(np.array(every) >= every[0] - 1e-12)
    assert permutation_p(labels_scored("macro-F1", 3), truth, a, b, permutations=20_000) == pytest.approx(
        exact, abs=0.01
    )


def test_permutation_p_keeps_the_seeds_together_and_its_level():
    # Ten seeds that answer alike are one artefact: repeating it adds no evidence.
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 80)
    a, b = _answers(rng, truth, 0.85, 1), _answers(rng, truth, 0.8, 1)
    once = permutation_p(labels_scored("accuracy", 2), truth, a, b)
    assert permutation_p(labels_scored("accuracy", 2), truth, np.repeat(a, 10, 0), np.repeat(b, 10, 0)) == once
    found = []
    for _ in range(300):
        equal = _answers(rng, truth, 0.8, 6)
        found.append(permutation_p(labels_scored("accuracy", 2), truth, equal[:3], equal[3:], permutations=400))
    assert np.mean(np.array(found) <= 0.05) <= 0.08
    # Ties count on the side of caution, so the mean lies somewhat above one half.
    assert 0.48 <= np.mean(found) <= 0.63


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 25),
    seeds=st.integers(1, 3),
    metric=st.sampled_from(["accuracy", "macro-F1"]),
    draw=st.integers(0, 2**32 - 1),
)
def test_permutation_p_is_blind_to_which_comes_first_and_sees_nothing_between_equals(rows, seeds, metric, draw):
    rng = np.random.default_rng(draw)
    truth = rng.integers(0, 3, rows)
    a, b = rng.integers(-1, 3, (2, seeds, rows))
    scoring = labels_scored(metric, 3)
    found = permutation_p(scoring, truth, a, b, permutations=200)
    assert 1 / 201 <= found <= 1
    assert permutation_p(scoring, truth, b, a, permutations=200) == found
    assert permutation_p(scoring, truth, a, a, permutations=200) == 1


@pytest.mark.parametrize("metric", ["accuracy", "macro-F1"])
def test_masked_rows_do_not_count(metric):
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 50)
    a, b = _answers(rng, truth, 0.9, 2), _answers(rng, truth, 0.7, 2)
    more = np.concatenate([truth, rng.integers(0, 2, 20)])
    masked = np.full((2, 20), MASKED)
    found = permutation_p(
        labels_scored(metric, 2), more, np.hstack([a, masked]), np.hstack([b, masked]), permutations=8_000
    )
    assert found == pytest.approx(permutation_p(labels_scored(metric, 2), truth, a, b, permutations=8_000), abs=0.01)


def test_permutation_p_at_its_ends():
    truth = np.zeros(40, dtype=np.int64)
    right, wrong = np.zeros((2, 40), dtype=np.int64), np.ones((2, 40), dtype=np.int64)
    assert permutation_p(labels_scored("accuracy", 2), truth, right, right) == 1.0
    assert permutation_p(labels_scored("accuracy", 2), truth, right, wrong, permutations=999) == pytest.approx(0.001)
    assert math.isnan(permutation_p(labels_scored("accuracy", 2), truth[:0], right[:, :0], wrong[:, :0]))


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_mid_p_is_the_exact_p_of_scipy_less_half_of_what_was_seen_twice(only_a, only_b):
    if only_a == only_b:
        assert mcnemar_mid_p(only_a, only_b) == 1.0
    else:
        exact = binomtest(only_a, only_a + only_b).pvalue
        seen = binom.pmf(min(only_a, only_b), only_a + only_b, 0.5)
        assert mcnemar_mid_p(only_a, only_b) == pytest.approx(exact - seen)


def test_mcnemar_mid_p_of_a_published_example():
    # Fagerland, Lydersen and Laake 2013, airway responsiveness: 1 and 7 discordant pairs.
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.039, abs=0.0005)
    assert binomtest(1, 8).pvalue == pytest.approx(0.070, abs=0.0005)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_is_the_closed_test_of_bonferroni(p_values):
    # What Holm's steps are a shortcut of: a hypothesis falls where every set of them that holds it falls.
    every = range(len(p_values))
    sets = list(chain.from_iterable(combinations(every, size) for size in range(1, len(p_values) + 1)))
    falls = [min(1.0, len(some) * min(p_values[one] for one in some)) for some in sets]
    closed = [max(p for p, some in zip(falls, sets, strict=True) if one in some) for one in every]
    assert holm(p_values) == pytest.approx(closed)


def test_a_decision_shows_the_permutation_p_and_mcnemars_where_no_seed_is_in_play():
    evidence = make_evidence(
        [(TUNED, {64: 0.9}), (SHOTS, {64: 0.8}), (ZERO, {0: 0.85}), (CURRENT, {0: 0.8})], rows=400, seed_deviation=0.02
    )
    found = {(one.a, one.b): one for one in decide(evidence).comparisons}
    assert all(0 < one.p_permutation <= 1 for one in found.values())
    assert found[TUNED.name, CURRENT.name].p_mcnemar is None
    fixed = found[ZERO.name, CURRENT.name]
    zero, today = (
        next(np.array(t.test_answers) == evidence.test_labels for t in evidence.trials if t.contender == one.name)
        for one in (ZERO, CURRENT)
    )
    assert fixed.p_mcnemar == mcnemar_mid_p(int((zero & ~today).sum()), int((today & ~zero).sum()))
    assert fixed.p_permutation == pytest.approx(fixed.p_mcnemar, abs=0.05)
