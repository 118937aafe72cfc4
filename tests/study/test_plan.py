"""Plans: what is planned without a limit, and what a time limit leaves of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.methods.forecast import ModelSpeed
from bakeoff.methods.registry import method_spec
from bakeoff.study.contenders import CandidateModel, build_contenders
from bakeoff.study.grid import Grid, default_budgets, forecast_trial
from bakeoff.study.plan import Plan, make_plan

ENCODER = CandidateModel("minilm-l6", "encoder", "e" * 64, 22_700_000, "minilm-l6")
DECODER = CandidateModel("smollm2-135m", "decoder", "d" * 64, 134_500_000, "smollm2-135m")
BIG = CandidateModel("/models/big.gguf", "decoder", "b" * 64, 1_540_000_000, "big")


def grid(
    *, train: int = 1761, test: int = 734, labels: int = 2, encoder_rate: float = 9000.0, decoder_rate: float = 1200.0,
    models: tuple[CandidateModel, ...] = (ENCODER, DECODER), seeds: int = 3,
) -> Grid:  # fmt: skip
    contenders, _missing = build_contenders(models, kind="classification", methods=None, train_rows=train)
    rates = {ENCODER.name: encoder_rate, DECODER.name: decoder_rate, BIG.name: decoder_rate / 11}
    return Grid(
        contenders=contenders,
        speeds={m.name: ModelSpeed(rates[m.name], rates[m.name] / 3, 0.0, 22.0) for m in models},
        budgets=default_budgets(train),
        seeds=seeds,
        rows={"train": train, "validation": train // 4, "test": test},
        labels=labels,
        label_tree=float(labels if labels > 10 else 0),
        label_tokens=1.5,
    )


def planned(grid: Grid, seconds: float | None, *, ships: bool = True) -> Plan:
    return make_plan(grid, time_left=seconds, time_limit=seconds, dtype="float32", device="cpu", threads=2, ships=ships)


def test_without_a_limit_the_whole_grid_is_planned() -> None:
    everything = grid()
    plan = planned(everything, None)
    assert plan.decision_budget == 1761
    assert plan.budgets == (0, 16, 64, 256, 1761)
    assert plan.answered == {"validation": 440, "test": 734}
    pairs = [(trial.contender, trial.n, trial.seed) for trial in plan.trials]
    assert len(set(pairs)) == len(pairs)
    for contender in everything.contenders:
        least = method_spec(contender.method).least_n
        budgets = [n for n in plan.budgets if n >= least] if contender.uses_labels else [0]
        seeds = range(3) if contender.seeded else range(1)
        wanted = {(contender.name, n, seed) for n in budgets if contender.uses_labels is (n > 0) for seed in seeds}
        assert wanted == {pair for pair in pairs if pair[0] == contender.name}


def test_no_time_is_kept_for_a_refit_that_is_not_wanted() -> None:
    kept, free = planned(grid(), 240.0), planned(grid(), 240.0, ships=False)
    assert kept.refit_seconds > 0 == free.refit_seconds
    assert kept.forecast < free.forecast <= 240.0


def test_a_plan_round_trips_through_json() -> None:
    import json

    plan = planned(grid(), 300.0)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_what_decides_runs_first_seed_by_seed() -> None:
    plan = planned(grid(), 600.0)
    core = [trial.core for trial in plan.trials]
    assert core == sorted(core, reverse=True)
    seeds = [trial.seed for trial in plan.trials if trial.core]
    assert seeds == sorted(seeds)


def test_less_time_means_a_smaller_budget_and_never_fewer_seeds() -> None:
    budgets = []
    for seconds in (3600.0, 600.0, 240.0, 120.0):
        plan = planned(grid(), seconds)
        budgets.append(plan.decision_budget)
        for contender in {trial.contender for trial in plan.trials if trial.core and trial.n > 0}:
            assert {t.seed for t in plan.trials if t.contender == contender and t.core} == {0, 1, 2}
    assert budgets == sorted(budgets, reverse=True)
    assert budgets[0] > budgets[-1]


def test_a_slow_model_keeps_its_zero_shot_and_runs_the_rest_if_time_is_left() -> None:
    plan = planned(grid(models=(ENCODER, DECODER, BIG)), 720.0)
    assert [trial.core for trial in plan.trials if trial.contender == "zero-shot big"] == [True]
    assert {trial.spare for trial in plan.trials if trial.contender == "few-shot-calibrated big"} == {True}
    spare = [trial.spare for trial in plan.trials]
    assert spare == sorted(spare), "spare trials run last"


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.floats(120, 7200),
    train=st.integers(60, 20_000),
    test=st.integers(30, 5000),
    labels=st.integers(2, 80),
    decoder_rate=st.floats(300, 5000),
)
def test_a_plan_fits_its_time_where_anything_does(
    seconds: float, train: int, test: int, labels: int, decoder_rate: float
) -> None:
    whole = grid(train=train, test=test, labels=labels, decoder_rate=decoder_rate)
    plan = planned(whole, seconds)
    smallest = min(n for n in whole.budgets if n >= 2)
    rows = min(test, 100) + min(whole.rows["validation"], 100)
    least = sum(forecast_trial(whole, c, smallest if c.uses_labels else 0, rows) for c in whole.contenders) * 3
    if least < 0.5 * seconds:
        assert plan.forecast + plan.refit_seconds <= seconds
    assert plan.answered["test"] <= test
    assert all(0 <= trial.n <= plan.decision_budget for trial in plan.trials)


@pytest.mark.parametrize(
    ("train", "wanted", "expected"),
    [
        (1000, None, (0, 16, 64, 256, 1000)),
        (100, None, (0, 16, 64, 100)),
        (256, None, (0, 16, 64, 256)),
        (10, None, (0, 10)),
        (1000, (0, 32, -1), (0, 32, 1000)),
        (1000, (32, 5000), (32,)),
        (20, (5000,), (20,)),
        (64, (16, 64), (16, 64)),
    ],
)
def test_budgets_are_those_that_the_data_allow(
    train: int, wanted: tuple[int, ...] | None, expected: tuple[int, ...]
) -> None:
    assert default_budgets(train, wanted) == expected


def test_large_decoders_are_not_tuned_and_the_study_says_so() -> None:
    contenders, missing = build_contenders((ENCODER, BIG), kind="classification", methods=None, train_rows=500)
    assert not [c for c in contenders if c.method == "lora"]
    assert missing == ("lora of big was not tried: 1.5 B weights.",)


def test_models_that_share_a_name_give_contenders_of_different_names() -> None:
    twin = CandidateModel("/other/smollm2-135m", "decoder", "x" * 64, 134_500_000, "smollm2-135m")
    contenders, _missing = build_contenders((DECODER, twin), kind="classification", methods=None, train_rows=500)
    names = [c.name for c in contenders]
    assert len(set(names)) == len(names)


def test_where_rows_are_cross_fitted_a_seed_is_a_whole_round_of_folds() -> None:
    from dataclasses import replace

    folded = replace(grid(train=600, test=330), round_folds=3)
    whole = planned(folded, None)
    assert whole.seeds == 3
    assert {t.seed for t in whole.trials if t.contender == "tfidf"} == set(range(9))
    assert {t.seed for t in whole.trials if t.contender == "zero-shot smollm2-135m"} == {0}
    # What time allows once only is one whole round: a fold alone would decide nothing, and cost its time.
    rounds = set()
    for seconds in range(100, 2000, 20):
        plan = planned(folded, float(seconds))
        for name, n in {(t.contender, t.n) for t in plan.trials}:
            own = [t for t in plan.trials if (t.contender, t.n) == (name, n)]
            if name != "zero-shot smollm2-135m" and name != "zero-shot-calibrated smollm2-135m":
                assert sorted(t.seed for t in own) in (list(range(3)), list(range(9)))
                rounds.add(len(own) // 3)
    assert rounds == {1, 3}


def test_methods_that_are_had_by_name_only() -> None:
    def names(methods: list[str] | None) -> set[str]:
        found, _missing = build_contenders((DECODER,), kind="classification", methods=methods, train_rows=500)
        return {contender.method for contender in found}

    assert not {"generated", "generated-reasoning"} & names(None)
    assert names(["generated"]) == {"generated", "majority", "tfidf"}


def test_later_seeds_of_prompts_read_together_pay_for_their_labelled_rows_alone() -> None:
    plan = planned(grid(), None)
    own = [trial for trial in plan.trials if trial.contender == "prompt-ensemble smollm2-135m" and trial.n == 64]
    assert [trial.shares for trial in own] == [None, own[0].contender, own[0].contender]
    assert own[1].cost < 0.2 * own[0].cost
    # The more labelled rows, the more of a later seed is its own.
    large = [trial for trial in plan.trials if trial.contender == own[0].contender and trial.n == 256]
    assert large[1].cost > 2 * own[1].cost
    assert own[1].finds_scores({(own[1].contender, 16, 2)})
    assert not own[1].finds_scores({("few-shot smollm2-135m", 64, 1)})
    folded = planned(replace(grid(), round_folds=3), None)
    shares = [trial.shares for trial in folded.trials if trial.contender == own[0].contender and trial.n == 64]
    # The folds of a round answer different rows, so its first round pays in full.
    assert shares == [None] * 3 + [own[0].contender] * 6


@pytest.mark.parametrize("seconds", range(300, 1300, 100))
def test_a_search_stands_for_prompts_that_learn_where_it_costs_no_label(seconds: int) -> None:
    whole = grid()

    def budget(left_out: str) -> int:
        others = tuple(c for c in whole.contenders if c.method != left_out)
        return planned(replace(whole, contenders=others), float(seconds)).decision_budget

    plan = planned(whole, float(seconds))
    core = {trial.contender.split()[0] for trial in plan.trials if trial.core}
    assert plan.decision_budget == max(budget("prompt-search"), budget("prompt-ensemble"))
    assert ("prompt-search" in core) is (budget("prompt-ensemble") == plan.decision_budget)
    assert ("prompt-search" in core) is not ("prompt-ensemble" in core)


@pytest.mark.parametrize("seconds", [30.0, 60.0, 90.0, 120.0])
def test_a_search_that_does_not_fit_stands_for_nothing(seconds: float) -> None:
    slow = replace(grid(decoder_rate=1000.0), speeds={
        name: replace(speed, tokens_per_row=25.0) for name, speed in grid(decoder_rate=1000.0).speeds.items()
    })  # fmt: skip
    assert "prompt-search smollm2-135m" not in {t.contender for t in planned(slow, seconds).trials if t.core}


def test_a_method_stands_only_where_its_rows_suffice() -> None:
    few = replace(grid(), budgets=(0, 8))
    assert "prompt-ensemble smollm2-135m" in {t.contender for t in planned(few, 600.0).trials if t.core}


def test_the_ensemble_stands_for_prompts_that_learn_and_the_same_base_pair_comes_before_them() -> None:
    plan = planned(grid(), 375.0)
    core = {trial.contender for trial in plan.trials if trial.core}
    assert "prompt-ensemble smollm2-135m" in core
    assert "few-shot-calibrated smollm2-135m" not in core
    tuned = [trial for trial in plan.trials if trial.contender == "lora smollm2-135m"]
    assert tuned
    assert not any(trial.spare for trial in tuned)
    others = [trial.contender for trial in plan.trials if not trial.core]
    assert others.index("lora smollm2-135m") < others.index("few-shot-calibrated smollm2-135m")
    # A model without any that may stand for them keeps all of its prompts.
    whole = grid()
    plain = tuple(c for c in whole.contenders if not method_spec(c.method).stands_for_learning)
    without = replace(whole, contenders=plain)
    assert "few-shot-calibrated smollm2-135m" in {t.contender for t in planned(without, 320.0).trials if t.core}
