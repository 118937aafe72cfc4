"""What would settle an open choice: rows, seeds and labels, held against redone studies, and their price."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from decision_builders import FACTS, SHOTS, TFIDF, TUNED, ZERO, labels_scored, make_evidence, realistic
from scipy.special import ndtri

from bakeoff.decision import decide
from bakeoff.decision.extrapolation import Curve, Gap
from bakeoff.decision.resampling import bootstrap_scores, summarise
from bakeoff.decision.settling import Prices, Spread, cheapest, labels_to_settle, remedies, rows_to_settle
from bakeoff.records import Assumptions


def _study(rng, rows, seeds, deviation, lead=0.04):
    """Give the estimate of one study of a true lead, and its spread."""
    reached = np.repeat([0.80 + lead, 0.80], seeds) + rng.normal(0, deviation, 2 * seeds)
    latent = np.sqrt(0.7) * rng.normal(size=rows) + np.sqrt(0.3) * rng.normal(size=(2 * seeds, rows))
    right = (latent < ndtri(reached)[:, None]).astype(np.int64)
    drawn = bootstrap_scores(labels_scored("accuracy", 2), np.ones(rows, dtype=np.int64), right, 400, 0)
    points, gap = right.mean(axis=1), drawn[:, :seeds] - drawn[:, seeds:]
    estimate = summarise(points[:seeds] - points[seeds:], gap, rows)
    apart = float((gap - gap.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean()) / (seeds - 1)
    parts = estimate.rows_variance, estimate.seeds_variance, min(apart, estimate.rows_variance)
    return estimate, Spread(estimate.mean, *parts, seeds, rows)


def test_resizing_to_what_is_there_changes_nothing():
    _, seen = _study(np.random.default_rng(1), 400, 3, 0.03)
    same = seen.resized(rows=400, seeds=3)
    assert (same.of_rows, same.of_seeds, same.apart) == pytest.approx((seen.of_rows, seen.of_seeds, seen.apart))
    more = seen.resized(rows=4000)
    assert (more.of_rows, more.apart) == pytest.approx((seen.of_rows / 10, seen.apart / 10))
    assert more.of_seeds == pytest.approx(seen.of_seeds)
    assert seen.resized(seeds=12).of_seeds == pytest.approx(seen.of_seeds / 4)
    assert seen.resized(seeds=12).of_rows < seen.of_rows


def test_rounds_that_overlap_do_not_lose_all_of_the_seeds_part():
    seen = Spread(0.03, 0.0004, 0.00002, 0.0001, 3, 300, overlap=0.5)
    assert seen.resized(seeds=3).of_seeds == pytest.approx(seen.of_seeds)
    assert seen.resized(seeds=30).of_seeds == pytest.approx(0.00002 * (1 / 30 + 0.5) / (1 / 3 + 0.5))


@pytest.mark.parametrize(("rows", "seeds", "deviation"), [(500, 3, 0.0), (500, 3, 0.02), (1000, 10, 0.02)])
def test_power_is_the_share_of_studies_that_the_test_settles(rows, seeds, deviation):
    # The forecast knows the true parts; three seeds make the test weaker than Student's t of a known spread would be.
    rng = np.random.default_rng(8)
    found = [_study(rng, rows, seeds, deviation) for _ in range(250)]
    parts = np.mean([(seen.of_rows, seen.apart) for _, seen in found], axis=0)
    lead = float(np.mean([seen.mean for _, seen in found]))
    known = Spread(lead, parts[0], 2 * deviation**2 / seeds, parts[1], seeds, rows)
    settled = np.mean([estimate.p_value() < 0.05 for estimate, _ in found])
    assert known.power(0.0) == pytest.approx(settled, abs=0.1)


def test_rows_to_settle_are_the_fewest_to_two_percent_that_do():
    seen = Spread(0.03, 0.0004, 0.00002, 0.0001, 3, 300)
    rows = rows_to_settle(seen, 0.01)
    assert rows is not None
    assert seen.resized(rows=rows).power(0.01) >= 0.8 > seen.resized(rows=int(rows / 1.03)).power(0.01)


def test_remedies_settle_it_and_the_cheapest_is_chosen():
    # Three seeds that differ, on 300 rows: neither alone would do, some of both do.
    seen = Spread(0.056, 0.0004, 0.0003, 0.0002, 3, 300)
    assert rows_to_settle(seen, 0.01) is None
    found = remedies(seen, 0.01, Prices(label=0.1, unused=0, seed=0.004))
    assert found
    for one in found:
        settled = seen.resized(rows=300 + one.rows, seeds=3 + one.seeds)
        assert settled.power(0.01) >= 0.8
        assert one.cost == pytest.approx(0.1 * one.rows + 0.004 * one.seeds)
    chosen = cheapest(found)
    assert chosen is not None
    assert chosen.cost <= 1.1 * min(one.cost for one in found)
    free = Gap(Curve("line", 256, 0.8, 0.1, 0.0, 0.0), Curve("flat", 256, 0.75, 0.0, 0.0, 0.0), 0.056, 0.0004)
    owned = cheapest(remedies(seen, 0.01, Prices(label=0.1, unused=1000, seed=0.004), gap=free))
    assert owned is not None
    assert (owned.what, owned.cost < 0.1) == ("label-more", True)
    assert cheapest([]) is None
    seeds = remedies(Spread(0.03, 0.00002, 0.0004, 0.000005, 3, 3000), 0.01, Prices(0.1, 0, 0.004))
    assert seeds[-1].what == "more-seeds"
    assert seeds[-1] == cheapest(seeds)


def test_rows_to_settle_by_hand_and_where_nothing_would_do():
    # One artefact each: (1.96 + .84)^2 / .02^2 times the variance of one row, 500 * .0002.
    rows = rows_to_settle(Spread(0.02, 0.0002, 0.0, 0.0, 1, 500), 0.0)
    assert rows == pytest.approx(7.85 / 0.0004 * 0.1, rel=0.03)
    # Nothing but equality inside the margin is there to show.
    equal = rows_to_settle(Spread(0.0, 0.0002, 0.0, 0.0, 1, 500), 0.01)
    assert equal is not None
    assert Spread(0.0, 0.0002, 0.0, 0.0, 1, 500).resized(rows=equal).power(0.01) >= 0.8
    assert rows_to_settle(Spread(0.0, 0.01, 0.01, 0.001, 3, 500), 0.0) is None
    assert rows_to_settle(Spread(math.nan, 0.01, 0.01, 0.001, 3, 500), 0.0) is None
    assert rows_to_settle(Spread(0.5, 0.0001, 0.0, 0.0, 1, 500), 0.0) == 500


def test_labels_to_settle_follow_the_extended_gap():
    rising = Curve("power-law", 512, 0.80, 2.0, 0.5, 0.004)
    gap = Gap(rising, Curve("flat", 512, 0.79, 0.0, 0.0, 0.0), 0.01, 0.0001)
    now = Spread(0.01, 0.0001, 0.0, 0.00001, 3, 500)
    further = labels_to_settle(now, gap, 0.0)
    assert further is not None
    assert 0 < further <= 512
    assert replace(now, mean=gap.at(512 + further)).power(0.0) >= 0.8
    assert replace(now, mean=gap.at(512 + 0.9 * further)).power(0.0) < 0.8
    assert labels_to_settle(now, gap, 0.0, side=1.0) <= further
    flat = Gap(replace(rising, rate=0.0), gap.prompt, 0.01, 0.0001)
    assert labels_to_settle(now, flat, 0.0) is None


def _open(**changes):
    # Seven points behind at 32 and two ahead at 512: another doubling would show it.
    curve = {32: 0.72, 64: 0.755, 128: 0.785, 256: 0.81, 512: 0.83}
    settings = {"rows": 500, "facts": FACTS, "seed_deviation": 0.002, "shared": 0.9}
    return make_evidence([(TUNED, curve), (ZERO, {0: 0.815})], **settings | changes)


def test_label_more_says_how_many_and_what_they_cost():
    evidence = _open(assumptions=Assumptions(label_cost=0.0001))
    verdict = decide(evidence).verdict
    assert verdict.choice == "unresolved"
    step = verdict.next
    assert step.what == "label-more"
    assert step.rows is not None
    assert 0 < step.rows <= 512
    assert step.rows_band is not None
    assert step.rows_band[0] <= step.rows
    assert step.cost == pytest.approx(0.0001 * step.rows + (step.seeds or 0) * 73 * 0.20 / 3600)
    assert any(reason == step.detail and "label more" in reason for reason in verdict.reasons)


def test_labelled_rows_that_are_not_used_yet_cost_nothing():
    step = decide(_open(train=5000)).verdict.next
    assert (step.what, step.cost) == ("label-more", 0.0)
    assert "use more of the labelled rows" in step.detail
    assert "at nothing" in step.detail


def test_a_bigger_test_costs_its_labels_and_more_seeds_cost_their_fits():
    flat = [(TUNED, {256: 0.83, 512: 0.83}), (SHOTS, {256: 0.80, 512: 0.80})]
    test = decide(make_evidence(flat, rows=200, facts=FACTS, seed_deviation=0.002)).verdict.next
    assert test.what == "bigger-test"
    assert test.rows is not None
    assert test.cost == pytest.approx(0.10 * test.rows + (test.seeds or 0) * (73 + 4) * 0.20 / 3600)
    evidence = make_evidence(flat, rows=200, facts=FACTS, seed_deviation=0.002)
    owned = decide(replace(evidence, rows={**evidence.rows, "test": 200 + test.rows})).verdict.next
    assert (owned.rows, owned.cost < test.cost / 2) == (test.rows, True)
    assert "more are labelled, and were not answered (--test-rows)" in owned.detail
    half = decide(replace(evidence, rows={**evidence.rows, "test": 200 + test.rows // 2})).verdict.next
    assert "were not answered (--test-rows); then" in half.detail
    seeds = decide(make_evidence(flat, rows=6000, facts=FACTS, seed_deviation=0.03, seed=1)).verdict.next
    assert seeds.what == "more-seeds"
    assert seeds.seeds is not None
    assert seeds.cost == pytest.approx(seeds.seeds * (73 + 4) * 0.20 / 3600)


def test_a_choice_that_is_made_needs_nothing():
    assert decide(realistic(rows=1000, seeds=5)).verdict.next.what == "nothing"
    few = decide(realistic(seeds=2)).verdict.next
    assert (few.what, few.seeds) == ("more-seeds", 1)
    assert decide(realistic("tuned", "tfidf")).verdict.next.what == "nothing"


def test_a_finalist_just_ahead_of_the_floor_is_told_what_would_show_it():
    curves = [(TUNED, {512: 0.77}), (SHOTS, {512: 0.70}), (TFIDF, {512: 0.75})]
    verdict = decide(make_evidence(curves, rows=200, facts=FACTS, seed_deviation=0.002, seed=3)).verdict
    assert verdict.choice == "floor"
    assert verdict.next.what in ("bigger-test", "more-seeds", "nothing")
    assert not math.isnan(verdict.next.cost)
