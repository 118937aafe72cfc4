"""Who may still become a finalist, and whether further seeds of the finalists would tell more."""

from __future__ import annotations

from dataclasses import replace

from decision_builders import LORA, PROBE, SHOTS, TUNED, ZERO, contender, make_evidence, with_trials

from bakeoff.decision import further_seeds_tell, in_the_race
from bakeoff.records import Assumptions, Requirement

GOOD = contender("16-shot smollm2-135m", "prompt")


def test_the_leader_stands_first_and_who_trails_by_much_is_out():
    evidence = make_evidence([(PROBE, {512: 0.62}), (TUNED, {512: 0.9}), (SHOTS, {512: 0.99})], train=512, seeds=1)
    assert in_the_race(evidence, "finetune", 512) == (TUNED.name,)


def test_who_is_within_a_standard_error_stays_unless_it_is_dear():
    close = make_evidence([(TUNED, {512: 0.88}), (PROBE, {512: 0.865})], train=512, seeds=1, seed_deviation=0.0)
    assert in_the_race(close, "finetune", 512) == (TUNED.name, PROBE.name)
    assert in_the_race(close, "finetune", 512, [PROBE.name]) == (TUNED.name,)


def test_more_seeds_put_out_what_one_leaves():
    def ahead(seeds: int) -> tuple[str, ...]:
        curves = [(TUNED, {512: 0.88}), (PROBE, {512: 0.855})]
        settings = {"train": 512, "seed_deviation": 0.0, "shared": 0.95, "validation_rows": 1000}
        return in_the_race(make_evidence(curves, seeds=seeds, **settings), "finetune", 512)

    assert (len(ahead(1)), len(ahead(3))) == (2, 1)


def test_only_validation_answers_count():
    evidence = make_evidence([(PROBE, {512: 0.62}), (TUNED, {512: 0.9})], train=512)
    flattered = with_trials(
        evidence, lambda t: replace(t, test_answers=evidence.test_labels) if t.contender == PROBE.name else t
    )
    assert in_the_race(flattered, "finetune", 512) == (TUNED.name,)


def test_contenders_are_compared_where_both_were_measured():
    # By its own 1,024 rows the probe leads; at the 128 that both have it is far behind.
    evidence = make_evidence([(PROBE, {128: 0.6, 1024: 0.8}), (TUNED, {128: 0.78})], train=1024, seeds=1)
    assert in_the_race(evidence, "finetune", 1024) == (PROBE.name, TUNED.name)
    # The other way round, three doublings are granted three points and no more.
    flat = make_evidence([(PROBE, {1024: 0.9}), (TUNED, {128: 0.7})], train=1024, seeds=1)
    assert in_the_race(flat, "finetune", 1024) == (PROBE.name,)


def test_prices_limits_and_dropped_ones_are_heeded():
    evidence = make_evidence([(TUNED, {512: 0.9}), (PROBE, {512: 0.6}), (LORA, {512: 0.88})], train=512)
    priced = replace(evidence, assumptions=Assumptions(error_cost=1.0))
    assert set(in_the_race(priced, "finetune", 512)) == {TUNED.name, PROBE.name, LORA.name}
    assert TUNED.name not in in_the_race(replace(evidence, dropped={TUNED.name: "failed"}), "finetune", 512)
    slow = with_trials(evidence, lambda t: replace(t, p95_ms=900.0) if t.contender == TUNED.name else t)
    limited = replace(slow, requirements=(Requirement("p95_ms", "<=", 50.0),))
    assert in_the_race(limited, "finetune", 512)[0] == LORA.name
    assert in_the_race(evidence, "prompt", 512) == ()


def test_further_seeds_are_worth_it_only_where_they_may_decide():
    settings = {"train": 512, "validation_rows": 200}
    clear = make_evidence([(TUNED, {512: 0.9}), (SHOTS, {512: 0.6})], **settings, seed_deviation=0.01)
    assert not further_seeds_tell(clear, 5), "decided by three"
    level = make_evidence([(TUNED, {512: 0.85}), (SHOTS, {512: 0.85})], **settings, seed_deviation=0.01)
    assert not further_seeds_tell(level, 5), "five would not decide either"
    restless = make_evidence([(TUNED, {512: 0.88}), (SHOTS, {512: 0.75})], **settings, seed_deviation=0.05)
    assert further_seeds_tell(restless, 5)
    assert not further_seeds_tell(restless, 3), "these are known"


def test_of_test_rows_only_their_number_counts_for_further_seeds():
    settings = {"train": 512, "validation_rows": 200, "seed_deviation": 0.05}
    restless = make_evidence([(TUNED, {512: 0.88}), (SHOTS, {512: 0.75})], **settings)
    assert further_seeds_tell(with_trials(restless, lambda t: replace(t, test_answers=restless.test_labels)), 5)


def test_further_seeds_need_a_finalist_of_either_arm():
    assert not further_seeds_tell(make_evidence([(TUNED, {512: 0.9})], train=512), 5)
    assert not further_seeds_tell(make_evidence([(ZERO, {0: 0.5})]), 5)
