"""Control versus flexibility: each figure that can tell the two ways apart does so, in the documented order."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from decision_builders import FACTS, SHOTS, TFIDF, TUNED, ZERO, contender, make_evidence, with_trials

from bakeoff.decision import decide, finalists
from bakeoff.decision.panel import Panel
from bakeoff.decision.slope import label_cost, slope_per_doubling
from bakeoff.records import Measured, Rephrased

STEADY = {"rows": 600, "seed_deviation": 0.001, "shared": 0.99}


def _evidence(prompt=ZERO, **settings):
    curves = [(TUNED, {128: 0.85}), (prompt, {0 if prompt is ZERO else 128: 0.8}), (TFIDF, {128: 0.6})]
    return make_evidence(curves, **({"facts": FACTS} | STEADY | settings))


def _control(evidence):
    found = {one.name: one for one in decide(evidence).considerations}
    return found["control_vs_flexibility"]


def _calibrated(evidence, **errors):
    known = {
        trial.key: (errors[side], 0.02)
        for side, trials in finalists(evidence).items()
        if side in errors
        for trial in trials
    }
    return replace(evidence, measured=replace(evidence.measured, calibration_error=known))


def test_nothing_told_apart_favours_neither():
    one = _control(_evidence())
    assert one.favours == "neither"
    assert one.figures["finetune_calibration_error"] is None
    assert one.figures["prompt_seed_deviation_beyond_chance"] == 0.0


@pytest.mark.parametrize(("tuned", "asked", "favours"), [(0.03, 0.12, "fine-tuning"), (0.12, 0.03, "prompting")])
def test_calibration_tells_where_nothing_before_it_does(tuned, asked, favours):
    one = _control(_calibrated(_evidence(), finetune=tuned, prompt=asked))
    assert one.favours == favours
    assert one.figures["finetune_calibration_error"] == pytest.approx(tuned)
    assert f"calibration error {100 * tuned:.1f} points (2.0 by chance)" in one.finding


def test_an_error_that_chance_explains_tells_nothing():
    evidence = _calibrated(_evidence(), finetune=0.03, prompt=0.12)
    known = {key: (error, error) for key, (error, _) in evidence.measured.calibration_error.items()}
    assert _control(replace(evidence, measured=Measured(calibration_error=known))).favours == "neither"


def test_valid_answers_come_before_all_else():
    def spoil(trial):
        if trial.contender != TUNED.name:
            return trial
        return replace(trial, test_answers=(*(None,) * 30, *trial.test_answers[30:]))

    evidence = _calibrated(_evidence(), finetune=0.0, prompt=0.3)
    assert _control(evidence).favours == "fine-tuning"
    assert _control(with_trials(evidence, spoil)).favours == "prompting"


def test_a_prompt_that_does_not_lead_to_its_labels_is_told_and_favours_nothing():
    facts = FACTS | {ZERO.name: FACTS[ZERO.name] | {"details": {"label_mass": 0.02}}}
    one = _control(_evidence(facts=facts))
    assert one.favours == _control(_evidence()).favours
    assert "hardly leads to them" in one.finding


@pytest.mark.parametrize(
    ("reading", "favours", "said"),
    [
        ("affine", "neither", "read out of other words"),
        ("neighbours", "neither", "read out of other words"),
        ("calibrated", "neither", "hardly leads to them"),
    ],
)
def test_label_mass_says_little_of_a_prompt_that_is_read_by_a_map(reading, favours, said):
    details = {"label_mass": 0.003, "reading": reading}
    one = _control(_evidence(facts=FACTS | {ZERO.name: FACTS[ZERO.name] | {"details": details}}))
    assert one.favours == favours
    assert one.figures["prompt_label_mass"] == pytest.approx(0.003)
    assert said in one.finding


def test_the_steadier_over_seeds_is_favoured():
    wild = _evidence(SHOTS, seed_deviation=0.0)
    shift = {0: 0, 1: 60, 2: 120}

    def spread(trial):
        if trial.contender != SHOTS.name:
            return trial
        flip = {"negative": "positive", "positive": "negative"}
        turned = [flip[value] for value in trial.test_answers[: shift[trial.seed]]]
        return replace(trial, test_answers=(*turned, *trial.test_answers[len(turned) :]))

    assert _control(wild).favours == "neither"
    one = _control(with_trials(wild, spread))
    assert one.favours == "fine-tuning"
    assert one.figures["prompt_seed_deviation_beyond_chance"] > 0.01


@pytest.mark.parametrize(
    ("given", "deviation", "favours"),
    [
        ({"calibration": "none"}, 0.08, "fine-tuning"),
        ({"calibration": "batch"}, 0.0, "neither"),
        ({"reading": "affine"}, 0.0, "neither"),
    ],
)
def test_the_spread_over_phrasings_counts_beside_that_over_seeds(given, deviation, favours):
    prompt = contender("few-shot smollm2-135m", "prompt", parameters=given)
    evidence = _evidence(prompt, seed_deviation=0.0)
    plain = Rephrased(("as it stands", "quoted"), (0.8, 0.68), 0.08, 100)
    steady = Rephrased(("as it stands", "quoted"), (0.8, 0.8), 0.0, 100)
    evidence = replace(evidence, measured=Measured(rephrased={"smollm2-135m": (plain, steady)}))
    one = _control(evidence)
    assert one.favours == favours
    assert one.figures["prompt_phrasing_deviation_beyond_chance"] == deviation
    assert one.figures["prompt_phrasings"] == 2
    assert "2 phrasings zero-shot" in one.finding
    assert (".680 to .800" in one.finding) == (given == {"calibration": "none"})
    assert "finetune_phrasings" not in one.figures


def _worse_after(evidence, name, share):
    """Turn a share of a contender's right test answers wrong, as if later rows were strange to it."""
    truth, flip = evidence.test_labels, {"negative": "positive", "positive": "negative"}

    def change(trial):
        if trial.contender != name:
            return trial
        turned = [
            flip[value] if value == truth[row] and row % 100 < 100 * share else value
            for row, value in enumerate(trial.test_answers)
        ]
        return replace(trial, test_answers=tuple(turned))

    return with_trials(evidence, change)


