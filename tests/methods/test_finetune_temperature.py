"""Temperature scaling finds what was done to the scores, and moves no answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from bakeoff.decision import calibration_error
from bakeoff.methods.finetune.temperature import (
    LEAST_ROWS,
    _likeliest,
    calibrate_head,
    fit_temperature,
    held_out_calibration,
)
from bakeoff.methods.finetune.token_rows import TokenRows


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


def test_the_calibration_error_before_and_after_is_that_of_rows_a_temperature_did_not_see():
    logits, codes = _rows(5000, 4.0)
    told = held_out_calibration(logits, codes)
    assert told["rows"] == 5000
    assert told["before"] == calibration_error(softmax(logits, axis=1).max(axis=1), logits.argmax(axis=1) == codes)
    assert told["before"] > 0.1
    assert told["after"] < 0.02
    # Labels drawn by lot: any sharpness that a part's own rows would choose is noise, and must not look like a gain.
    noise = np.random.default_rng(3)
    logits, codes = noise.normal(scale=0.3, size=(30, 2)), noise.integers(0, 2, 30)
    own = logits / _likeliest(logits, codes)
    flattered = calibration_error(softmax(own, axis=1).max(axis=1), own.argmax(axis=1) == codes)
    assert held_out_calibration(logits, codes)["after"] != flattered


@pytest.mark.parametrize("rows", [LEAST_ROWS - 1, 60])
def test_a_head_is_divided_by_its_temperature_and_says_how_calibrated_it_is(rows):
    network = torch.nn.Module()
    network.head = torch.nn.Linear(3, 3)
    torch.nn.init.eye_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    logits, codes = _rows(rows, 3.0)
    table = torch.from_numpy(logits).float()
    network.forward = lambda ids, mask: network.head(table[ids[:, 0]])
    told = calibrate_head(network, TokenRows([[row] for row in range(rows)], codes), 0)
    assert network.head.weight[0, 0].item() == pytest.approx(1 / told["temperature"])
    if rows < LEAST_ROWS:
        assert told == {"temperature": 1.0, "calibration_error": None}
    else:
        assert told["temperature"] == pytest.approx(fit_temperature(logits, codes), rel=1e-4)
        assert told["calibration_error"] == pytest.approx(held_out_calibration(logits, codes), rel=1e-4)
