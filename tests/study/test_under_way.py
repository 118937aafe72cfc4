"""Jobs that an executor has under way: in the study's own thread, or several at a time in threads of their own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from study_builders import FLOORS, make_study

from bakeoff.methods.forecast import ModelSpeed
from bakeoff.study import rephrase
from bakeoff.study.evidence import read_plan
from bakeoff.study.executors.jobs import FitJob, Job, JobFailed, JobResult, RephraseJob, RephraseResult
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.executors.under_way import UnderWay
from bakeoff.study.progress import StudyProgress
from bakeoff.study.run import run_study
from bakeoff.study.store import StudyStore
from bakeoff.testing.executors import fit_job

WORK = cast("Job", "work")


class _Several:
    """Takes several jobs at a time; each waits until as many have begun as run at a time, or fails."""

    def __init__(self, at_a_time: int, does: Callable[[Job], JobResult]) -> None:
        self.at_a_time = at_a_time
        self.does = does
        self.threads: set[int] = set()
        self.together = threading.Barrier(at_a_time)

    def run(self, job: Job, progress: Any = None) -> JobResult:
        self.threads.add(here())
        self.together.wait(20.0)
        progress("half way", 0.5)
        return self.does(job)


def test_jobs_run_at_a_time_and_are_told_of_in_one_thread() -> None:
    told: list[tuple[str, str, float, int]] = []
    several = _Several(3, lambda job: JobFailed(str(job), crashed=False))
    jobs = UnderWay[str](several)
    for name in "abc":
        assert not jobs.full
        jobs.start(name, WORK, lambda what, share, name=name: told.append((name, what, share, here())))  # type: ignore[misc]
    assert jobs.full
    assert {jobs.next() for _ in range(3)} == {(name, JobFailed("work", crashed=False)) for name in "abc"}
    assert sorted(told) == [(name, "half way", 0.5, here()) for name in "abc"]
    assert (len(several.threads), len(jobs)) == (3, 0)
    assert here() not in several.threads


def here() -> int:
    return threading.get_ident()


def test_what_an_executor_raises_is_raised_where_the_study_waits() -> None:
    def broken(_job: Job) -> JobResult:
        raise OSError("the cluster is gone")

    jobs = UnderWay[int](_Several(2, broken))
    jobs.start(1, WORK, lambda *_: None)
    jobs.start(2, WORK, lambda *_: None)
    with pytest.raises(OSError, match="the cluster is gone"):
        jobs.next()


def test_one_job_at_a_time_runs_in_the_thread_of_the_study() -> None:
    alone = _Several(1, lambda job: JobFailed(str(job), crashed=False))
    jobs = UnderWay[int](alone)
    jobs.start(7, WORK, lambda *_: None)
    assert jobs.full
    assert not alone.threads, "it waits until the study has nothing else to do"
    assert jobs.next() == (7, JobFailed("work", crashed=False))
    assert alone.threads == {here()}


class _Lossy:
    """Takes four jobs at a time, which one worker runs; the machine goes away under some of them."""

    at_a_time = 4

    def __init__(self, executor: LocalExecutor, lost: int, *, crashed: bool = False) -> None:
        self.executor, self.lost, self.crashed = executor, lost, crashed
        self.lock = threading.Lock()

    def run(self, job: Job, progress: Any = None) -> JobResult:
        with self.lock:
            if self.lost and getattr(job, "method", "") == "tfidf":
                self.lost -= 1
                return JobFailed("the machine went away", crashed=True, lost=not self.crashed)
            return self.executor.run(job, progress)


@pytest.mark.parametrize(("lost", "crashed", "tries"), [(4, False, 4), (1, True, 1)])
def test_what_a_lost_machine_ran_runs_again(
    tmp_path: Path, executor: LocalExecutor, lost: int, crashed: bool, tries: int
) -> None:
    """A machine that goes away is no fault of the trial's, and costs none of its two attempts."""
    with make_study(tmp_path / "s", FLOORS, budgets=(0, 16)) as store:
        run_study(store, _Lossy(executor, lost, crashed=crashed))
        assert {trial.status for trial in store.trials()} == {"done"}
        assert _failed_attempts(store) == tries


