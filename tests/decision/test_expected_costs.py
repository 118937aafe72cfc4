"""Expected costs: by hand from answers and prices, their bootstrap, and the choice that they make."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from decision_builders import CURRENT, FACTS, LABELS, SHOTS, TFIDF, TUNED, ZERO, contender, make_evidence, with_trials
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.decision import decide
from bakeoff.decision.bills import Bill, call_price, instances_needed, retrains_from_decay, spending
from bakeoff.decision.choice import choose
from bakeoff.decision.comparisons import declare, field_of, figures_of
from bakeoff.decision.estimate import Estimate
from bakeoff.decision.flips import find_flip, knobs_of
from bakeoff.decision.losses import SettledLoss, cost_tables, loss_of
from bakeoff.decision.panel import Panel
from bakeoff.decision.resampling import estimate_difference, estimate_score
from bakeoff.decision.stakes import Stake
from bakeoff.records import Assumptions, Usage

NOTHING = Assumptions(hour_cost=0, machine_hour_cost=0)


def test_t_few_with_and_without_cached_shots():
    """Liu et al. 2022, sections 4.2 and 4.3, in FLOPs; a million tokens stand for the 41 shots and the query."""
    prices = replace(NOTHING, price_in=1.4e15, price_cached=0.0)
    asked = Bill("prompt", served=True, call_tokens_in=1e6, cached_share=40 / 41)
    anew = call_price(asked, prices, cached=False)
    cached = call_price(asked, prices)
    assert anew == pytest.approx(1.4e15)
    assert 2.7e16 / (anew - 1.1e12) == pytest.approx(19.3, abs=0.01)
    assert cached == pytest.approx(1.4e15 / 41)
    assert 2.7e16 / (cached - 1.1e12) == pytest.approx(817.03, abs=0.01)


def test_a_bill_by_hand():
    assumed = Assumptions(
        machine_hour_cost=3.6,
        hour_cost=60,
        finetune_hours=2,
        finetune_upkeep_hours=0.5,
        retrains_per_month=2,
        retrain_hours=0.1,
        retrain_labels=10,
        label_cost=0.14,
        label_hours=0.001,
        volume=1_000_000,
    )
    tuned = Bill("finetune", build_seconds=100, row_seconds=0.004)
    spent = spending(tuned, assumed)
    assert spent.one_off == pytest.approx({"building": 0.1, "people": 120})
    assert spent.monthly == pytest.approx(
        {"hosting": 0, "retraining": 2 * (0.1 + 6 + 2), "upkeep": 30, "re-validation": 0}
    )
    assert spent.prediction == pytest.approx(4e-6)
    assert spent.total_a_month(assumed) == pytest.approx(120.1 / 12 + 16.2 + 30 + 4)
    hosted = replace(assumed, host_hour_cost=0.5, peak_factor=400)
    # A million a month are 0.38 a second, 152 at the peak; one instance answers 250.
    assert instances_needed(0.004, hosted) == 1
    assert instances_needed(0.004, replace(hosted, peak_factor=700)) == 2
    assert spending(tuned, hosted).monthly["hosting"] == pytest.approx(365)
    assert spending(tuned, hosted).prediction == 0


def test_a_hosted_prompt_pays_by_the_call_and_is_checked_when_its_model_retires():
    assumed = Assumptions(
        hour_cost=50, revalidation_hours=6, retirement_months=10, price_in=2, price_cached=0.5, price_out=8
    )
    asked = Bill("prompt", served=True, call_tokens_in=1000, call_tokens_out=5, cached_share=0.8, row_seconds=1.0)
    assert spending(asked, assumed).prediction == pytest.approx((200 * 2 + 800 * 0.5 + 5 * 8) / 1e6)
    assert spending(asked, assumed, cached=False).prediction == pytest.approx((1000 * 2 + 5 * 8) / 1e6)
    assert spending(asked, replace(assumed, cached_share=0.0)).prediction == pytest.approx(2.04e-3)
    assert spending(asked, assumed).monthly["re-validation"] == pytest.approx(30)
    assert spending(replace(asked, served=False), assumed).monthly["re-validation"] == 0
    # An instance that is always on answers no call to a hosted model.
    assert spending(asked, replace(assumed, host_hour_cost=1)).monthly["hosting"] == 0


def test_break_even_with_and_without_a_cached_prefix():
    served = contender("zero-shot served", "prompt", model="http://127.0.0.1:9/v1#m", seeded=False, uses_labels=False)
    counted = Usage(calls=800, tokens_in=800_000, tokens_cached=640_000, tokens_out=1_600)
    assumed = Assumptions(
        hour_cost=50,
        prompt_hours=2,
        price_in=5,
        price_cached=0.5,
        price_out=20,
        revalidation_hours=0,
        retrains_per_month=0,
    )

    def found(usage):
        evidence = make_evidence(
            [(TUNED, {128: 0.9}), (served, {0: 0.9})],
            facts={**FACTS, served.name: {"usage": usage}},
            assumptions=assumed,
        )
        return decide(evidence).break_even

    pays = found(counted)
    # 1,000 tokens a call, 800 of them cached; fine-tuning costs 2 hours and 73 s of this machine more.
    once, run = 100 + 73 * 0.2 / 3600 - 20 * 0.2 / 3600, 0.2 / 3600 / 250
    assert pays.predictions == pytest.approx(once / ((200 * 5 + 800 * 0.5 + 2 * 20) / 1e6 - run), rel=1e-6)
    assert pays.predictions_uncached == pytest.approx(once / ((1000 * 5 + 2 * 20) / 1e6 - run), rel=1e-6)
    assert "69,000 predictions" in pays.detail
    assert "20,000 if no prefix can be read from a cache" in pays.detail
    blind = found(Usage(calls=800))
    assert blind.status == "never"
    assert "No break-even" in blind.detail


def test_retraining_follows_from_a_measured_decay():
    assert retrains_from_decay(0.02, 0.01) == pytest.approx(2)
    assert retrains_from_decay(0.0, 0.01) == retrains_from_decay(-0.1, 0.01) == 0
    assert retrains_from_decay(math.nan, 0.01) == 0
    assert retrains_from_decay(5.0, 0.01) == retrains_from_decay(0.1, 0.0) == pytest.approx(30.4, abs=0.1)


def test_trainings_follow_the_decay_on_later_rows_where_nobody_says():
    curves = [(TUNED, {128: 0.9}), (SHOTS, {128: 0.8}), (TFIDF, {128: 0.6})]
    evidence = make_evidence(curves, rows=1000, validation_rows=1000, facts=FACTS)
    assert _trainings(evidence) == (0.25, "assumed: no rows of a later time tell")
    timed = replace(evidence, measured=replace(evidence.measured, months_to_test=2.0))
    often, why = _trainings(timed)
    assert often == 0.25
    assert "which chance explains" in why
    lost = with_trials(
        timed,
        lambda t: replace(t, test_answers=tuple("negative" for _ in range(200)) + t.test_answers[200:]),
    )
    often, why = _trainings(lost)
    decay = float(why.removeprefix("from ").split()[0]) / 100
    assert often == pytest.approx(decay / 0.01, rel=0.02)
    assert often > 2
    assert _trainings(replace(lost, assumptions=Assumptions(retrains_per_month=1.5))) == (1.5, "as it was set")


def _trainings(evidence):
    decision = decide(evidence)
    swept = next(one.now for one in decision.sweep if one.name == "retrains_per_month")
    assert decision.break_even.assumptions["retrains_per_month"] == swept
    return swept, decision.break_even.assumptions["retraining"]


def test_cost_tables():
    plain = cost_tables(("a", "b"), Assumptions(error_cost=2.0))
    assert plain[0].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert plain[1].tolist() == [[0, 0, 1], [0, 0, 1]]
    matrix = {"a": {"a": 0.5, "b": 3.0}, "b": {"a": 7.0}}
    own = cost_tables(("a", "b"), Assumptions(cost_matrix=matrix))
    assert own[0].tolist() == [[0.5, 3, 0], [7, 0, 0]]
    assert own[1].tolist() == [[0, 0, 3], [0, 0, 7]], "an abstention costs what the dearest answer does"
    reviewed = cost_tables(("a", "b"), Assumptions(cost_matrix=matrix, review_cost=1.5))
    assert reviewed[1].tolist() == [[0, 0, 1], [0, 0, 1]]
    column = {"a": {"b": 3.0, "<abstain>": 0.25}, "b": {"a": 7.0, "<abstain>": 0.5}}
    assert cost_tables(("a", "b"), Assumptions(cost_matrix=column))[1].tolist() == [[0, 0, 0.25], [0, 0, 0.5]]


def _evidence(assumptions, tuned=0.9, asked=0.8, **changes):
    settings_ = {"facts": FACTS, "assumptions": assumptions} | changes
    return make_evidence([(TUNED, {128: tuned}), (SHOTS, {128: asked}), (TFIDF, {128: 0.6})], **settings_)


def test_one_price_for_all_errors_gives_the_statistics_of_accuracy():
    panel = Panel(_evidence(Assumptions(error_cost=3.0)))
    field = field_of(panel)
    tables = cost_tables(tuple(panel.labels), panel.evidence.assumptions)
    lost = loss_of(panel, field.finetune, tables).at(panel.evidence.assumptions)
    score = estimate_score(panel, field.finetune)
    assert lost.mean == pytest.approx(3 * (1 - score.mean))
    assert (lost.rows_variance, lost.df) == pytest.approx((9 * score.rows_variance, score.df), rel=1e-3)
    figures = figures_of(panel, field, declare(panel, field))
    gap = figures.stakes.difference.loss.at(panel.evidence.assumptions)
    scores = estimate_difference(panel, field.finetune, field.prompt)
    assert gap.p_value() == pytest.approx(scores.p_value(), rel=1e-3)
    assert gap.mean == pytest.approx(-3 * scores.mean)


def test_expected_cost_of_a_month_by_hand():
    assumed = Assumptions(error_cost=2.0, review_cost=0.5, volume=1000)
    evidence = with_trials(
        _evidence(assumed),
        lambda t: replace(t, test_answers=(None,) * 100 + t.test_answers[100:]) if t.contender == TUNED.name else t,
    )
    decision = decide(evidence)
    found = next(one for one in decision.costs if one.contender == TUNED.name)
    truth = np.array(evidence.test_labels[100:])
    wrong = [
        float((np.array(t.test_answers[100:]) != truth).sum()) / 500
        for t in evidence.trials
        if t.contender == TUNED.name
    ]
    assert found.answers == pytest.approx(2 * np.mean(wrong) + 0.5 * 100 / 500)
    once = 73 * 0.2 / 3600 + 4 * 50
    monthly = 0.25 * 73 * 0.2 / 3600 + 0.5 * 50
    assert found.total == pytest.approx(once / 12 + monthly + 1000 * (0.2 / 3600 / 250 + found.answers))
    assert found.ci[0] < found.total < found.ci[1]
    one = next(one for one in decision.cost_comparisons if one.role == "verdict")
    other = next(other for other in decision.costs if other.contender == one.b)
    assert one.difference == pytest.approx(found.total - other.total)
    assert one.p <= one.p_holm


@pytest.mark.parametrize("error_cost", [None, 0.002])
def test_totals_and_break_even_can_be_redone_from_their_parts(error_cost):
    assumed = Assumptions(error_cost=error_cost, volume=50_000, prompt_hours=1, finetune_upkeep_hours=0.3)
    decision = decide(_evidence(assumed))
    costs = {one.contender: one for one in decision.costs}
    for one in costs.values():
        certain = sum(one.one_off.values()) / 12 + sum(one.monthly.values())
        assert one.total == pytest.approx(certain + 50_000 * (one.prediction + (one.answers or 0)))
    tuned, asked = costs[TUNED.name], costs[SHOTS.name]
    once = sum(tuned.one_off.values()) - sum(asked.one_off.values())
    month = sum(tuned.monthly.values()) - sum(asked.monthly.values())
    saved = asked.prediction + (asked.answers or 0) - tuned.prediction - (tuned.answers or 0)
    pays = decision.break_even
    assert once == pytest.approx(150, abs=0.1)
    assert pays.months == pytest.approx(once / (50_000 * saved - month))
    assert pays.predictions == pytest.approx(50_000 * pays.months)
    needed = (once / 12 + month) / saved
    assert needed >= 0 or math.isnan(pays.per_month)
    assert needed < 0 or pays.per_month == pytest.approx(needed)
    assert pays.parts[TUNED.name]["once: people"] == 200


def test_the_lowest_expected_cost_wins_even_with_the_lower_score():
    """Missing a positive costs a hundred times a false alarm; the less accurate contender misses fewer."""
    costs = {"negative": {"positive": 0.1}, "positive": {"negative": 10.0}}
    evidence = _evidence(Assumptions(cost_matrix=costs), tuned=0.9, asked=0.8, rows=1000)
    truth = evidence.test_labels, evidence.validation_labels

    def alarmed(trial):
        """Turn the prompt's missed positives into false alarms."""
        if trial.contender != SHOTS.name:
            return trial
        wrong = [
            tuple("positive" if true == "positive" else answer for true, answer in zip(rows, answers, strict=True))
            for rows, answers in zip(truth, (trial.test_answers, trial.validation_answers), strict=True)
        ]
        return replace(trial, test_answers=wrong[0], validation_answers=wrong[1])

    evidence = with_trials(evidence, alarmed)
    by_score = decide(replace(evidence, assumptions=Assumptions()))
    by_cost = decide(evidence)
    assert by_cost.verdict.choice == "prompt"
    assert "has the lower expected cost" in by_cost.verdict.reasons[0]
    assert by_score.cost_comparisons == ()
    assert all(one.ci is None for one in by_score.costs)
    assert "wrong answers included" in by_cost.break_even.detail


