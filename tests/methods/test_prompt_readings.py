"""Readings: arithmetic on what prompts made a model say, no model needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bakeoff.methods.prompt.affine import fit_affine
from bakeoff.methods.prompt.calibrate import log_shares, probabilities
from bakeoff.methods.prompt.neighbours import divergences, neighbour_scores
from bakeoff.methods.prompt.readings import (
    READINGS,
    choose_reading,
    fit_reading,
    read_reading,
    write_reading,
)


def said_of(codes, *, told=2.0, leaning=3.0, words=4, seed=0):
    """Two prompts of two labels: a leaning to the second label, a hint of the truth; words that tell it, too."""
    generator = np.random.default_rng(seed)
    truth = np.where(np.asarray(codes) == 1, 1.0, -1.0)
    scores = generator.normal(0, 0.3, (len(codes), 2, 2 + words))
    scores[:, :, 1] += leaning + told * truth[:, None]
    scores[:, :, 2] += 3.0 * truth[:, None]
    return scores


CODES = np.array([0, 1] * 20)
EMPTY = said_of([0, 1], told=0.0)


def test_calibrated_takes_the_leaning_out():
    said = said_of(CODES)
    raw = said[:, :, :2].mean(axis=1).argmax(axis=1)
    reading = fit_reading(("calibrated", 0.0), said, CODES, EMPTY, 2)
    assert (raw == CODES).mean() < 0.6
    assert (reading.scores(said).argmax(axis=1) == CODES).mean() > 0.95


def test_without_rows_every_reading_is_calibration_by_texts_without_content():
    nothing = np.zeros((0, 2, 6))
    plain = fit_reading(("calibrated", 0.0), nothing, np.zeros(0, dtype=np.int64), EMPTY, 2)
    for candidates in READINGS.values():
        reading = fit_reading(candidates[0], nothing, np.zeros(0, dtype=np.int64), EMPTY, 2)
        assert reading.kind == "calibrated"
        assert np.array_equal(reading.scores(said_of(CODES)), plain.scores(said_of(CODES)))


def test_an_endless_penalty_leaves_the_calibrated_prompts():
    said = said_of(CODES)
    plain = fit_reading(("calibrated", 0.0), said, CODES, EMPTY, 2)
    held = fit_reading(("affine", 1e9), said, CODES, EMPTY, 2)
    moved = held.scores(said) - plain.scores(said)
    # Biases alone are free to move.
    assert np.ptp(moved, axis=0) == pytest.approx(np.zeros(2), abs=1e-4)


def test_words_beside_the_labels_teach_what_labels_do_not_tell():
    said = said_of(CODES, told=0.0)
    asked = said_of(CODES, told=0.0, seed=1)
    affine = fit_reading(("affine", 10.0), said, CODES, EMPTY, 2)
    plain = fit_reading(("calibrated", 0.0), said, CODES, EMPTY, 2)
    assert (affine.scores(asked).argmax(axis=1) == CODES).mean() == 1.0
    assert (plain.scores(asked).argmax(axis=1) == CODES).mean() < 0.8


def test_the_map_is_where_its_slopes_vanish():
    generator = np.random.default_rng(3)
    features, codes = generator.normal(size=(30, 4)), generator.integers(0, 3, 30)
    start = generator.normal(size=(3, 4))
    fitted = fit_affine(features, codes, start, 5.0)
    wrong = probabilities(fitted.scores(features)) - np.eye(3)[codes]
    assert wrong.T @ features + 5.0 * (fitted.weights - start) == pytest.approx(np.zeros((3, 4)), abs=0.02)
    assert wrong.sum(axis=0) + fitted.bias == pytest.approx(np.zeros(3), abs=0.02)


def test_neighbours_by_hand():
    distances = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
    scores = neighbour_scores(distances, np.array([0, 0, 1]), 2, 1)
    assert scores.argmax(axis=1).tolist() == [0, 1]
    assert np.exp(scores) == pytest.approx(np.array([[1.1, 0.1], [0.1, 1.1]]) / 1.2)
    assert neighbour_scores(distances, np.array([0, 0, 1]), 2, 3).argmax(axis=1).tolist() == [0, 0]


def test_divergence_by_hand():
    rows, anchors = np.log([[0.5, 0.5]]), np.log([[0.5, 0.5], [0.9, 0.1]])
    expected = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    assert divergences(rows + 7.0, anchors) == pytest.approx(np.array([[0.0, expected]]))
    assert np.exp(log_shares(anchors - 3.0)) == pytest.approx(np.exp(anchors))


def test_the_choice_is_made_out_of_fold_and_repeats():
    said = said_of(CODES, told=0.0)
    choice = choose_reading("chosen", said, CODES, EMPTY, 2, metric="accuracy", seed=0)
    assert choice == choose_reading("chosen", said, CODES, EMPTY, 2, metric="accuracy", seed=0)
    assert choice.candidate == READINGS["chosen"][0]
    scores = {(kind, strength): score for kind, strength, score in choice.scores}
    assert scores[choice.candidate] > scores["calibrated", 0.0]
    # Labels that follow nothing cannot be learned: a choice on the rows themselves would score far above a half.
    drawn = np.random.default_rng(5).integers(0, 2, len(CODES))
    blind = choose_reading("neighbours", said_of(drawn * 0, told=0.0), drawn, EMPTY, 2, metric="accuracy", seed=0)
    assert max(score for _, _, score in blind.scores) < 0.8


def test_a_later_reading_is_chosen_where_it_is_clearly_better():
    # Labels that go by how far the words are apart, whatever their sign: no affine map tells them, neighbours do.
    generator = np.random.default_rng(2)
    codes = np.array([0, 1] * 30)
    said = generator.normal(0, 0.1, (60, 2, 4))
    said[:, :, 2] += np.where(codes == 1, np.where(np.arange(60) % 4 == 1, 6.0, -6.0), 0.0)[:, None]
    choice = choose_reading("chosen", said, codes, said[:2], 2, metric="accuracy", seed=0)
    assert choice.candidate[0] == "neighbours"


def test_too_few_rows_choose_nothing():
    few = choose_reading("chosen", said_of(CODES[:8]), CODES[:8], EMPTY, 2, metric="accuracy", seed=0)
    assert few.scores == ()
    assert few.candidate == READINGS["chosen"][0]


@pytest.mark.parametrize("candidate", [("affine", 30.0), ("calibrated", 0.0), ("neighbours", 3.0)])
def test_written_and_read(candidate, tmp_path: Path):
    said = said_of(CODES)
    reading = fit_reading(candidate, said, CODES, EMPTY, 2)
    write_reading(reading, tmp_path / "reading.safetensors")
    again = read_reading(tmp_path / "reading.safetensors")
    assert again.kind == reading.kind == candidate[0]
    assert np.array_equal(again.scores(said), reading.scores(said))
