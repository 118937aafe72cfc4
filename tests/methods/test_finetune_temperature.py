"""Temperature scaling finds what was done to the scores, and moves no answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from bakeoff.methods.finetune.temperature import LEAST_ROWS, fit_temperature


def _rows(count: int, sharper: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose probabilities are true, made sharper."""
    generator = np.random.default_rng(0)
    logits = generator.normal(scale=2.0, size=(count, 3))
    codes = np.array([generator.choice(3, p=one) for one in softmax(logits, axis=1)])
    return logits * sharper, codes


@pytest.mark.parametrize("sharper", [0.5, 1.0, 3.0])
def test_what_made_scores_sharper_is_found(sharper):
    assert fit_temperature(*_rows(20_000, sharper)) == pytest.approx(sharper, rel=0.05)


def test_few_rows_change_nothing():
    logits, codes = _rows(LEAST_ROWS - 1, 3.0)
    assert fit_temperature(logits, codes) == 1.0


def test_rows_that_are_all_right_do_not_make_it_vanish():
    logits = np.tile([5.0, 0.0], (100, 1))
    assert fit_temperature(logits, np.zeros(100, dtype=np.int64)) == pytest.approx(0.25, abs=0.01)
