"""Curves, crossover, data advantage and break-even, against figures by hand and from papers."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
from decision_builders import FACTS, SHOTS, TUNED, ZERO, make_evidence, with_trials

from bakeoff.decision import break_even_predictions, data_advantage, decide
from bakeoff.decision.curves import crossing, extended_crossing
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


def test_curves_are_extended_to_twice_the_last_n_and_no_further():
    assert extended_crossing([16, 64], [-0.3, -0.1]) == pytest.approx(128)
    assert extended_crossing([16, 64], [-0.3, -0.11]) is None
    assert extended_crossing([16, 64], [-0.1, -0.3]) is None


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
    assert found.reliable == "not-shown"
    if status == "at":
        assert found.mean is not None
        assert 64 < found.mean < 256


def test_reliable_crossover_needs_ten_seeds():
    curves = [(TUNED, {8: 0.6, 64: 0.9, 256: 0.93}), (SHOTS, {8: 0.78, 64: 0.79, 256: 0.8})]
    assert decide(make_evidence(curves, seeds=10)).crossover.reliable == 64
    assert decide(make_evidence(curves, seeds=9)).crossover.reliable == "not-shown"


def test_break_even_of_t_few():
    assert break_even_predictions(2.7e16, 1.4e15, 1.1e12) == pytest.approx(19.3, abs=0.05)
    # With the 41 shots cached, a prediction of the prompt costs about a 41st.
    assert break_even_predictions(2.7e16, 1.4e15 / 41, 1.1e12) == pytest.approx(817, abs=5)
    assert break_even_predictions(0, 2, 1) == 0
    assert break_even_predictions(5, 1, 1) == math.inf


def _pair(**changes):
    return make_evidence([(TUNED, {128: 0.85}), (ZERO, {0: 0.8})], facts=FACTS, **changes)


def test_break_even_from_measured_seconds():
    found = decide(_pair(assumptions=Assumptions(machine_hour_cost=3.6, volume=1000))).break_even
    # 73 - 0.1 s more to build, 1/32 - 1/250 s less for a prediction; one second costs 0.001.
    assert found.status == "at"
    assert found.predictions == pytest.approx(72.9 / (1 / 32 - 1 / 250))
    assert found.months == pytest.approx(found.predictions / 1000)
    assert found.per_month == pytest.approx(found.predictions / 12)


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
