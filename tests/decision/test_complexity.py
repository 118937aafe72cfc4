"""Complexity of the task: what it favours, how models read the texts, and rows that look mislabelled."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from decision_builders import FACTS, SHOTS, TFIDF, TUNED, ZERO, make_evidence

from bakeoff.decision import decide
from bakeoff.records import LabelNoise, Measured, Reading, Suspect


def _complexity(evidence):
    return {one.name: one for one in decide(evidence).considerations}["complexity"]


def _evidence(tuned, zero=0.78, **measured):
    curves = [(TUNED, tuned), (ZERO, {0: zero}), (TFIDF, dict.fromkeys(tuned, 0.6))]
    evidence = make_evidence(curves, facts=FACTS, rows=1000, seed_deviation=0.001, shared=0.98)
    return replace(evidence, measured=Measured(**measured))


@pytest.mark.parametrize(
    ("tuned", "zero", "tokens", "favours"),
    [
        ({64: 0.80, 256: 0.90}, 0.78, 1.4, "fine-tuning"),  # ahead, and more labels still help
        ({64: 0.90, 256: 0.90}, 0.78, 1.4, "neither"),  # ahead, and all that labels bring is there
        ({64: 0.90, 256: 0.90}, 0.78, 2.7, "fine-tuning"),  # the same on texts that are strange to the prompted model
        ({64: 0.60, 256: 0.78}, 0.80, 2.7, "prompting"),  # zero-shot is as good
    ],
)
def test_what_complexity_favours(tuned, zero, tokens, favours):
    one = _complexity(_evidence(tuned, zero, readings={"smollm2-135m": Reading(tokens, math.log(60.0))}))
    assert one.favours == favours
    assert one.figures["prompt_tokens_per_word"] == tokens
    assert one.figures["prompt_perplexity"] == pytest.approx(60.0)
    assert one.figures["finetune_perplexity"] is None
    assert f"{tokens} tokens a word and a perplexity of 60" in one.finding
    assert ("far from" in one.finding) == (tokens > 2)
    assert one.figures["lead_over_floor"] == pytest.approx(max(tuned[256], zero) - 0.6, abs=0.05)


def test_a_task_that_words_solve_or_whose_slope_is_not_known():
    floor = (TFIDF, {256: 0.92})
    tuned, zero = (TUNED, {256: 0.92}), (ZERO, {0: 0.6})
    settings = {"facts": FACTS, "rows": 1000, "seed_deviation": 0.001, "shared": 0.99}
    assert _complexity(make_evidence([tuned, zero, floor], **settings)).favours == "neither"
    assert _complexity(make_evidence([tuned, zero, (TFIDF, {256: 0.7})], **settings)).favours == "fine-tuning"
    assert _complexity(make_evidence([tuned, zero], **settings)).favours == "fine-tuning"


def test_what_was_not_measured_is_not_said():
    one = _complexity(_evidence({64: 0.8, 256: 0.9}))
    assert one.figures["prompt_tokens_per_word"] is one.figures["mislabelled_rows"] is None
    assert "tokens" not in one.finding
    assert "mislabelled" not in one.finding


def test_a_prompted_arm_without_zero_shot_favours_neither():
    evidence = make_evidence([(TUNED, {64: 0.8, 256: 0.9}), (SHOTS, {64: 0.8, 256: 0.8})], facts=FACTS)
    assert _complexity(evidence).favours == "neither"


def test_rows_that_look_mislabelled_are_counted_and_named():
    suspects = tuple(
        Suspect(f"id{row}", row, "test", "negative", "positive", 0.01 * place)
        for place, row in enumerate((9, 4, 31, 17))
    )
    noise = LabelNoise("full minilm-l6", 400, 12, suspects)
    one = _complexity(_evidence({64: 0.8, 256: 0.9}, label_noise=noise))
    assert one.figures["mislabelled_rows"] == 12
    assert one.figures["mislabelled_share"] == pytest.approx(0.03)
    assert [row["row"] for row in one.figures["likeliest_mislabelled"]] == [9, 4, 31, 17]
    assert one.figures["likeliest_mislabelled"][0]["id"] == "id9"
    assert "12 of 400 rows look mislabelled (first: 9, 4 and 31)" in one.finding
    clean = _complexity(_evidence({64: 0.8, 256: 0.9}, label_noise=LabelNoise("full minilm-l6", 400, 0, ())))
    assert "no row looks mislabelled" in clean.finding
