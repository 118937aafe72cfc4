"""Extended curves: against power laws that are known, against published curves, and in whole decisions."""

from __future__ import annotations

import csv
import math
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from decision_builders import SHOTS, TUNED, ZERO, make_evidence
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.decision import decide
from bakeoff.decision.extrapolation import Curve, Gap, Point, extrapolate, flat_curve

SIZES = (16, 32, 64, 128, 256)


def _law(a, b, c, sizes=SIZES, deviation=0.01, seeds=3):
    return [Point(n, a - b * n**-c, deviation, seeds) for n in sizes]


def test_a_power_law_is_found_again():
    curve = extrapolate(_law(0.92, 1.4, 0.6))
    assert curve is not None
    assert (curve.kind, curve.n) == ("power-law", 256)
    assert curve.at(512) == pytest.approx(0.92 - 1.4 * 512**-0.6, abs=1e-3)
    # Without residuals the band holds the noise of two means, widened by 1.1.
    assert curve.half_width(512) == pytest.approx(1.1 * 1.645 * math.sqrt(2) * 0.01 / math.sqrt(3), rel=0.02)


def test_few_sizes_or_seeds_give_a_line_or_nothing():
    line = extrapolate(_law(0.92, 1.4, 0.6, SIZES[:3]))
    assert line is not None
    assert line.kind == "line"
    two = extrapolate([Point(64, 0.6, 0.0, 3), Point(128, 0.7, 0.0, 3)])
    assert two is not None
    assert two.at(256) == pytest.approx(0.8)
    assert two.half_width(256) == pytest.approx(2.4 * 1.645 * 0.1, rel=1e-3)
    assert extrapolate(_law(0.92, 1.4, 0.6, seeds=2)).kind == "line"
    assert extrapolate(_law(0.92, 1.4, 0.6, seeds=1)) is None
    assert extrapolate(_law(0.92, 1.4, 0.6, SIZES[:1])) is None
    assert extrapolate([]) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0, 0.2))
def test_an_extended_curve_stays_a_score_and_its_band_does_not_shrink(means, deviation):
    curve = extrapolate([Point(8.0 * 2**i, mean, deviation, 3) for i, mean in enumerate(means)])
    assert curve is not None
    sizes = curve.n * np.geomspace(1, 2, 9)
    assert curve.at(curve.n) == pytest.approx(means[-1])
    assert all(0 <= curve.at(size) <= 1 for size in sizes)
    widths = [curve.half_width(size) for size in sizes]
    assert all(later >= sooner - 1e-12 for sooner, later in pairwise(widths))
    if curve.kind == "power-law":
        assert all(curve.at(size) >= means[-1] - 1e-12 for size in sizes)


def _published():
    curves: dict[tuple[str, str, str], list[Point]] = {}
    with (Path(__file__).parent / "golden" / "learning_curves.csv").open() as file:
        for row in csv.DictReader(file):
            point = Point(float(row["n"]), float(row["mean"]), float(row["deviation"]), int(row["seeds"]))
            curves.setdefault((row["source"], row["task"], row["way"]), []).append(point)
    return curves


def _doublings(points, least):
    """Give what is known before each size, and that size, where the known part ends about half way to it."""
    for then in points:
        known = [point for point in points if point.n <= then.n / 1.4]
        if len(known) >= least and then.n / known[-1].n <= 2.3:
            yield known, then


@pytest.mark.parametrize(("source", "number", "error"), [("setfit", 40, 0.028), ("lescao-rush", 231, 0.028)])
def test_the_band_of_the_power_law_covers_published_doublings(source, number, error):
    missed, covered = [], []
    for key, points in _published().items():
        for known, then in _doublings(points, 4) if key[0] == source else ():
            curve = extrapolate(known)
            if curve is not None and curve.kind == "power-law":
                missed.append(abs(curve.at(then.n) - then.mean))
                covered.append(missed[-1] <= curve.half_width(then.n))
    assert len(covered) == number
    assert np.mean(covered) >= 0.9
    assert np.mean(missed) <= error


