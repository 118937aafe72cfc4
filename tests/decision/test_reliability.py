"""Calibration error, spread beyond chance, label noise: against what they are by definition, and on known truths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bakeoff.decision import calibration_error, calibration_error_by_chance, deviation_beyond_chance, suspicion
from bakeoff.decision.spread import group_deviation_beyond_chance

SHARES = st.integers(1, 200).flatmap(lambda rows: arrays(np.float64, rows, elements=st.floats(0, 1)))


def _by_hand(confidence, right, bins):
    order = sorted(range(len(confidence)), key=lambda row: confidence[row])
    edges = [len(order) * place // bins for place in range(bins + 1)]
    error = 0.0
    for low, high in itertools.pairwise(edges):
        members = order[low:high]
        if members:
            mean = sum(confidence[row] for row in members) / len(members)
            share = sum(right[row] for row in members) / len(members)
            error += len(members) / len(order) * abs(mean - share)
    return error


@given(SHARES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_calibration_error_is_its_definition(confidence, chance):
    right = np.array([chance.random() < 0.6 for _ in confidence])
    found = calibration_error(confidence, right)
    assert 0 <= found <= 1
    assert found == pytest.approx(_by_hand(confidence, right, min(10, len(confidence))), abs=1e-9)


def test_calibration_error_of_known_probabilities():
    sure = np.full(100, 0.9)
    assert calibration_error(sure, np.arange(100) % 10 != 0) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(np.full(100, 1.0), np.arange(100) % 2 == 0) == pytest.approx(0.5)
    assert math.isnan(calibration_error(np.zeros(0), np.zeros(0, dtype=bool)))
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 400)
    holding = rng.random(400) < confidence
    chance = calibration_error_by_chance(confidence)
    assert 0.02 < chance < 0.06
    assert calibration_error(confidence, holding) < 2 * chance
    # Answers that are right less often than they say, by 15 points.
    assert calibration_error(confidence, rng.random(400) < confidence - 0.15) > 2.5 * chance


def test_equal_procedures_have_no_spread_beyond_chance_and_unequal_ones_their_own():
    rng = np.random.default_rng(1)
    equal = [deviation_beyond_chance(rng.random((5, 100)) < 0.8) for _ in range(300)]
    assert np.mean(equal) < 0.015
    assert np.mean([value == 0 for value in equal]) > 0.4
    true = np.array([0.6, 0.7, 0.8, 0.9])
    apart = [deviation_beyond_chance(rng.random((4, 400)) < true[:, None]) for _ in range(200)]
    assert np.sqrt(np.mean(np.square(apart))) == pytest.approx(true.std(ddof=1), abs=0.01)
    assert math.isnan(deviation_beyond_chance(np.ones((1, 9), dtype=bool)))


def test_groups_of_one_share_have_no_spread_beyond_chance():
    rng = np.random.default_rng(2)
    sizes = np.full(8, 40)
    equal = [group_deviation_beyond_chance(rng.binomial(40, 0.8, 8) / 40, sizes) for _ in range(300)]
    assert np.mean(equal) < 0.03
    true = np.linspace(0.5, 0.9, 8)
    apart = [group_deviation_beyond_chance(rng.binomial(40, true) / 40, sizes) for _ in range(300)]
    assert np.sqrt(np.mean(np.square(apart))) == pytest.approx(true.std(ddof=1), abs=0.02)


def _noisy(flipped, rows=600, labels=3, seed=0):
    """Give labels of which a share is wrong, and honest probabilities of the true ones."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(labels, size=rows)
    logits = rng.normal(size=(rows, labels)) + 3.5 * np.eye(labels)[truth]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.random(rows) < flipped
    return np.where(wrong, (truth + 1) % labels, truth), shares, wrong


@pytest.mark.parametrize("flipped", [0.05, 0.15])
def test_rows_with_a_wrong_label_are_found(flipped):
    given_labels, shares, wrong = _noisy(flipped)
    found = suspicion(given_labels, shares)
    assert len(found.rows) == pytest.approx(wrong.sum(), rel=0.5)
    assert wrong[found.rows[:10]].mean() >= 0.9
    assert wrong[found.rows].sum() >= 0.6 * wrong.sum()
    assert (found.suggested != given_labels[found.rows]).all()


def test_clean_labels_and_odd_inputs_give_few_suspects():
    given_labels, shares, _ = _noisy(0.0)
    assert len(suspicion(given_labels, shares).rows) < 0.05 * len(given_labels)
    shares[:3] = np.nan
    assert not {0, 1, 2} & set(suspicion(given_labels, shares).rows.tolist())
    assert len(suspicion(np.zeros(0, dtype=np.int64), np.zeros((0, 3))).rows) == 0
    assert len(suspicion(np.zeros(5, dtype=np.int64), np.full((5, 2), np.nan)).rows) == 0
    one_label = np.zeros(5, dtype=np.int64)
    assert len(suspicion(one_label, np.full((5, 2), 0.5)).rows) == 0
