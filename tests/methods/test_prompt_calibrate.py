"""The arithmetic of calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.calibrate import (
    batch_shift,
    blended_shift,
    calibrated,
    check_calibration,
    contextual_shift,
    domain_texts,
    label_prior,
    probabilities,
)

SCORES = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(-30, 0))


def test_contextual_by_hand():
    # Shares .8/.2 and .6/.4 have the mean .7/.3: a row at exactly that leaning is undecided after calibration.
    shift = contextual_shift(np.log([[0.08, 0.02], [0.6, 0.4]]))
    assert probabilities(calibrated(np.log([[0.7, 0.3]]), shift)) == pytest.approx(np.array([[0.5, 0.5]]))
    assert shift[0] - shift[1] == pytest.approx(np.log(0.7 / 0.3))


def test_batch_by_hand_and_with_prior():
    scores = np.log([[0.9, 0.1], [0.7, 0.3], [0.5, 0.5], [0.7, 0.3]])
    assert probabilities(calibrated(scores, batch_shift(scores))).argmax(axis=1).tolist()[0::2] == [0, 1]
    back = batch_shift(scores, np.array([0.7, 0.3]))
    assert back == pytest.approx(np.zeros(2), abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6), st.integers(0, 99), st.integers(1, 9))
def test_domain_texts_hold_the_rows_words_and_are_as_long_as_a_row(texts, seed, count):
    words = [word for text in texts for word in text.split()]
    made = domain_texts(texts, seed, count)
    assert made == domain_texts(texts, seed, count)
    assert len(made) == (count if words else 0)
    for text in made:
        assert set(text.split()) <= set(words)
        assert len(text.split()) == max(1, round(len(words) / len(texts)))


def test_domain_texts_draw_frequent_words_more_often():
    drawn = " ".join(domain_texts(["often often often rare", "often often often often"], 0, 200)).split()
    assert len(drawn) == 800
    assert 0.8 < drawn.count("often") / len(drawn) < 0.95
    assert domain_texts(["a b c d e f g h"], 1) != domain_texts(["a b c d e f g h"], 2)


def test_prior_only_where_labels_are_uneven():
    assert label_prior(np.array([5.0, 3.0])) is None
    assert label_prior(np.array([0.0, 2.0])) is None
    assert label_prior(np.array([17.0, 1.0])) == pytest.approx(np.array([0.9, 0.1]))
    # Seventy-seven even labels, one row each on average: three of one label and none of another is chance.
    assert label_prior(np.array([3.0, 0.0, *[1.0] * 75])) is None


def test_blend_by_hand():
    batch, contextual = np.array([1.0, -1.0]), np.array([-0.5, 0.5])
    assert blended_shift(batch, 8, contextual) == pytest.approx(np.array([0.25, -0.25]))
    assert blended_shift(batch, 0, contextual) == pytest.approx(contextual)


@settings(deadline=None)
@given(SCORES, st.integers(0, 2))
def test_a_leaning_of_the_prompt_is_taken_out(scores, label):
    """Behind one text without content, a constant in favour of one label changes no calibrated probability."""
    leaning = np.zeros(3)
    leaning[label] = 4.0
    empty = scores[:1]
    plain = calibrated(scores, contextual_shift(empty))
    leant = calibrated(scores + leaning, contextual_shift(empty + leaning))
    assert probabilities(leant) == pytest.approx(probabilities(plain), abs=1e-9)


@settings(deadline=None)
@given(SCORES)
def test_shifts_are_finite_centred_and_blind_to_row_constants(scores):
    for shift in (contextual_shift(scores), batch_shift(scores)):
        assert np.isfinite(shift).all()
        assert shift.mean() == pytest.approx(0.0, abs=1e-9)
    assert batch_shift(scores - 50.0) == pytest.approx(batch_shift(scores))
    assert probabilities(scores).sum(axis=1) == pytest.approx(np.ones(len(scores)))


def test_underflow_and_wrong_name():
    assert np.isfinite(batch_shift(np.array([[0.0, -2000.0], [0.0, -3000.0]]))).all()
    with pytest.raises(OptionError, match="'platt' came"):
        check_calibration("platt")
