"""The contract suite of executors: an executor's test is a subclass of `ExecutorSuite` and a fixture that gives one.

::

    class TestLocalExecutor(ExecutorSuite):
        @pytest.fixture
        def executor(self):
            with LocalExecutor(threads=1) as running:
                yield running
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from bakeoff.study.executors.jobs import FitJob, FitResult, JobFailed, RefitJob, RefitResult
from bakeoff.study.executors.under_way import Executor, UnderWay
from bakeoff.tasks import classification_task

__all__ = ["ExecutorSuite", "fit_job"]


def fit_job() -> FitJob:
    """Give a job of a floor, which needs no model.

    Returns
    -------
    FitJob
    """
    return FitJob(
        method="tfidf",
        task=classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy"),
        model=None,
        seed=0,
        parameters={},
        texts=("good thing", "bad thing", "very good", "very bad", "so good", "so bad", "good good", "bad bad"),
        labels=("positive", "negative") * 4,
        validation_texts=("good", "bad"),
        test_texts=("bad", "good"),
        seconds=60.0,
        dtype="float32",
        device="cpu",
    )


class ExecutorSuite:
    """What every executor must do; a subclass gives the fixture `executor`."""

    def test_a_job_gives_answers_and_what_they_cost(self, executor: Executor) -> None:
        """Answers come in the order of the texts, with seconds and memory that were measured."""
        result = executor.run(fit_job())
        assert isinstance(result, FitResult), result
        assert [answer.value for answer in result.validation_answers] == ["positive", "negative"]
        assert [answer.value for answer in result.test_answers] == ["negative", "positive"]
        assert result.fit_seconds > 0
        assert result.usage.peak_memory_mb > 10
        assert 0 < result.usage.processor_seconds < 30

    def test_a_job_that_cannot_be_done_says_why_and_the_next_one_runs(self, executor: Executor) -> None:
        """A method's own fault is no crash: it would come again."""
        result = executor.run(replace(fit_job(), labels=("positive", "unheard of") * 4))
        assert isinstance(result, JobFailed), result
        assert not result.crashed
        assert "'unheard of'" in result.reason
        result = executor.run(replace(fit_job(), parameters={"no_such_setting": 1}))
        assert isinstance(result, JobFailed), result
        assert "no_such_setting" in result.reason
        assert isinstance(executor.run(fit_job()), FitResult)

    def test_progress_is_told(self, executor: Executor) -> None:
        """Whoever waits hears what is being done; the first of it at once, if nothing was told a moment before."""
        time.sleep(0.5)
        told: list[tuple[str, float]] = []
        executor.run(fit_job(), lambda what, share: told.append((what, share)))
        assert told
        assert all(what and 0.0 <= share <= 1.0 for what, share in told)

    def test_a_refit_is_saved_here(self, executor: Executor, tmp_path: Path) -> None:
        """What was saved stands in the job's folder on this machine, wherever it was fitted."""
        job = fit_job()
        result = executor.run(RefitJob(job, str(tmp_path / "method"), job.texts))
        assert isinstance(result, RefitResult), result
        assert (result.changed_rows, result.compared_rows) == (0, len(job.texts))
        assert any(path.is_file() for path in (tmp_path / "method").rglob("*"))

    def test_it_takes_as_many_jobs_as_it_says(self, executor: Executor) -> None:
        """Each of several jobs gives its own answers, and all are told of in the thread that waits."""
        threads: set[int] = set()
        jobs = UnderWay[str](executor)
        for name in ("good", "bad", "good", "bad"):
            if jobs.full:
                self._ended(jobs)
            job = replace(fit_job(), test_texts=(name,) * 3)
            jobs.start(name, job, lambda *_: threads.add(threading.get_ident()))
        while len(jobs):
            self._ended(jobs)
        assert threads <= {threading.get_ident()}

    @staticmethod
    def _ended(jobs: UnderWay[str]) -> None:
        name, result = jobs.next()
        assert isinstance(result, FitResult), result
        assert [answer.value for answer in result.test_answers] == [{"good": "positive", "bad": "negative"}[name]] * 3