def test_costs_that_differ_by_nothing_are_equal_and_unsure_ones_unresolved():
    same = _evidence(Assumptions(error_cost=0.0, volume=10), tuned=0.85, asked=0.85)
    assert decide(same).verdict.choice in ("fine-tune", "prompt", "floor")
    close = _evidence(Assumptions(error_cost=5.0), tuned=0.84, asked=0.83)
    verdict = decide(close).verdict
    assert verdict.choice == "unresolved"
    assert "Neither a difference of expected costs nor equality" in verdict.reasons[0]
    assert any(reason.startswith("Next:") for reason in verdict.reasons)


def test_a_floor_that_costs_less_stands():
    """The finalists beat the floor on score, but a dear upkeep of both is not worth that."""
    served = contender("zero-shot served", "prompt", model="http://127.0.0.1:9/v1#m", seeded=False, uses_labels=False)
    usage = Usage(calls=800, tokens_in=800_000, tokens_out=4_000)
    facts = {**FACTS, served.name: {"usage": usage}}
    assumed = Assumptions(error_cost=0.001, volume=1000, price_in=1.0, finetune_hours=4)
    evidence = make_evidence(
        [(TUNED, {128: 0.7}), (served, {0: 0.9}), (TFIDF, {128: 0.69})], facts=facts, assumptions=assumed
    )
    decision = decide(evidence)
    assert decision.verdict.choice == "floor"
    assert "shown to cost less than the floor" in decision.verdict.reasons[0]


