"""Running a plan: what is recorded, what is not run again, what fails, what time does not allow."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from study_builders import FLOORS, PARTS, TASK, make_rows, make_study

from bakeoff.data import Columns, Source, cross_fit_rows
from bakeoff.errors import StudyError
from bakeoff.records import Answer, Assumptions
from bakeoff.study import run as study_run
from bakeoff.study.contenders import check_versions, contender_to_json
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.grid import Grid
from bakeoff.study.parts import read_parts
from bakeoff.study.plan import Plan, make_plan
from bakeoff.study.progress import StudyProgress
from bakeoff.study.run import run_study
from bakeoff.study.store import StudyStore
from bakeoff.workbench.run import resume


def test_every_planned_trial_is_recorded_and_none_runs_twice(tmp_path: Path, executor: LocalExecutor) -> None:
    seen: list[StudyProgress] = []
    with make_study(tmp_path / "s") as store:
        plan = Plan.from_json(store.fact("plan"))
        run_study(store, executor, listener=seen.append)
        first = store.trials()
        assert {(t.contender, t.n, t.seed) for t in first} == {(t.contender, t.n, t.seed) for t in plan.trials}
        assert {t.status for t in first} == {"done"}
        assert all(len(t.test_answers) == 30 and len(t.validation_answers) == 20 for t in first)
        assert (seen[-1].done, seen[-1].planned) == (len(plan.trials), len(plan.trials))

        class Refusing(LocalExecutor):
            def run(self, job, progress=None):  # type: ignore[no-untyped-def]
                raise AssertionError("a finished trial was run again")

        run_study(store, Refusing())
        assert store.trials() == first


def test_budgets_are_nested_and_a_seed_gives_all_contenders_the_samemake_rows(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    jobs = []

    class Watching(LocalExecutor):
        def run(self, job, progress=None):  # type: ignore[no-untyped-def]
            jobs.append(job)
            return executor.run(job, progress)

    with make_study(tmp_path / "s") as store:
        run_study(store, Watching())
    for seed in range(3):
        sizes = sorted({len(job.texts) for job in jobs if job.seed == seed})
        assert sizes == [16, 64, 80]
        for method in ("majority", "tfidf"):
            by_size = {len(job.texts): job.texts for job in jobs if (job.method, job.seed) == (method, seed)}
            assert by_size[16] == by_size[64][:16]
            assert by_size[64] == by_size[80][:64]
    labels = {*PARTS["validation"].labels, *PARTS["test"].labels}
    assert labels == set(TASK.labels)
    for job in jobs:
        assert job.validation_texts == PARTS["validation"].texts
        assert set(job.labels) <= labels
        assert len(job.labels) == len(job.texts)


def test_a_contender_that_fails_is_recorded_and_dropped_and_the_rest_goes_on(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    broken = replace(FLOORS[1], name="broken", parameters={"no_such_setting": 1})
    with make_study(tmp_path / "s", (*FLOORS, broken)) as store:
        run_study(store, executor)
        failed = [trial for trial in store.trials() if trial.contender == "broken"]
        assert [trial.status for trial in failed] == ["failed", "failed"]
        assert "no_such_setting" in str(failed[0].reason)
        evidence = gather_evidence(store)
        assert evidence.dropped["broken"] == "failed 2 times"
        assert sum(trial.status == "done" for trial in evidence.trials) == 18


def test_no_time_means_no_trials_and_more_time_runs_them(tmp_path: Path, executor: LocalExecutor) -> None:
    with make_study(tmp_path / "s", seconds=60.0) as store:
        store.set_fact("spent_seconds", 1000.0)
        run_study(store, executor)
        assert store.trials() == ()
        assert gather_evidence(store).missing == ("majority and tfidf were not measured: no time for them.",)
        run_study(store, executor, more_seconds=120.0)
        assert {trial.contender for trial in store.trials()} == {"majority", "tfidf"}


def test_what_was_cut_or_failed_runs_again_when_given_more_time(tmp_path: Path, executor: LocalExecutor) -> None:
    with make_study(tmp_path / "s", seconds=60.0) as store:
        run_study(store, executor)
        whole = store.trials()
        store.add(replace(whole[0], status="cut", reason="its deadline came first"), (), ())
        run_study(store, executor)
        assert any(trial.status == "cut" for trial in store.trials())
        run_study(store, executor, more_seconds=60.0)
        assert {trial.status for trial in store.trials()} == {"done"}


class _KilledError(Exception):
    """Stands for a kill at a place where no record may be lost."""


def test_a_kill_between_a_record_and_what_it_drops_changes_nothing(
    tmp_path: Path, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The majority as a member of an arm is hopeless beside TF-IDF, and is dropped on the way.
    arms = tuple(replace(floor, arm="finetune") for floor in FLOORS)
    with make_study(tmp_path / "unbroken", arms) as store:
        run_study(store, executor, until="decided")
        unbroken = gather_evidence(store)
    assert list(unbroken.dropped) == ["majority"]
    dropping, stops = study_run._drop_hopeless, 0

    def killed(run):  # type: ignore[no-untyped-def]
        if run.done_here:
            raise _KilledError
        dropping(run)

    with make_study(tmp_path / "killed", arms) as store:
        for _ in range(30):
            monkeypatch.setattr(study_run, "_drop_hopeless", killed)
            try:
                run_study(store, executor, until="decided")
                break
            except _KilledError:
                stops += 1
                monkeypatch.setattr(study_run, "_drop_hopeless", dropping)
        resumed = gather_evidence(store)
    assert stops >= 3
    assert dict(resumed.dropped) == dict(unbroken.dropped)
    assert [(t.contender, t.n, t.seed, t.test_answers) for t in resumed.trials] == [
        (t.contender, t.n, t.seed, t.test_answers) for t in unbroken.trials
    ]


def test_a_cross_fitted_study_tests_every_row_out_of_fold(tmp_path: Path, executor: LocalExecutor) -> None:
    rows = make_rows(90, 5)
    source = Source("rows.csv", (("all", rows),), Columns(("text",), None, "label", None, None, "named so"))
    split = cross_fit_rows(source, seed=0, seeds=3)
    asked = replace(FLOORS[0], name="one for all", seeded=False, uses_labels=False)
    counts = {"train": 40, "validation": 12, "test": 38}
    grid = Grid((*FLOORS, asked), {}, (16, 40), 3, counts, 2, 0.0, 1.0, round_folds=3)
    plan = make_plan(grid, time_left=None, time_limit=None, dtype="float32", device="cpu", threads=1)
    assert split.rows is not None
    nothing = split.rows.take(())
    facts = {
        "task": TASK.to_json(),
        "contenders": [contender_to_json(c) for c in FLOORS],
        "missing": [],
        "row_counts": counts,
        "fingerprint": "f" * 64,
        "checks": [],
        "text_words": 4.0,
        "assumptions": asdict(Assumptions()),
        "seed": 0,
        "plan": replace(plan, trials=tuple(t for t in plan.trials if t.contender != asked.name)).to_json(),
    }
    parts = {"train": nothing, "validation": nothing, "test": split.rows}
    with StudyStore.create(tmp_path / "s", facts, parts, split.folds) as store:
        assert store.folds() == split.folds
        run_study(store, executor)
        evidence = gather_evidence(store)
        study_parts = read_parts(store, Plan.from_json(store.fact("plan")))
    assert len(evidence.test_labels) == len(split.rows)
    assert {trial.seed for trial in evidence.trials} == set(range(9))
    for trial in evidence.trials:
        fold, own = evidence.folds[trial.seed], split.folds[trial.seed]
        assert len(trial.test_answers) == len(fold.test) == len(own.test)
        assert not {split.rows.texts[i] for i in own.test} & set(study_parts.sample(40, trial.seed, 0).texts)
    right = np.mean([t.test_answers[k] == evidence.test_labels[row] for t in evidence.trials if t.contender == "tfidf"
                     for k, row in enumerate(evidence.folds[t.seed].test)])  # fmt: skip
    assert right > 0.9
    everything = tuple(Answer(text) for text in study_parts.to_answer(0, seeded=False)[1].texts)
    validation, test = study_parts.sorted_out((), everything, seeded=False)
    assert tuple(answer.value for answer in test) == study_parts.test.texts
    assert tuple(answer.value for answer in validation) == study_parts.validation.texts


def test_a_study_is_not_resumed_by_another_version_of_its_methods(tmp_path: Path, executor: LocalExecutor) -> None:
    first, *others = FLOORS
    with make_study(tmp_path / "s", (replace(first, version="0"), *others)):
        pass
    with pytest.raises(StudyError, match=f"measured {first.name} by version 0 of {first.method}; this bakeoff has"):
        resume(tmp_path / "s")
    with StudyStore(tmp_path / "s") as store:
        assert not store.trials()
    check_versions(others)
    check_versions([replace(first, arm="current", method="today", version="0")])
