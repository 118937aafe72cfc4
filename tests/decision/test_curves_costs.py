"""Curves, crossover, data advantage and break-even, against figures by hand and from papers."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from decision_builders import FACTS, SHOTS, TUNED, ZERO, labels_scored, make_evidence, with_trials

from bakeoff.decision import break_even_predictions, data_advantage, decide, probability_of_beating
from bakeoff.decision.bills import slow_end
from bakeoff.decision.curves import crossing
from bakeoff.decision.panel import Panel
from bakeoff.decision.resampling import bootstrap_scores, estimate_difference, summarise
from bakeoff.decision.superiority import lower_bound
from bakeoff.records import Assumptions, Usage

GOLDEN = Path(__file__).parent / "golden" / "data_advantage.csv"


def _published(task, way):
    runs = {}
    with GOLDEN.open() as file:
        for row in csv.DictReader(file):
            if (row["task"], row["way"]) == (task, way):
                n, scores = runs.setdefault(row["seed"], ([], []))
                n.append(float(row["n"]))
                scores.append(float(row["score"]))
    return list(runs.values())


@pytest.mark.parametrize(("task", "rows"), [("boolq", 752), ("cb", 90), ("copa", 288), ("rte", 282)])
def test_data_advantage_of_le_scao_and_rush(task, rows):
    found = data_advantage(_published(task, "prompt"), _published(task, "head"), pooling="maximum")
    assert found is not None
    assert round(found.rows) == rows


def test_data_advantage_by_the_mean_of_the_seeds():
    found = data_advantage(_published("boolq", "prompt"), _published("boolq", "head"))
    assert found is not None
    assert found.rows == pytest.approx(1145, abs=2)


def test_data_advantage_refuses_a_narrow_band():
    assert data_advantage(_published("multirc", "prompt"), _published("multirc", "head"), pooling="maximum") is None
    assert data_advantage([([0.0], [0.8])], [([8.0, 16.0], [0.7, 0.9])]) is None
    assert data_advantage([], [([8.0, 16.0], [0.7, 0.9])]) is None


def test_crossing_is_interpolated_in_the_logarithm():
    assert crossing([8, 32, 128], [-0.1, -0.1, 0.1]) == pytest.approx(64)
    assert crossing([8, 32, 128], [0.1, 0.1, 0.1]) == 8
    assert crossing([8, 32, 128], [0.1, -0.1, 0.1]) == pytest.approx(64)
    assert crossing([8, 32, 128], [0.1, 0.1, -0.1]) is None
    assert crossing([0, 10], [-0.1, 0.1]) == pytest.approx(5)


@pytest.mark.parametrize(
    ("curve", "status"),
    [
        ({8: 0.85, 64: 0.9, 256: 0.92}, "already-ahead"),
        ({8: 0.55, 64: 0.7, 256: 0.9}, "at"),
        ({8: 0.50, 64: 0.6, 256: 0.66}, "not-reached"),
        ({8: 0.60, 64: 0.65, 256: 0.6}, "never-ahead"),
    ],
)
def test_status_of_the_crossover(curve, status):
    evidence = make_evidence([(TUNED, curve), (ZERO, {0: 0.78})], rows=2000, seed_deviation=0.001, shared=0.95)
    found = decide(evidence).crossover
    assert found.status == status
    assert found.reliable == {"already-ahead": 8, "at": 256}.get(status, "not-shown")
    if status == "at":
        assert found.mean is not None
        assert 64 < found.mean < 256


def test_reliable_crossover_needs_a_lead_beyond_what_seeds_and_rows_could_do():
    curves = [(TUNED, {8: 0.6, 64: 0.9, 256: 0.93}), (SHOTS, {8: 0.78, 64: 0.79, 256: 0.8})]
    assert decide(make_evidence(curves, seeds=10)).crossover.reliable == 64
    # Three seeds that agree tell as much; three that differ by five points, or two, do not.
    assert decide(make_evidence(curves, seeds=3)).crossover.reliable == 64
    assert decide(make_evidence(curves, seeds=3, seed_deviation=0.08)).crossover.reliable == "not-shown"
    assert decide(make_evidence(curves, seeds=2)).crossover.reliable == "not-shown"


def test_lower_bound_of_winning_agrees_with_the_interval_and_rises_with_seeds():
    for seeds in (3, 10):
        for lead in (0.0, 0.02, 0.05, 0.1):
            evidence = make_evidence([(TUNED, {64: 0.8 + lead}), (SHOTS, {64: 0.8})], seeds=seeds, seed=seeds)
            panel = Panel(evidence)
            a, b = (panel.cell(one.name, 64) for one in (TUNED, SHOTS))
            found = probability_of_beating(evidence, TUNED.name, SHOTS.name, 64)
            assert found is not None
            assert 0 <= found.low <= found.probability <= 1
            low, _ = estimate_difference(panel, a, b, resamples=1_000).interval()
            assert (found.low > 0.5) == (low > 0)


def test_lower_bound_of_winning_covers_the_truth():
    # Seeds share the test rows and each contender's own hard rows. 400 studies of each of six kinds gave 94 to 98%;
    # a Wilson bound that took 30 seeds for 30 tries called equal contenders unequal in 26% of them.
    rng = np.random.default_rng(7)
    truth = np.ones(300, dtype=np.int64)
    called = []
    for _ in range(150):
        hard = rng.normal(size=300)
        own = np.repeat(rng.normal(size=(2, 300)), 10, axis=0)
        noise = rng.normal(size=(20, 300))
        right = np.sqrt(0.5) * hard + np.sqrt(0.45) * own + np.sqrt(0.05) * noise < 0.84
        drawn = bootstrap_scores(labels_scored("accuracy", 2), truth, right.astype(np.int64), 300, 0)
        gap, points = drawn[:, :10] - drawn[:, 10:], right.mean(axis=1)
        estimate = summarise(points[:10] - points[10:], gap, 300)
        single = np.sqrt(gap.var(axis=0, ddof=1).mean() + 10 * estimate.seeds_variance)
        called.append(lower_bound(estimate, single) > 0.5)
    assert np.mean(called) <= 0.06


def test_break_even_of_t_few():
    assert break_even_predictions(2.7e16, 1.4e15, 1.1e12) == pytest.approx(19.3, abs=0.05)
    # With the 41 shots cached, a prediction of the prompt costs about a 41st.
    assert break_even_predictions(2.7e16, 1.4e15 / 41, 1.1e12) == pytest.approx(817, abs=5)
    assert break_even_predictions(0, 2, 1) == 0
    assert break_even_predictions(5, 1, 1) == math.inf


def _pair(**changes):
    return make_evidence([(TUNED, {128: 0.85}), (ZERO, {0: 0.8})], facts=FACTS, **changes)


def test_break_even_from_measured_seconds():
    assumed = Assumptions(machine_hour_cost=3.6, volume=1000, retrains_per_month=0)
    found = decide(_pair(assumptions=assumed)).break_even
    # 73 - 0.1 s more to build, 1/32 - 1/250 s less for a prediction; one second costs 0.001. Hours are alike.
    assert found.status == "at"
    assert found.predictions == pytest.approx(72.9 / (1 / 32 - 1 / 250))
    assert found.months == pytest.approx(found.predictions / 1000)
    assert found.per_month == pytest.approx(found.predictions / 12)
    assert found.predictions_uncached == found.predictions
    assert "pays after about 2,700 predictions (2.7 months at this volume)" in found.detail
    assert found.parts[TUNED.name]["once: building"] == pytest.approx(0.073)


def test_break_even_counts_what_a_month_costs():
    assumed = Assumptions(machine_hour_cost=3.6, volume=10_000, retrains_per_month=1, finetune_upkeep_hours=0.502)
    found = decide(_pair(assumptions=assumed)).break_even
    # A month of fine-tuning costs one training and 0.002 hours at 50 more, and saves 10,000 times 1/32 - 1/250 s.
    saved = 10_000 * 0.001 * (1 / 32 - 1 / 250) - 0.073 - 0.1
    assert found.months == pytest.approx(0.0729 / saved)
    assert found.predictions == pytest.approx(10_000 * 0.0729 / saved)
    assert found.per_month == pytest.approx((0.0729 / 12 + 0.173) / (0.001 * (1 / 32 - 1 / 250)))
    few = decide(_pair(assumptions=replace(assumed, volume=1000))).break_even
    assert (few.status, few.predictions, few.months) == ("never", None, None)
    assert few.per_month == found.per_month
    assert "it would from 6,600 predictions a month on" in few.detail


def test_break_even_never_and_at_once():
    slow = with_trials(_pair(), lambda t: replace(t, rows_per_second=1.0) if t.contender == TUNED.name else t)
    assert decide(slow).break_even.status == "never"
    quick = with_trials(_pair(), lambda t: replace(t, fit_seconds=0.1))
    assert decide(quick).break_even.status == "at-once"


def test_a_paid_server_costs_its_price_per_call():
    usage = Usage(calls=1000, money=2.0)
    paid = with_trials(_pair(), lambda t: replace(t, usage=usage) if t.contender == ZERO.name else t)
    rows = {row.contender: row for row in decide(paid).leaderboard}
    assert rows[ZERO.name].cost_per_1k == pytest.approx(2.0)
    assert rows[TUNED.name].cost_per_1k == pytest.approx(1000 / 250 * 0.20 / 3600)


def test_leaderboard_is_ordered_and_bounded():
    rows = decide(make_evidence([(TUNED, {8: 0.6, 128: 0.995}), (ZERO, {0: 0.8})], facts=FACTS)).leaderboard
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    assert all(0 <= row.ci[0] <= row.score <= row.ci[1] <= 1 for row in rows)
    assert {row.seeds for row in rows if row.contender == ZERO.name} == {1}


def test_a_slow_end_is_known_where_each_fit_was_quick_enough_to_have_one():
    (one, other) = make_evidence([(TUNED, {64: 0.9})], seeds=2).trials
    slow = replace(other, p50_ms=300.0, p95_ms=math.nan)
    assert slow_end([one, other]) == pytest.approx((one.p95_ms + other.p95_ms) / 2)
    assert math.isnan(slow_end([one, slow])), "the quicker fit alone would be below the median of both"
    assert slow_end([one, replace(other, p50_ms=math.nan, p95_ms=math.nan)]) == one.p95_ms