@pytest.mark.parametrize(("worse", "favours"), [(TUNED.name, "prompting"), (ZERO.name, "fine-tuning"), ("", "neither")])
def test_the_one_that_holds_on_later_rows_is_favoured(worse, favours):
    evidence = replace(_worse_after(_evidence(), worse, 0.15), measured=Measured(months_to_test=3.0))
    one = _control(evidence)
    assert one.favours == favours
    for key, name in (("finetune", TUNED.name), ("prompt", ZERO.name)):
        told = {what: one.figures[f"{key}_{what}"] for what in ("earlier_score", "later_score", "decay_per_month")}
        assert told["decay_per_month"] == pytest.approx((told["earlier_score"] - told["later_score"]) / 3)
        half = one.figures[f"{key}_decay_half_interval"]
        assert 0.005 < half < 0.02
        assert (told["decay_per_month"] > half) == (name == worse)
    assert "a month on later rows" in one.finding
    assert (abs(one.figures["later_lead"]) > one.figures["later_lead_half_interval"]) == bool(worse)


def test_without_times_there_is_no_decay():
    one = _control(_worse_after(_evidence(), TUNED.name, 0.15))
    assert one.favours == "neither"
    assert not [name for name in one.figures if "decay" in name or "later" in name]


def test_an_arm_that_fails_on_one_source_is_not_favoured():
    evidence = _evidence()
    groups = tuple("shop" if row % 100 < 15 else f"site {row % 4}" for row in range(len(evidence.test_labels)))
    tiny = ("mail",) * 5 + groups[5:]
    evidence = replace(_worse_after(evidence, TUNED.name, 0.15), measured=Measured(test_groups=tiny))
    one = _control(evidence)
    assert one.favours == "prompting"
    assert one.figures["finetune_groups"] == 5
    assert "mail" not in one.figures["finetune_lowest_group_scores"]
    assert next(iter(one.figures["finetune_lowest_group_scores"].items())) == ("shop", pytest.approx(0.0, abs=0.1))
    assert one.figures["finetune_group_deviation_beyond_chance"] > one.figures["prompt_group_deviation_beyond_chance"]
    assert "over 5 groups" in one.finding


