"""The rule of choice, and that crossing what it names does flip it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.decision import Estimate, Figures, Side, choose
from bakeoff.decision.bills import Bill
from bakeoff.decision.choice import Miss
from bakeoff.decision.flips import find_flip, flips_of, knobs_of
from bakeoff.decision.sweep import sweep_of
from bakeoff.records import Assumptions


def _estimate(mean, se=0.015):
    return Estimate(mean, se**2, 0.0, 100.0, 3, 500)


def _figures(tuned=0.88, asked=0.80, floor=0.70, current=None, se=0.015, **changes):
    def side(name, arm, score, build_seconds, row_seconds, p95):
        against = _estimate(score - floor, se) if floor is not None else None
        today = _estimate(score - current, se) if current is not None else None
        return Side(name, score, against, today, Bill(arm, False, build_seconds, row_seconds), p95)

    assumed = {name: changes.pop(name) for name in ("volume", "margin") if name in changes}
    values = {
        "finetune": side("tuned", "finetune", tuned, 73.0, 1 / 250, 6.0),
        "prompt": side("asked", "prompt", asked, 2.0, 1 / 22, 95.0),
        "difference": _estimate(tuned - asked, se),
        "floor": "tfidf" if floor is not None else None,
        "current": "today" if current is not None else None,
        "further_p": (),
        "assumptions": Assumptions(**assumed),
        "enough_seeds": True,
    }
    return Figures(**(values | changes))


@pytest.mark.parametrize(
    ("figures", "choice", "basis"),
    [
        (_figures(), "fine-tune", "better"),
        (_figures(tuned=0.80, asked=0.88), "prompt", "better"),
        (_figures(tuned=0.82, asked=0.80), "unresolved", "too-close"),
        (_figures(tuned=0.801, asked=0.80, se=0.002), "fine-tune", "equal-cheaper"),
        (_figures(tuned=0.801, asked=0.80, se=0.002, volume=1.0), "prompt", "equal-cheaper"),
        (_figures(tuned=0.72, asked=0.71), "floor", "floor"),
        (_figures(tuned=0.60, asked=0.61), "floor", "floor"),
        (_figures(current=0.87), "keep-current", "current"),
        (_figures(current=0.95), "keep-current", "current"),
        (_figures(current=0.75), "fine-tune", "better"),
        (_figures(finetune=None, difference=None), "unresolved", "missing-arm"),
        (_figures(finetune=None, prompt=None, difference=None), "unresolved", "missing-arm"),
        (_figures(enough_seeds=False), "unresolved", "few-seeds"),
        (_figures(p95_limit=5.0), "unresolved", "none-left"),
        (_figures(tuned=0.80, asked=0.88, p95_limit=50.0), "fine-tune", "only-one-left"),
    ],
)
def test_the_rule(figures, choice, basis):
    found = choose(figures)
    assert (found.choice, found.basis) == (choice, basis)
    assert (found.contender is None) == (choice == "unresolved")


def test_unresolved_names_the_cheaper_to_use_meanwhile():
    close = _figures(tuned=0.82, asked=0.81, floor=None)
    assert choose(close).meanwhile == "tuned"
    assert choose(replace(close, assumptions=Assumptions(volume=1.0))).meanwhile == "asked"
    unknown = replace(close.prompt, bill=replace(close.prompt.bill, row_seconds=math.nan))
    assert choose(replace(close, prompt=unknown)).meanwhile == "tuned"


def test_what_turns_what_to_use_meanwhile_is_swept_and_holds():
    close = _figures(tuned=0.82, asked=0.81, floor=None)
    swept = {one.name: one for one in sweep_of(close)}
    flips = [(name, flip) for name, one in swept.items() for flip in (one.meanwhile_below, one.meanwhile_above) if flip]
    assert swept["volume"].meanwhile_below.to == "asked"
    assert swept["volume"].below is None, "the choice itself stays open"
    assert swept["horizon_months"].meanwhile_above is None
    for name, flip in flips:
        # Of a cost that is nothing now, any amount at all may turn it.
        short = flip.now if flip.at < 1e-9 else flip.now + (flip.at - flip.now) * (1 - 1e-6)
        again = [
            choose(replace(close, assumptions=replace(close.assumptions, **{name: at}))) for at in (flip.at, short)
        ]
        assert [one.meanwhile for one in again] == ["asked", "tuned"], name
    made = sweep_of(_figures())
    assert not any(one.meanwhile_below or one.meanwhile_above for one in made), "a choice that is made has none"


def test_more_declared_comparisons_make_the_rule_stricter():
    near = _figures(tuned=0.832, asked=0.80)
    assert choose(near).choice == "fine-tune"
    assert choose(replace(near, further_p=(0.04, 0.04))).choice == "unresolved"


def test_an_equal_and_cheaper_finalist_must_itself_beat_what_stands():
    figures = _figures(tuned=0.801, asked=0.80, se=0.002, floor=None)
    weak = replace(figures.finetune, against_floor=_estimate(0.01, 0.02))
    strong = replace(figures.prompt, against_floor=_estimate(0.1, 0.02))
    assert choose(replace(figures, finetune=weak, prompt=strong, floor="tfidf")).contender == "asked"


def test_a_limit_that_alone_keeps_a_finalist_out_is_a_flip():
    figures = _figures(tuned=0.80, asked=0.88)
    shut = replace(figures, prompt=replace(figures.prompt, missed=(Miss("p95_ms", 50.0, 95.0),)))
    assert choose(shut).choice == "fine-tune"
    flips = {flip.what: flip for flip in flips_of(shut, [(128.0, shut)])}
    assert flips["limit of p95_ms for asked"].at == 95.0
    assert flips["limit of p95_ms for asked"].to == "prompt"


scores = st.floats(0.3, 0.97)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(
    tuned=scores,
    asked=scores,
    floor=st.one_of(st.none(), st.floats(0.3, 0.8)),
    current=st.one_of(st.none(), st.floats(0.3, 0.9)),
    se=st.floats(0.001, 0.03),
    volume=st.floats(1, 1e7),
    margin=st.floats(0.002, 0.05),
)
def test_crossing_each_flip_changes_the_choice(tuned, asked, floor, current, se, volume, margin):
    figures = _figures(tuned, asked, floor, current, se, volume=volume, margin=margin)
    fewer = _figures(max(tuned - 0.2, 0.1), asked, floor, current, se, volume=volume, margin=margin)
    measured = [(32.0, fewer), (512.0, figures)]
    present = choose(figures)
    found = 0
    for knob in knobs_of(figures, present, measured):
        flip = find_flip(knob, present)
        if flip is None:
            continue
        found += 1
        assert flip.to != present.choice
        assert choose(knob.apply(flip.at)).choice == flip.to
        # Of two that are equal in all, any price of one turns the choice: the search ends at its finest step then.
        near = abs(flip.at - knob.now) <= max(1e-6 * abs(knob.now), 1e-15)
        just_before = knob.now if near else flip.at - 1e-6 * (flip.at - knob.now)
        assert choose(knob.apply(just_before)).choice != flip.to
    if present.choice in ("fine-tune", "prompt"):
        assert found >= 1


def test_a_clear_winner_has_flips_of_score_labels_and_limit():
    figures = _figures(tuned=0.80, asked=0.88)
    whats = {flip.what for flip in flips_of(figures, [(128.0, figures)])}
    assert {
        "score of the prompted finalist",
        "score of the fine-tuned finalist",
        "limit of p95_ms for the prompt arm",
    } <= whats
    tuned = _figures()
    fewer = _figures(tuned=0.72)
    labels = next(flip for flip in flips_of(tuned, [(32.0, fewer), (512.0, tuned)]) if flip.what == "labelled rows")
    assert 32 < labels.at < 512
    assert labels.to != "fine-tune"
