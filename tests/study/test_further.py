"""Further seeds: the finalists of both arms and the best floor get them, whole, once, and inside the time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from study_builders import FLOORS, make_study

from bakeoff.records import Trial, Usage
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.further import further_seeds, with_further
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.progress import StudyProgress
from bakeoff.study.run import run_study

# Keys of trials are of method and version, so that equal methods need versions of their own.
TUNED = replace(FLOORS[1], name="tuned", arm="finetune", version="2")
ASKED = replace(FLOORS[1], name="asked", arm="prompt", version="3")
FIXED = replace(FLOORS[1], name="fixed", arm="prompt", seeded=False, uses_labels=False)
SEEDED = frozenset({"tuned", "asked", "tfidf"})


def _plan(seeds: int = 3, finalist_seeds: int = 5, *, round_folds: int = 1) -> Plan:
    trials = [PlannedTrial(name, 80, seed, 2.0, True) for seed in range(seeds) for name in ("tuned", "asked", "tfidf")]
    trials += [PlannedTrial("fixed", 0, 0, 9.0, True), PlannedTrial("tuned", 16, 0, 1.0, False)]
    return Plan(
        80, (0, 16, 80), seeds, {"test": 30}, tuple(trials), 20.0, 0.0, None, "float32", "cpu", 1,
        round_folds=round_folds, finalist_seeds=finalist_seeds,
    )  # fmt: skip


def _trials(name: str, n: int = 80) -> tuple[Trial, ...]:
    return tuple(
        Trial(f"{name} {seed}", name, n, seed, "done", None, (), (), 1.0, 1.0, 1.0, 1.0, 1.0, Usage(), {})
        for seed in range(3)
    )


FINALISTS = {name: _trials(contender) for name, contender in (("finetune", "tuned"), ("prompt", "asked"))}


def _further(plan: Plan, seconds: float = 1e9, **changes: tuple[Trial, ...]) -> list[tuple[str, int, int]]:
    met = {**FINALISTS, "floor": _trials("tfidf"), **changes}
    met = {side: trials for side, trials in met.items() if trials}
    found = further_seeds(plan, met, SEEDED, expected=lambda trial: trial.forecast, seconds=seconds)
    assert all(trial.core and not trial.spare for trial in found)
    return [(trial.contender, trial.n, trial.seed) for trial in found]


def test_finalists_and_floor_get_whole_seeds():
    both = [(name, 80, seed) for seed in (3, 4) for name in ("tuned", "asked", "tfidf")]
    assert _further(_plan()) == both
    # Half of 30 s is left for them; a seed of three takes 6.6 s with its safety.
    assert _further(_plan(), seconds=30.0) == both
    assert _further(_plan(), seconds=25.0) == both[:3]
    assert _further(_plan(), seconds=13.0) == []
    # What is the same for every seed needs no further one.
    assert _further(_plan(), prompt=_trials("fixed", 0)[:1]) == [
        (name, 80, seed) for seed in (3, 4) for name in ("tuned", "tfidf")
    ]


@pytest.mark.parametrize("plan", [_plan(2), _plan(finalist_seeds=3), _plan(round_folds=3)])
def test_where_they_would_not_help_there_are_none(plan):
    assert _further(plan) == []


def test_they_are_planned_once_and_never_for_an_arm_alone():
    assert _further(_plan(), prompt=()) == []
    plan = _plan()
    found = further_seeds(plan, FINALISTS, SEEDED, expected=lambda trial: trial.forecast, seconds=1e9)
    longer = with_further(plan, found)
    assert _further(longer) == []
    assert [trial.core for trial in longer.trials] == sorted((trial.core for trial in longer.trials), reverse=True)
    assert longer.forecast == plan.forecast + 8.0
    assert Plan.from_json(longer.to_json()) == longer


def test_a_study_runs_them_before_the_curve_and_never_again(tmp_path: Path, executor: LocalExecutor) -> None:
    seen: list[StudyProgress] = []
    with make_study(tmp_path / "s", (*FLOORS, TUNED, ASKED), budgets=(16, 80), finalist_seeds=5) as store:
        run_study(store, executor, listener=seen.append)
        trials = store.trials()
        seeds = defaultdict(list)
        for trial in trials:
            seeds[trial.contender, trial.n].append(trial.seed)
        assert seeds["tuned", 80] == seeds["asked", 80] == seeds["tfidf", 80] == [0, 1, 2, 3, 4]
        assert seeds["majority", 80] == seeds["tuned", 16] == [0, 1, 2]
        order = [(trial.n, trial.seed) for trial in trials]
        assert order.index((80, 4)) < order.index((16, 0))
        assert (seen[-1].done, seen[-1].planned) == (len(trials), len(trials))
        run_study(store, executor)
        assert store.trials() == trials