def test_a_trial_is_given_up_whose_machine_always_goes_away(tmp_path: Path, executor: LocalExecutor) -> None:
    tfidf = tuple(floor for floor in FLOORS if floor.method == "tfidf")
    with make_study(tmp_path / "s", tfidf, budgets=(16,)) as store:
        run_study(store, _Lossy(executor, 1_000))
        assert {trial.status for trial in store.trials()} == {"failed"}
        assert _failed_attempts(store) == 7 * len(store.trials()), "lost five times, and tried twice"


class _Beside:
    """Takes four jobs at a time; what a model would be asked, one worker answers by words. Notes what ran at once."""

    at_a_time = 4

    def __init__(self, executor: LocalExecutor) -> None:
        self.executor, self.lock, self.noting = executor, threading.Lock(), threading.Condition()
        self.now, self.most, self.given = Counter[str](), Counter[str](), list[float]()
        self.recorded, self.rephrased_beside = 0, False

    def run(self, job: Job, progress: Any = None) -> JobResult:
        if isinstance(job, RephraseJob):
            return self._rephrase()
        assert isinstance(job, FitJob)
        kind = job.method.partition("-")[0]
        with self.noting:
            self.now[kind] += 1
            self.most |= self.now
            self.given += [job.seconds] if kind == "server" else []
        time.sleep(0.2 if kind == "server" else 0.05)
        known = fit_job()
        words = replace(job, method="tfidf", model=None, parameters={}, texts=known.texts, labels=known.labels)
        with self.lock:
            result = self.executor.run(job if job.model is None else words)
        with self.noting:
            self.now[kind] -= 1
        return result

    def _rephrase(self) -> JobResult:
        """Answer as soon as another trial has been recorded meanwhile."""
        with self.noting:
            before = self.recorded
            self.rephrased_beside = self.noting.wait_for(lambda: self.recorded > before, 10.0)
        return RephraseResult(())

    def listen(self, progress: StudyProgress) -> None:
        if progress.doing == "recorded":
            with self.noting:
                self.recorded += 1
                self.noting.notify_all()


def test_trials_that_ask_a_server_begin_one_after_another_beside_the_others(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    """In a queue of the server's their deadlines would come, and their places be those of other trials."""
    server = "http://127.0.0.1:9/v1#m"
    asking = replace(FLOORS[1], name="asking", arm="prompt", method="server-few-shot", version="1", model=server,
                     parameters={"shots": 8})  # fmt: skip
    speeds = {server: ModelSpeed(1e4, 1e4, 0.01, 4.0)}
    beside = _Beside(executor)
    with make_study(tmp_path / "s", (*FLOORS, asking), budgets=(16, 80), speeds=speeds) as store:
        run_study(store, beside, more_seconds=100.0)
        trials = [trial for trial in store.trials() if trial.contender == "asking"]
        assert {trial.status for trial in store.trials()} == {"done"}
        assert len(trials) == len(beside.given) > 2
    assert beside.most["server"] == 1
    assert beside.most["tfidf"] > 1, "others run beside"
    assert all(later < earlier - 0.2 for earlier, later in pairwise(beside.given)), "what is left once they begin"


def test_prompts_are_rephrased_beside_trials(
    tmp_path: Path, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rephrase, "LEAST_ROWS", 10)
    asked = replace(FLOORS[1], name="asked", arm="prompt", method="zero-shot", version="1", model="made",
                    parameters={"shots": 0, "calibration": "none"}, seeded=False, uses_labels=False)  # fmt: skip
    speeds = {"made": ModelSpeed(1e4, 1e4, 0.0, 4.0)}
    beside = _Beside(executor)
    with make_study(tmp_path / "s", (*FLOORS, asked), budgets=(8, 16, 32, 64, 80), speeds=speeds) as store:
        plan = read_plan(store)
        assert plan is not None
        trials = tuple(replace(trial, spare=not trial.core) for trial in plan.trials)
        store.set_fact("plan", replace(plan, trials=trials).to_json())
        run_study(store, beside, listener=beside.listen)
        assert beside.rephrased_beside, "a trial was recorded while the prompt was asked in other words"
        assert store.fact("rephrased") == {"made": {"answers": [], "weights_sha256": None}}
        assert len(store.trials()) == len(trials)


def _failed_attempts(store: StudyStore) -> int:
    return sum(kind == "attempt failed" for _at, kind, _detail in store.events())