def test_todays_system_is_kept_until_less_is_spent():
    curves = [(TUNED, {128: 0.9}), (SHOTS, {128: 0.8}), (CURRENT, {0: 0.8})]
    assert decide(make_evidence(curves, assumptions=Assumptions(error_cost=1.0))).verdict.choice == "fine-tune"
    few = decide(make_evidence(curves, assumptions=Assumptions(error_cost=1.0, volume=10))).verdict
    assert few.choice == "keep-current", "setting another one up costs more than its fewer errors save"
    paid = decide(make_evidence(curves, assumptions=Assumptions(error_cost=1.0, volume=10, current_cost=10))).verdict
    assert paid.choice == "fine-tune"


def test_finalists_are_chosen_by_their_expected_cost_on_validation_rows():
    served = contender("zero-shot served", "prompt", model="http://127.0.0.1:9/v1#m", seeded=False, uses_labels=False)
    usage = Usage(calls=800, tokens_in=800_000, tokens_out=4_000)
    curves = [(TUNED, {128: 0.9}), (served, {0: 0.86}), (ZERO, {0: 0.84})]

    def prompted(assumptions):
        evidence = make_evidence(curves, facts={**FACTS, served.name: {"usage": usage}}, assumptions=assumptions)
        return next(one.b for one in decide(evidence).comparisons if one.role == "verdict")

    assert prompted(Assumptions(price_in=100.0)) == served.name
    assert prompted(Assumptions(price_in=100.0, error_cost=0.1)) == ZERO.name
    assert prompted(Assumptions(price_in=100.0, error_cost=100.0)) == served.name


@settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(
    tuned=st.floats(0.6, 0.95),
    asked=st.floats(0.6, 0.95),
    error=st.floats(0.0, 10.0),
    review=st.one_of(st.none(), st.floats(0.0, 1.0)),
    volume=st.floats(1, 1e6),
    hours=st.floats(0, 20),
)
def test_crossing_each_flip_in_money_changes_the_choice(tuned, asked, error, review, volume, hours):
    assumed = Assumptions(error_cost=error, review_cost=review, volume=volume, finetune_hours=hours)
    panel = Panel(_evidence(assumed, tuned, asked, rows=100, validation_rows=60))
    field = field_of(panel)
    figures = figures_of(panel, field, declare(panel, field, resamples=200), resamples=200)
    present = choose(figures)
    for knob in knobs_of(figures, present, [(128.0, figures)]):
        flip = find_flip(knob, present)
        if flip is None:
            continue
        assert choose(knob.apply(flip.at)).choice == flip.to != present.choice
        near = abs(flip.at - knob.now) <= 1e-6 * abs(knob.now)
        just_before = knob.now if near else flip.at - 1e-6 * (flip.at - knob.now)
        assert choose(knob.apply(just_before)).choice != flip.to


def test_flips_of_prices_hold_when_all_is_decided_again():
    evidence = _evidence(Assumptions(error_cost=0.0005), tuned=0.9, asked=0.84, rows=1000)
    decision = decide(evidence)
    swept = {one.name: one for one in decision.sweep}
    assert set(swept) >= {"error_cost", "hour_cost", "volume", "finetune_hours", "prompt_upkeep_hours", "label_cost"}
    assert "matrix_factor" not in swept
    assert swept["label_cost"].below is swept["label_cost"].above is None, "owned labels cost nothing"
    checked = 0
    for one in decision.sweep:
        for flip in (one.below, one.above):
            if flip is None:
                continue
            checked += 1
            beyond = flip.at + 1e-6 * (flip.at - flip.now)
            short = flip.at - 1e-3 * (flip.at - flip.now)
            again = [
                decide(replace(evidence, assumptions=replace(evidence.assumptions, **{one.name: value}))).verdict.choice
                for value in (max(beyond, 0.0), short)
            ]
            assert again[0] == flip.to
            assert again[1] != flip.to
            if checked >= 6:
                return
    assert checked >= 2


