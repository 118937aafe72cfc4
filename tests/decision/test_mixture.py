"""Mixtures of both ways: when the rule chooses the best of them, why, and what would flip that."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from decision_builders import CURRENT, SHOTS, TFIDF, TUNED, contender, make_evidence, with_trials

from bakeoff.decision import decide, settle
from bakeoff.decision.choice import choose
from bakeoff.decision.flips import find_flip, knobs_of
from bakeoff.decision.verdict import _meet
from bakeoff.records import Assumptions, Requirement

MIX = contender("cascade minilm-l6", "both")
CHEAP = {TUNED.name: {"rows_per_second": 250.0}, SHOTS.name: {"rows_per_second": 2.0}}
#: People's hours cost nothing, so that what a prediction takes decides between equals.
FREE = Assumptions(
    finetune_hours=0.0, prompt_hours=0.0, finetune_upkeep_hours=0.0, prompt_upkeep_hours=0.0, retrains_per_month=0.0
)


def _evidence(tuned=0.80, asked=0.78, mixed=0.90, **changes):
    curves = [(TUNED, {64: tuned}), (SHOTS, {64: asked}), (TFIDF, {64: 0.6})]
    curves += [] if mixed is None else [(MIX, {64: mixed})]
    return make_evidence(curves, **({"rows": 1000, "shared": 0.9, "seed_deviation": 0.004} | changes))


def _alike(evidence, name, other, facts=None):
    """Give a contender the answers of another, seed by seed, and figures of its own."""
    answers = {trial.seed: trial for trial in evidence.trials if trial.contender == other}

    def change(trial):
        if trial.contender != name:
            return trial
        like = answers[trial.seed]
        given = {"test_answers": like.test_answers, "validation_answers": like.validation_answers}
        return replace(trial, **given, **(facts or {}))

    return with_trials(evidence, change)


def test_a_mixture_that_is_better_than_both_is_chosen_and_says_so():
    decision = decide(_evidence())
    verdict = decision.verdict
    assert (verdict.choice, verdict.contender) == ("both", MIX.name)
    assert verdict.against in (TUNED.name, SHOTS.name)
    assert verdict.reasons[0].startswith(f"{MIX.name} scores higher than {verdict.against}")
    assert MIX.name in verdict.scope
    assert MIX.name in verdict.confidence
    roles = [one.role for one in decision.comparisons]
    assert roles.count("mixture") == 2
    assert roles.count("floor") == 3


def test_a_mixture_that_is_not_shown_to_be_better_changes_nothing():
    alone = decide(_evidence(tuned=0.9, mixed=None)).verdict
    beside = decide(_evidence(tuned=0.9, mixed=0.85)).verdict
    assert (beside.choice, beside.contender, beside.against) == (alone.choice, alone.contender, alone.against)
    assert alone.choice == "fine-tune"


ZERO = contender("zero", "prompt", seeded=False, uses_labels=False)


@pytest.mark.parametrize(
    ("mixed", "limit", "choice"),
    [(0.90, math.inf, "both"), (0.80, math.inf, "unresolved"), (0.60, math.inf, "unresolved"), (0.60, 50.0, "both")],
)
def test_without_labels_a_mixture_is_held_to_the_prompt_alone(mixed, limit, choice):
    facts = {ZERO.name: {"p95_ms": 95.0}, MIX.name: {"p95_ms": 20.0}}
    evidence = make_evidence(
        [(ZERO, {0: 0.8}), (MIX, {0: mixed})], rows=1000, shared=0.9, seed_deviation=0.004, facts=facts
    )
    decision = decide(replace(evidence, requirements=(Requirement("p95_ms", "<=", limit),)))
    assert decision.verdict.choice == choice
    if choice == "both":
        words = "scores higher than" if mixed == 0.90 else "misses a hard limit"
        assert words in decision.verdict.reasons[0]
    else:
        assert decision.verdict.reasons[0].startswith("Without labelled rows nothing can be tuned")
        assert decision.verdict.meanwhile == ZERO.name


def test_with_labels_a_mixture_is_not_chosen_while_tuning_alone_is_not_measured():
    evidence = make_evidence([(SHOTS, {64: 0.7}), (MIX, {64: 0.9}), (TFIDF, {64: 0.6})], rows=1000)
    assert decide(evidence).verdict.choice == "unresolved"


@pytest.mark.parametrize(("quick", "choice"), [(300.0, "both"), (1.0, "fine-tune")])
def test_of_equals_the_cheaper_is_chosen(quick, choice):
    evidence = _evidence(tuned=0.9, asked=0.75, mixed=0.9, assumptions=FREE)
    evidence = _alike(evidence, MIX.name, TUNED.name, {"rows_per_second": quick})
    verdict = decide(evidence).verdict
    assert verdict.choice == choice
    if choice == "both":
        assert "equal within" in verdict.reasons[0]
        assert "less over" in verdict.reasons[0]


def test_where_neither_finalist_is_chosen_it_must_be_shown_against_both():
    level = {"tuned": 0.80, "asked": 0.80, "rows": 600, "shared": 0.2, "seed_deviation": 0.0, "seeds": 4}
    assert decide(_evidence(**level, mixed=None)).verdict.choice == "unresolved"
    assert decide(_evidence(**level, mixed=0.93)).verdict.choice == "both"
    like_one = _alike(_evidence(**level, mixed=0.93), MIX.name, TUNED.name, {"rows_per_second": 0.1})
    assert decide(like_one).verdict.choice == "unresolved"


def test_floor_and_todays_system_stand_until_it_beats_them():
    floored = make_evidence(
        [(TUNED, {64: 0.58}), (SHOTS, {64: 0.55}), (TFIDF, {64: 0.9}), (MIX, {64: 0.7})], rows=1000, seed_deviation=0.0
    )
    assert decide(floored).verdict.choice == "floor"
    kept = make_evidence(
        [(TUNED, {64: 0.7}), (SHOTS, {64: 0.65}), (TFIDF, {64: 0.5}), (MIX, {64: 0.8}), (CURRENT, {0: 0.95})], rows=1000
    )
    assert decide(kept).verdict.choice == "keep-current"


def test_with_too_few_seeds_or_a_missed_limit_it_is_not_chosen():
    evidence = _evidence()
    few = with_trials(evidence, lambda trial: None if trial.contender == MIX.name and trial.seed else trial)
    verdict = decide(few).verdict
    assert verdict.choice != "both"
    assert any(reason.startswith(f"{MIX.name} has under 3 seeds") for reason in verdict.reasons)
    slow = with_trials(evidence, lambda t: replace(t, p95_ms=400.0) if t.contender == MIX.name else t)
    limited = replace(slow, requirements=(Requirement("p95_ms", "<=", 100.0),))
    verdict = decide(limited).verdict
    assert verdict.choice != "both"
    assert any(reason.startswith(f"{MIX.name} is out") for reason in verdict.reasons)


def test_by_expected_costs_the_mixture_of_fewer_errors_wins():
    decision = decide(_evidence(assumptions=replace(FREE, error_cost=1.0)))
    assert decision.verdict.choice == "both"
    assert "has the lower expected cost" in decision.verdict.reasons[0]
    assert [one.role for one in decision.cost_comparisons].count("mixture") == 2


@pytest.mark.parametrize("assumptions", [Assumptions(), replace(FREE, error_cost=0.5)])
def test_crossing_each_flip_changes_the_choice(assumptions):
    evidence = _evidence(assumptions=assumptions)
    _panel, field, _declared, figures, _retraining = _meet(evidence)
    present = choose(figures)
    found = [(knob, find_flip(knob, present)) for knob in knobs_of(figures, present, [(float(field.n), figures)])]
    word = "cost of the mixed finalist's answers" if assumptions.priced else "score of the mixed finalist"
    assert any(word in knob.what and flip is not None for knob, flip in found)
    for knob, flip in found:
        assert choose(knob.apply(knob.now)).choice == present.choice == "both"
        if flip is not None:
            assert choose(knob.apply(flip.at)).choice == flip.to != present.choice


def test_a_mixture_no_better_than_the_finalists_is_rarely_chosen():
    # One procedure thrice over: nothing is better, and nothing cheaper.
    chosen = 0
    for seed in range(60):
        evidence = _evidence(tuned=0.8, asked=0.8, mixed=0.8, rows=300, validation_rows=100, seed=seed, shared=0.5)
        chosen += settle(evidence).choice.choice == "both"
    assert chosen <= 3


def test_fewer_labels_move_the_mixture_with_the_others():
    curves = [
        (TUNED, {16: 0.6, 256: 0.9}),
        (SHOTS, {16: 0.8, 256: 0.8}),
        (MIX, {16: 0.82, 256: 0.95}),
        (TFIDF, {16: 0.5, 256: 0.6}),
    ]
    decision = decide(make_evidence(curves, rows=1500, shared=0.9, seed_deviation=0.004))
    assert decision.verdict.choice == "both"
    assert all(np.isfinite(flip.at) for flip in decision.verdict.flips)