@pytest.mark.parametrize("source", ["setfit", "lescao-rush"])
def test_the_band_of_the_line_covers_published_doublings(source):
    covered = []
    for key, points in _published().items():
        for known, then in _doublings(points, 2) if key[0] == source else ():
            curve = extrapolate(known[-2:])
            assert curve is not None
            assert curve.kind == "line"
            covered.append(abs(curve.at(then.n) - then.mean) <= curve.half_width(then.n))
    assert np.mean(covered) >= 0.9


def _pairs(source):
    """Give the published pairs of a tuned and an opposed way, at the sizes of both."""
    for (key, ours), (other, theirs) in permutations(_published().items(), 2):
        tuned = key[2].startswith("fine-tune") or key[2] == "head"
        opposed = other[2].startswith(("setfit", "prompt"))
        if key[:2] == other[:2] and key[0] == source and tuned and opposed:
            sizes = {point.n for point in ours} & {point.n for point in theirs}
            yield [point for point in ours if point.n in sizes], [point for point in theirs if point.n in sizes]


@pytest.mark.parametrize("source", ["setfit", "lescao-rush"])
def test_the_band_of_the_gap_covers_published_doublings(source):
    covered = []
    for ours, theirs in _pairs(source):
        for (known, then), (against, other) in zip(_doublings(ours, 4), _doublings(theirs, 4), strict=True):
            first, second = extrapolate(known), extrapolate(against)
            if first is not None and second is not None and "line" not in (first.kind, second.kind):
                gap = Gap(first, second, first.last - second.last, 0.0)
                covered.append(abs(gap.at(then.n) - then.mean + other.mean) <= gap.half_width(then.n))
    assert len(covered) >= 40
    assert np.mean(covered) >= 0.9


def test_a_gap_closes_where_its_middle_and_its_edges_reach_zero():
    rising = Curve("line", 64, 0.6, 0.1 / math.log(2), 0.0, 0.0)
    flat = flat_curve(Point(64, 0.65, 0.02, 4))
    gap = Gap(rising, flat, -0.05, 0.0)
    assert gap.crossing() == pytest.approx(64 * math.sqrt(2), rel=1e-3)
    assert gap.crossing(1.0) < gap.crossing()
    assert gap.crossing(-1.0) is None
    assert gap.at(128) == pytest.approx(0.05)
    assert Gap(rising, flat, -0.2, 0.0).crossing() is None
    assert Gap(rising, flat, 0.1, 0.0).crossing() == 64
    assert Gap(rising, flat, -0.05, 0.0001).half_width(128) == pytest.approx(
        math.hypot(gap.half_width(128), 1.645 * 0.01), rel=1e-3
    )


def _decided(curve, **changes):
    settings = {"rows": 2000, "seed_deviation": 0.002, "shared": 0.95}
    return decide(make_evidence([(TUNED, curve), (ZERO, {0: 0.8})], **settings | changes)).crossover


def test_a_decision_extends_the_curves_at_most_twofold_and_says_how():
    found = _decided({16: 0.6, 32: 0.67, 64: 0.72, 128: 0.755, 256: 0.78})
    assert found.status == "not-reached"
    extension = found.extrapolation
    assert extension is not None
    assert (extension.finetune, extension.prompt) == ("power-law", "flat")
    assert found.looked_to == 512 == pytest.approx(extension.points[-1].n)
    assert found.gap == pytest.approx(-0.02, abs=0.01)
    assert all(point.band[0] < point.gap < point.band[1] for point in extension.points)
    assert all(point.finetune - point.prompt == pytest.approx(point.gap, abs=1e-9) for point in extension.points)
    if found.mean is not None:
        assert 256 < found.mean <= 512
        assert "would cross at about" in found.detail
    far = _decided({16: 0.5, 32: 0.52, 64: 0.54, 128: 0.55, 256: 0.56})
    assert (far.status, far.mean) == ("not-reached", None)
    assert "not reached by 512" in far.detail
    assert far.extrapolation is not None
    assert far.extrapolation.crossing[1] is None


def test_too_little_measured_is_said():
    single = _decided({64: 0.6})
    assert (single.status, single.mean, single.extrapolation) == ("not-reached", None, None)
    assert single.looked_to == 64
    assert "too little was measured" in single.detail
    seeds = decide(make_evidence([(TUNED, {32: 0.6, 64: 0.7}), (SHOTS, {32: 0.78, 64: 0.79})], seeds=1)).crossover
    assert seeds.extrapolation is None
