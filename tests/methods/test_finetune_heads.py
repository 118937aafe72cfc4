"""Logistic heads: probabilities, the choice of strength, and labels without rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from bakeoff.methods.heads import (
    LinearHead,
    choose_strength,
    fit_logistic,
    fit_one_vs_rest,
    read_head,
    softmax,
    write_head,
)


def _fit(features: np.ndarray, codes: np.ndarray, n_labels: int, C: float) -> LinearHead:
    return fit_logistic(features, codes, n_labels, C=C)


def _clouds(rows: int, labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    codes = np.arange(rows) % labels
    centres = generator.normal(size=(labels, 6))
    return centres[codes] + generator.normal(size=(rows, 6)), codes.astype(np.int64)


def test_two_labels_give_scikit_learns_probabilities() -> None:
    features, codes = _clouds(60, 2)
    head = fit_logistic(features, codes, 2, C=1.0)
    expected = LogisticRegression(C=1.0, max_iter=300, tol=1e-3).fit(features, codes).predict_proba(features)
    np.testing.assert_allclose(head.probabilities(features), expected, atol=1e-5)


def test_a_label_without_rows_has_no_probability_and_changes_no_other() -> None:
    features, codes = _clouds(90, 3)
    moved = np.array([0, 2, 3])[codes]
    head, plain = fit_logistic(features, moved, 5, C=1.0), fit_logistic(features, codes, 3, C=1.0)
    probabilities = head.probabilities(features)
    assert np.all(probabilities[:, [1, 4]] == 0)
    np.testing.assert_allclose(probabilities[:, [0, 2, 3]], plain.probabilities(features), atol=1e-6)


def test_one_vs_rest_scales_each_labels_own_probability() -> None:
    features, codes = _clouds(90, 3)
    head = fit_one_vs_rest(features, codes, 4, C=1.0, seed=0)
    own = 1 / (1 + np.exp(-(features @ head.weights[:3].T + head.bias[:3])))
    expected = own / own.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.probabilities(features)[:, :3], expected, atol=1e-6)
    assert np.all(head.probabilities(features)[:, 3] == 0)
    alone = LogisticRegression(C=1.0, solver="liblinear", dual=True, tol=1e-6, max_iter=5000, random_state=0)
    np.testing.assert_allclose(own[:, 1], alone.fit(features, codes == 1).predict_proba(features)[:, 1], atol=0.02)


def test_strength_follows_the_metric_and_ties_go_to_the_stronger_penalty() -> None:
    features, codes = _clouds(60, 2)
    choice = choose_strength(
        features * 100,
        codes,
        2,
        _fit,
        metric="accuracy",
        candidates=(0.1, 1.0, 10.0),
        default=1.0,
        seed=0,
        least_rows=10,
    )
    best = max(score for _, score in choice.scores)
    smallest = min(strength for strength, score in choice.scores if score == best)
    assert smallest == choice.C
    assert choice.folds == 5


def test_folds_are_limited_by_the_rarest_label() -> None:
    features, codes = _clouds(40, 2)
    codes[:] = 0
    codes[:4] = 1
    chosen = {"metric": "accuracy", "candidates": (1.0, 2.0), "default": 7.0, "seed": 0, "least_rows": 10}
    assert choose_strength(features, codes, 2, _fit, **chosen).folds == 4
    codes[1:4] = 0
    alone = choose_strength(features, codes, 2, _fit, **chosen)
    assert (alone.folds, alone.C) == (0, 7.0)


def test_few_rows_take_the_default() -> None:
    chosen = {"metric": "accuracy", "candidates": (1.0, 2.0), "default": 7.0, "seed": 0, "least_rows": 40}
    assert choose_strength(*_clouds(39, 2), 2, _fit, **chosen).C == 7.0
    assert choose_strength(*_clouds(40, 2), 2, _fit, **chosen).folds == 5


def test_a_rare_label_stays_out_of_the_choice_of_many() -> None:
    features, codes = _clouds(41, 2)
    codes[40] = 2
    choice = choose_strength(
        features, codes, 3, _fit, metric="macro-F1", candidates=(1.0, 2.0), default=7.0, seed=0, least_rows=10
    )
    assert choice.folds == 3


def test_softmax_is_safe_for_large_and_infinite_scores() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 0.0, -np.inf]])), [[1.0, 0.0, 0.0]])


def test_a_head_comes_back_equal(tmp_path: Path) -> None:
    head = fit_one_vs_rest(*_clouds(30, 3), 4, C=1.0, seed=0)
    write_head(head, tmp_path / "head.safetensors")
    again = read_head(tmp_path / "head.safetensors")
    assert again.one_vs_rest
    np.testing.assert_array_equal(head.weights, again.weights)
    np.testing.assert_array_equal(head.bias, again.bias)