def test_what_is_not_known_is_not_guessed():
    stake = Stake(Bill("finetune", row_seconds=math.nan), Bill("prompt"), SettledLoss(Estimate(0, 0, 0, 1, 1, 1)))
    assert math.isnan(stake.a_month(Assumptions(error_cost=1.0)).mean)
    blank = with_trials(
        _evidence(Assumptions(error_cost=1.0)),
        lambda t: replace(t, rows_per_second=math.nan, p50_ms=math.nan, p95_ms=math.nan),
    )
    verdict = decide(blank).verdict
    assert verdict.choice == "unresolved"
    assert not any("nan" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    "assumed",
    [
        Assumptions(error_cost=1.0, volume=0),
        Assumptions(error_cost=1.0, volume=0, margin=0, hour_cost=0, machine_hour_cost=0),
        Assumptions(error_cost=0.0, review_cost=0.0, margin=0, hour_cost=0, machine_hour_cost=0),
        Assumptions(cost_matrix={}, margin=0),
        Assumptions(cost_matrix={"negative": {"positive": -1.0}, "positive": {"negative": 1e6}}),
        Assumptions(error_cost=1e9, volume=1e9, host_hour_cost=3),
    ],
    ids=["no volume", "nothing costs", "no prices", "empty matrix", "a gain", "huge"],
)
def test_odd_prices_give_a_sane_decision(assumed):
    decision = decide(_evidence(assumed, 0.84, 0.83, rows=200))
    assert decision.verdict.choice in ("fine-tune", "prompt", "floor", "unresolved")
    said = [*decision.verdict.reasons, decision.verdict.scope, decision.verdict.confidence, decision.break_even.detail]
    assert not any("nan" in sentence.split() or "inf" in sentence.split() for sentence in said)
    for one in decision.cost_comparisons:
        assert one.ci[0] <= one.difference <= one.ci[1]
        assert 0 <= one.p <= one.p_holm <= 1


def test_all_abstain_costs_reviews():
    silent = with_trials(
        _evidence(Assumptions(error_cost=1.0, review_cost=0.3)),
        lambda t: replace(t, test_answers=(None,) * 500, validation_answers=(None,) * 300),
    )
    decision = decide(silent)
    assert {round(one.answers, 6) for one in decision.costs} == {0.3}
    assert LABELS == ("negative", "positive")