def test_what_a_new_label_costs_each_arm():
    curves = [(TUNED, {64: 0.80, 128: 0.85}), (SHOTS, {64: 0.8, 128: 0.8}), (TFIDF, {64: 0.6, 128: 0.6})]
    facts = {
        **FACTS,
        SHOTS.name: FACTS[SHOTS.name] | {"details": {"demonstrations": list(range(8)), "calibration_rows": 56}},
    }
    evidence = with_trials(
        make_evidence(curves, facts=facts, **STEADY),
        lambda t: replace(t, fit_seconds=t.n * (0.5 if t.contender == TUNED.name else 0.01)),
    )
    one = _control(evidence)
    told = one.figures
    assert told["finetune_build_seconds"] == pytest.approx(64.0)
    assert told["finetune_seconds_per_label"] == pytest.approx(0.5)
    assert told["prompt_seconds_per_label"] == pytest.approx(0.01)
    assert (told["finetune_labels_read"], told["prompt_labels_read"]) == (128.0, 64.0)
    slope = {one.name: one for one in decide(evidence).considerations}["complexity"].figures["slope_per_doubling"]
    assert told["finetune_labels_per_point"] == pytest.approx(128 * (2 ** (0.01 / slope) - 1))
    assert "a new label takes a fit of 64 s" in one.finding
    assert "reads 64 of 128 labels" in one.finding


def test_a_change_that_takes_an_hour_favours_prompting_where_nothing_else_does():
    facts = FACTS | {TUNED.name: FACTS[TUNED.name] | {"fit_seconds": 3600.0}}
    assert _control(_evidence(facts=facts)).favours == "prompting"


def test_a_slope_of_the_last_bit_asks_for_no_number_of_labels():
    # The mean of .7, .8 and .9 is a bit below that of three times .8; 2 to the power of 1 / slope overflowed.
    shares = {64: (0.7, 0.8, 0.9), 128: (0.8, 0.8, 0.8)}
    evidence = make_evidence([(TUNED, {64: 0.8, 128: 0.8}), (ZERO, {0: 0.7})], rows=10, facts=FACTS)

    def exact(trial):
        if trial.contender != TUNED.name:
            return trial
        right = round(10 * shares[trial.n][trial.seed])
        answers = tuple(label if row < right else None for row, label in enumerate(evidence.test_labels))
        return replace(trial, test_answers=answers)

    panel = Panel(with_trials(evidence, exact))
    cell = panel.cell(TUNED.name, 128)
    assert cell is not None
    assert 0 < slope_per_doubling(panel, TUNED.name, 128) < 1e-12
    assert label_cost(panel, cell).labels_per_point == math.inf


def test_light_typing_errors_stand_in_both_columns():
    def told(trial):
        kept = {TUNED.name: 0.9, ZERO.name: 0.7}.get(trial.contender)
        if kept is None or trial.seed:
            return trial
        figures = {"rows": 50, "kept": kept, "score": 0.8, "score_with_typos": 0.8 * kept}
        return replace(trial, details={**trial.details, "light_typos": figures})

    bare = _control(_evidence())
    assert bare.figures["finetune_typo_answers_kept"] is None
    assert "light typos" not in bare.finding
    one = _control(with_trials(_evidence(), told))
    assert one.figures["finetune_typo_answers_kept"] == 0.9
    assert one.figures["prompt_typo_answers_kept"] == 0.7
    assert one.figures["prompt_typo_score_change"] == pytest.approx(-0.24)
    assert one.finding.count("light typos leave") == 2
    assert "light typos leave 70.0% of 50 answers" in one.finding


def test_instructions_inside_texts_are_counted_for_both_and_favour_nothing():
    seen = {"rows": 32, "changed": 20, "obeyed": 18, "changed_anyway": 5}
    facts = FACTS | {ZERO.name: FACTS[ZERO.name] | {"details": {"injected": seen}}}
    one = _control(_evidence(facts=facts))
    assert one.favours == "neither"
    assert "an instruction inside the text changes 20 of 32 answers, a plain sentence 5" in one.finding
    assert one.figures["prompt_injected_changed_share"] == pytest.approx(0.625)
    assert one.figures["prompt_injected_obeyed_share"] == pytest.approx(18 / 32)
    assert one.figures["finetune_injected_rows"] is None
