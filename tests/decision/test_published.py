"""Published runs: SetFit's ten seeds a size (Tunstall et al. 2022), and what the room says of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bakeoff.decision.curves import crossing
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.seeds import collapsed
from bakeoff.decision.superiority import lower_bound, reliable_from, share_won

SIZES = (8, 16, 32, 64)


def _runs(task, way, n_per_class):
    with (Path(__file__).parent / "golden" / "setfit.csv").open() as file:
        found = {
            int(row["seed"]): float(row["score"])
            for row in csv.DictReader(file)
            if (row["task"], row["way"], int(row["n_per_class"])) == (task, way, n_per_class)
        }
    return np.array([found[seed] for seed in sorted(found)])


@pytest.fixture(scope="module")
def agnews():
    """Give the ten scores of fine-tuned RoBERTa-large and of SetFit at each number of rows a class."""
    return {n: (_runs("ag_news", "roberta-large", n), _runs("ag_news", "setfit", n)) for n in SIZES}


def test_means_of_setfit_and_roberta_on_ag_news(agnews):
    gaps = [100 * (tuned.mean() - setfit.mean()) for tuned, setfit in agnews.values()]
    assert np.round(gaps, 1).tolist() == [-1.2, 0.3, 0.6, 0.4]
    # Four classes; the mean curves cross just under 16 rows a class, and RoBERTa leads at every larger size.
    at = crossing([4 * n for n in SIZES], gaps)
    assert at is not None
    assert 4 * 8 < at < 4 * 16


def test_share_of_runs_that_roberta_wins_on_ag_news(agnews):
    found = [share_won(tuned, setfit) for tuned, setfit in agnews.values()]
    assert found == pytest.approx([0.43, 0.61, 0.61, 0.66], abs=0.005)


def test_no_lead_on_ag_news_is_reliable(agnews):
    lows = []
    for tuned, setfit in agnews.values():
        gaps = tuned - setfit
        # The answers to the 7,600 test rows are not published: without their part the bounds are somewhat too high.
        estimate = Estimate(gaps.mean(), 1e-9, gaps.var(ddof=1) / 10, 9.0, 10, 7600)
        lows.append(lower_bound(estimate, float(gaps.std(ddof=1))))
        assert share_won(tuned, setfit) < 0.75
    assert lows[-1] < 0.5
    assert reliable_from(SIZES, lows) is None


def test_the_collapsed_seed_of_roberta_on_emotion_is_flagged():
    roberta, distilbert = (_runs("emotion", way, 64) for way in ("roberta-large", "distilbert"))
    assert 100 * roberta.std() == pytest.approx(17.2, abs=0.05)
    assert 100 * distilbert.std() == pytest.approx(2.4, abs=0.05)
    # 2,000 test rows, of which 695 carry the commonest label.
    assert collapsed(roberta.tolist(), 0.3475, 2000) == (int(roberta.argmin()),)
    assert collapsed(distilbert.tolist(), 0.3475, 2000) == ()
