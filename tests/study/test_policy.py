"""Which trial a study runs next, where it is to end as soon as its verdict is decided."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from study_builders import FLOORS, make_study

from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.policy import next_trial, next_trials
from bakeoff.study.run import run_study

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from decision_builders import LORA, PROBE, SHOTS, TFIDF, TUNED, ZERO, contender, make_evidence

Place = tuple[str, int, int]
SEARCH = contender("prompt-search smollm2-135m", "prompt")
SECONDS = {
    TUNED.name: 0.05,
    PROBE.name: 0.005,
    LORA.name: 0.5,
    SHOTS.name: 0.001,
    SEARCH.name: 0.002,
    TFIDF.name: 0.001,
}
BUDGETS = (16, 64, 256, 1024)


def _plan(curves: Mapping[str, Mapping[int, float]], *, seeds: int = 3, folds: int = 1) -> Plan:
    """Plan the whole grid; a trial takes 5 s and its part for each labelled row."""
    trials = []
    for name, curve in curves.items():
        for n in curve:
            for seed in range(1 if name == ZERO.name else seeds * folds):
                core = n in (0, max(BUDGETS))
                trials.append(PlannedTrial(name, n, seed, 5.0 + SECONDS.get(name, 0.0) * n, core))
    return Plan(
        max(BUDGETS), BUDGETS, seeds, {"test": 500, "validation": 300}, tuple(trials), 1.0, 0.0, None, "float32", "cpu",
        1, round_folds=folds,
    )  # fmt: skip


def _course(scores: Mapping[str, Mapping[int, float]], **changes: object) -> list[Place]:
    """Follow the policy to its end over a grid in which every trial is known."""
    known = {one.name: one for one in (TUNED, PROBE, LORA, SHOTS, SEARCH, ZERO, TFIDF)}
    whole = make_evidence([(known[name], curve) for name, curve in scores.items()], train=1024, seed_deviation=0.002)
    whole = replace(whole, **changes)
    if not whole.validation_labels:
        whole = replace(whole, trials=tuple(replace(trial, validation_answers=()) for trial in whole.trials))
    records = {(trial.contender, trial.n, trial.seed): trial for trial in whole.trials}
    plan, places = _plan(scores), []
    while True:
        evidence = replace(whole, trials=tuple(records[place] for place in places))
        trial = next_trial(plan, evidence, places)
        if trial is None:
            return places
        places.append((trial.contender, trial.n, trial.seed))


def _course_beside(scores: Mapping[str, Mapping[int, float]], at_a_time: int, chance: random.Random) -> set[Place]:
    """Follow the policy with several trials under way, which end in any order."""
    known = {one.name: one for one in (TUNED, PROBE, LORA, SHOTS, SEARCH, ZERO, TFIDF)}
    whole = make_evidence([(known[name], curve) for name, curve in scores.items()], train=1024, seed_deviation=0.002)
    records = {(trial.contender, trial.n, trial.seed): trial for trial in whole.trials}
    plan, ended, running, most = _plan(scores), [], [], 0
    while True:
        evidence = replace(whole, trials=tuple(records[place] for place in ended))
        found = [(one.contender, one.n, one.seed) for one in next_trials(plan, evidence, ended)]
        fresh = [place for place in found if place not in running]
        if fresh and len(running) < at_a_time:
            running.append(fresh[0])
            most = max(most, len(running))
        elif running:
            ended.append(running.pop(chance.randrange(len(running))))
        else:
            assert most > 1
            return set(ended)


def _flat(score: float) -> dict[int, float]:
    return dict.fromkeys(BUDGETS, score)


GRID = {
    TUNED.name: _flat(0.9),
    PROBE.name: _flat(0.75),
    LORA.name: _flat(0.8),
    SHOTS.name: _flat(0.7),
    SEARCH.name: _flat(0.8),
    ZERO.name: {0: 0.65},
    TFIDF.name: _flat(0.6),
}


def test_finalists_get_every_seed_and_the_others_one():
    places = _course(GRID)
    counts = Counter((name, n) for name, n, _seed in places)
    assert counts[TUNED.name, 1024] == counts[SEARCH.name, 1024] == counts[TFIDF.name, 1024] == 3
    assert counts[PROBE.name, 1024] == counts[SHOTS.name, 1024] == counts[ZERO.name, 0] == 1
    assert len(places) < len(_plan(GRID).trials) / 4
    assert len(set(places)) == len(places)


#: Of two that lead at 256 labels the better one rises, so that the other need not meet it.
RISING = {PROBE.name: _flat(0.76), LORA.name: _flat(0.82), TUNED.name: {16: 0.7, 64: 0.8, 256: 0.88, 1024: 0.95}}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {LORA.name: _flat(0.96)},
        {SHOTS.name: _flat(0.8)},
        {PROBE.name: _flat(0.893), SHOTS.name: _flat(0.79)},
        RISING,
    ],
)
def test_trials_beside_one_another_are_those_that_run_one_after_another(changed: dict[str, dict[int, float]]):
    grid = {**GRID, **changed}
    alone = _course(grid)
    for seed in range(6):
        assert _course_beside(grid, 2 + seed, random.Random(seed)) == set(alone)


def test_a_dear_contender_is_tried_at_fewer_labels_and_goes_no_further_where_it_trails():
    places = _course(GRID)
    assert [place for place in places if place[0] == LORA.name] == [(LORA.name, 256, 0)]
    # The cheapest come first.
    assert places[0][0] in (TFIDF.name, ZERO.name)
    assert places.index((LORA.name, 256, 0)) > places.index((PROBE.name, 1024, 0))


def test_a_dear_contender_that_leads_meets_the_others():
    places = _course({**GRID, LORA.name: _flat(0.96)})
    assert {(LORA.name, 1024, seed) for seed in range(3)} <= set(places)


def test_rivals_that_cannot_be_told_apart_both_get_seeds():
    places = _course({**GRID, SHOTS.name: _flat(0.8)})
    counts = Counter(name for name, n, _seed in places if n == 1024)
    assert counts[SHOTS.name] > 1
    assert counts[SEARCH.name] > 1


def test_what_was_dropped_is_not_chosen():
    places = _course(GRID, dropped={TUNED.name: "failed 2 times"})
    assert TUNED.name not in {name for name, _n, _seed in places}


def test_without_validation_rows_all_seeds_of_all_are_measured():
    places = _course(GRID, validation_labels=())
    assert {(LORA.name, 1024, 2), (PROBE.name, 1024, 2)} <= set(places)


def test_time_that_does_not_allow_a_trial_ends_no_study():
    plan = _plan(GRID)
    none = make_evidence([(TUNED, {16: 0.9})], train=1024)
    ended = {(trial.contender, trial.n, trial.seed) for trial in plan.trials}
    assert next_trial(plan, none, ended) is None


@pytest.mark.parametrize("until", ["decided", "measured"])
def test_a_study_ends_where_it_is_told_and_resumes_for_the_rest(tmp_path: Path, executor: LocalExecutor, until) -> None:
    tuned = replace(FLOORS[1], name="tuned", arm="finetune", version="2")
    asked = replace(FLOORS[0], name="asked", arm="prompt", version="3")
    with make_study(tmp_path / "s", (*FLOORS, tuned, asked), budgets=(16, 80), finalist_seeds=5) as store:
        run_study(store, executor, until=until)
        found = {(trial.contender, trial.n, trial.seed) for trial in store.trials()}
        assert {("tuned", 80, seed) for seed in range(3)} <= found
        assert (("tuned", 16, 0) in found) == (until == "measured")
        if until == "decided":
            # Words tell every label, so that the finalists differ and need no further seed.
            assert ("tuned", 80, 3) not in found
            keys = {trial.key for trial in store.trials()}
            run_study(store, executor, until="decided")
            assert {trial.key for trial in store.trials()} == keys
            run_study(store, executor, until="measured")
            assert {("tuned", 16, 0), ("asked", 16, 2)} <= {(t.contender, t.n, t.seed) for t in store.trials()}
