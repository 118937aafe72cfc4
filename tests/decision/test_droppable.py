"""What a running study may drop, from validation answers alone."""

from __future__ import annotations

from dataclasses import replace

from decision_builders import (
    CURRENT,
    LORA,
    MAJORITY,
    PROBE,
    SHOTS,
    TFIDF,
    TUNED,
    ZERO,
    contender,
    make_evidence,
    with_trials,
)

from bakeoff.decision import droppable

GOOD = contender("16-shot smollm2-135m", "prompt")


def test_a_hopeless_contender_goes_with_a_reason():
    evidence = make_evidence([(TUNED, {128: 0.88, 512: 0.92}), (PROBE, {128: 0.60, 512: 0.62})], train=512)
    found = droppable(evidence)
    assert set(found) == {PROBE.name}
    assert f"below {TUNED.name}" in found[PROBE.name]
    assert set(droppable(replace(evidence, dropped=found))) == set()


def test_only_validation_answers_count():
    evidence = make_evidence([(TUNED, {512: 0.92}), (PROBE, {512: 0.62})], train=512)
    flattered = with_trials(evidence, lambda t: replace(t, test_answers=evidence.test_labels))
    assert set(droppable(flattered)) == {PROBE.name}
    assert droppable(replace(evidence, validation_labels=())) == {}


def test_a_close_contender_stays():
    evidence = make_evidence([(TUNED, {512: 0.85}), (PROBE, {512: 0.82})], train=512)
    assert droppable(evidence) == {}


def test_a_learner_that_could_still_catch_up_stays():
    few = [(TUNED, {8: 0.50, 16: 0.52}), (PROBE, {8: 0.80, 16: 0.82})]
    assert droppable(make_evidence(few, train=2000)) == {}
    # 25 points behind at 64 of 2,000 rows, but gaining 12 points a doubling on the other.
    rising = [(TUNED, {32: 0.48, 64: 0.60}), (PROBE, {32: 0.84, 64: 0.85})]
    assert droppable(make_evidence(rising, train=2000, seed_deviation=0.005)) == {}
    flat = [(TUNED, {32: 0.50, 64: 0.50}), (PROBE, {32: 0.90, 64: 0.91})]
    assert set(droppable(make_evidence(flat, train=128, seed_deviation=0.005))) == {TUNED.name}


def test_floors_and_todays_system_stay():
    evidence = make_evidence(
        [(TUNED, {512: 0.9}), (SHOTS, {512: 0.9}), (TFIDF, {512: 0.7}), (MAJORITY, {512: 0.5}), (CURRENT, {0: 0.4})]
    )
    assert droppable(evidence) == {}


def test_the_last_of_a_same_base_pair_stays():
    evidence = make_evidence([(TUNED, {512: 0.93}), (LORA, {512: 0.6}), (SHOTS, {512: 0.8})], train=512)
    assert droppable(evidence) == {}
    without = make_evidence(
        [(TUNED, {512: 0.93}), (LORA, {512: 0.6}), (contender("8-shot big", "prompt"), {512: 0.8})], train=512
    )
    assert set(droppable(without)) == {LORA.name}


def test_of_two_prompts_of_the_pair_the_worse_may_go():
    evidence = make_evidence([(LORA, {512: 0.9}), (GOOD, {512: 0.85}), (ZERO, {0: 0.55})], train=512)
    assert set(droppable(evidence)) == {ZERO.name}


def test_an_arm_never_loses_its_best():
    evidence = make_evidence([(TUNED, {512: 0.95}), (SHOTS, {512: 0.4}), (GOOD, {512: 0.38})], train=512)
    assert SHOTS.name not in droppable(evidence) or GOOD.name not in droppable(evidence)
    assert TUNED.name not in droppable(evidence)
