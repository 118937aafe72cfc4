"""The benchmark of real draws, on rows whose answers are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bakeoff.data import Rows

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.mark.parametrize(("tuned", "prompted", "ahead"), [(0.9, 0.6, "fine-tune"), (0.55, 0.9, "prompt")])
def test_a_clear_arm_is_named_and_agrees_with_the_rows_outside(tuned, prompted, ahead):
    import draws

    chance, labels = np.random.default_rng(0), ["no", "yes"]
    truth = chance.integers(0, 2, 1400)
    said = {share: np.where(chance.random(1400) < share, truth, 1 - truth) for share in (tuned, prompted)}
    # Each vector says the label that the tuned arm can know of, with a little noise.
    vectors = np.stack([said[tuned] - 0.5, chance.normal(0, 0.1, 1400)], axis=1).astype(np.float32)
    scores = np.log(np.where(np.eye(2)[said[prompted]] > 0, 0.9, 0.1))
    rows = Rows.of(
        [f"text {number} {chance.integers(10**9)}" for number in range(1400)], [labels[code] for code in truth]
    )
    record = draws.decide_draw(draws.Known("made up", rows, vectors, scores, np.zeros(2)), 0)
    assert record["choice"] == ahead
    assert draws.is_right(record)
    best, lead = draws.ahead_outside(record)
    assert best == ahead
    assert lead > draws.CLEAR
    assert record["gap_outside"] == pytest.approx(tuned - prompted, abs=0.06)
    assert record["low"] <= record["gap_outside"] <= record["high"]


def test_the_floor_is_the_right_choice_where_it_leads():
    import draws

    outside = {draws.PROBE.name: 0.6, draws.ZERO.name: 0.5, draws.TFIDF.name: 0.7, draws.MAJORITY.name: 0.3}
    assert draws.ahead_outside({"outside": outside}) == ("floor", pytest.approx(0.1))
