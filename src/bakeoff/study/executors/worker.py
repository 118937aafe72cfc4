"""The worker: one long-lived process per device that keeps models loaded and runs one job after another."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.errors import TrialError, UserError
from bakeoff.records import Answer, Usage
from bakeoff.study.executors.inject import measure_injection
from bakeoff.study.executors.jobs import (
    CLOCK_STARTS,
    FitJob,
    FitResult,
    Job,
    JobFailed,
    JobResult,
    MeasureJob,
    RefitJob,
    RefitResult,
    RephraseJob,
    RephraseResult,
)

if TYPE_CHECKING:
    from bakeoff.catalog import ModelFiles
    from bakeoff.methods.contract import Deadline, Method, RunContext

__all__ = ["Report", "run_job", "serve_jobs", "settle_process", "sparing"]

#: Single rows asked to measure latency: at most so many, and no further one after so many seconds.
_LATENCY_ROWS = 20
_LATENCY_SECONDS = 4.0
#: Of fewer readings no 95th percentile is given.
_LEAST_FOR_P95 = 10

Report = Callable[[str, float], None]


def serve_jobs(connection: Connection, threads: int) -> None:
    """Run jobs from a connection until it closes; the entry of a worker process.

    Parameters
    ----------
    connection : Connection
        Jobs come in; ``("progress", what, share)`` and ``("result", JobResult)`` go out.
    threads : int
        Threads of torch; 0 leaves its default.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the study's process decides what an interrupt means
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    settle_process(threads)
    report = sparing(lambda what, share: connection.send(("progress", what, share)))
    while True:
        try:
            job: Job = connection.recv()
            connection.send(("result", run_job(job, report)))
        except (EOFError, OSError):
            return  # the study's process has closed its end: nobody waits for an answer


def settle_process(threads: int) -> None:
    """Set how this process computes, before the model libraries are loaded.

    Parameters
    ----------
    threads : int
        Threads of torch; 0 leaves its default.
    """
    # Tokenizers are called from several threads here; their own forking would only warn.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that wait for each other should soon stop spinning: alone on the machine that costs nothing, beside other
    # work endless spinning costs half the speed and more.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    if threads:
        # torch reads this when it is first imported, which a study of floors alone never does.
        os.environ["OMP_NUM_THREADS"] = str(threads)


def sparing(send: Report, seconds: float = 0.2) -> Report:
    """Let progress through at most once in so many seconds, and always that the clock starts.

    Parameters
    ----------
    send : callable
    seconds : float

    Returns
    -------
    callable
    """
    last_sent = 0.0

    def report(what: str, share: float) -> None:
        nonlocal last_sent
        now = time.monotonic()
        if what == CLOCK_STARTS or now - last_sent > seconds:
            last_sent = now
            send(what, share)

    return report


def _end_with_parent(parent: int) -> None:
    """End this process when the study's process has gone, however that came about."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def run_job(job: Job, report: Report, models: Mapping[str, ModelFiles] | None = None) -> JobResult:
    """Run one job in this process.

    Parameters
    ----------
    job : Job
    report : callable
        Told what is being done, the share done, and when the job's clock starts.
    models : mapping of str to ModelFiles, optional
        Where this machine has the models that the job names, if elsewhere than their names say.

    Returns
    -------
    JobResult
        `JobFailed` where the method gave up, or memory was short.
    """
    try:
        if models:
            from bakeoff.methods.loaded import stand_in

            for name, files in models.items():
                stand_in(name, files)
        if isinstance(job, MeasureJob):
            from bakeoff.methods.measure import measure_speed, preload

            preload(job.family, job.model, dtype=job.dtype, device=job.device)
            report(CLOCK_STARTS, 0.0)
            return measure_speed(
                job.family,
                job.model,
                job.texts,
                dtype=job.dtype,
                device=job.device,
                allow_send=job.allow_send,
                terms=job.terms,
            )
        if isinstance(job, RefitJob):
            return _refit(job, report)
        if isinstance(job, RephraseJob):
            return _rephrase(job.fit, report)
        return _fit(job, report)
    except (UserError, TrialError) as error:
        return JobFailed(str(error), crashed=False)
    except MemoryError:
        return JobFailed("out of memory", crashed=True)
    except Exception as error:  # one trial's fault must not end the study; the reason is recorded
        # torch says so when memory is short, which may pass; any other fault would come again.
        short = isinstance(error, RuntimeError) and "alloc" in str(error)
        return JobFailed(f"{type(error).__name__}: {error}", crashed=short)


def _loaded(job: FitJob, report: Report, *, may_shorten: bool = False) -> tuple[Method, RunContext]:
    """Load the models of a job, start its clock, and give its method, not fitted yet."""
    from bakeoff.methods.contract import Deadline, RunContext
    from bakeoff.methods.measure import preload
    from bakeoff.methods.registry import load_method, method_spec

    report("loading", 0.0)
    spec = method_spec(job.method)
    preload(spec.model, job.model, dtype=job.dtype, device=job.device)
    if spec.second_model is not None:
        preload(spec.second_model, job.parameters["prompt_model"], dtype=job.dtype, device=job.device)
    context = RunContext(
        deadline=Deadline.after(job.seconds),
        progress=report,
        device=job.device,
        dtype=job.dtype,
        allow_send=job.allow_send,
        terms=job.terms,
        may_shorten=may_shorten,
    )
    report(CLOCK_STARTS, 0.0)
    method = load_method(job.method)(task=job.task, model=job.model, seed=job.seed, **job.parameters)
    return method.within(context), context


def _fit_on_rows(method: Method, job: FitJob) -> None:
    method.fit((*job.texts, *job.unlabelled), (*job.labels, *(None for _ in job.unlabelled)))


def _fit(job: FitJob, report: Report) -> FitResult:
    method, context = _loaded(job, report)
    begun = time.process_time()
    _fit_on_rows(method, job)
    fit_usage = method.usage_
    report("answering", 0.0)
    validation, _seconds = _answered(method, job.validation_texts)
    test, seconds = _answered(method, job.test_texts)
    rows = len(job.validation_texts) + len(job.test_texts)
    cost = sum(answer.seconds for answer in (*validation, *test)) or (seconds + _seconds)
    # Taken before single rows are asked: they are no part of the trial.
    cut, details = bool(method.cut_), dict(method.details_)
    usage = _total_usage(method.usage_, fit_usage.seconds + cost, time.process_time() - begun, (*validation, *test))
    asked = (job.validation_texts, validation) if validation else (job.test_texts, test)
    injected = None if cut or not job.injected_rows else measure_injection(method, *asked, job.injected_rows)
    times = [] if cut else _latencies(method, job.test_texts, context.deadline)
    return FitResult(
        validation_answers=validation,
        test_answers=test,
        cut=cut,
        fit_seconds=fit_usage.seconds,
        p50_ms=float(np.percentile(times, 50)) if times else float("nan"),
        p95_ms=float(np.percentile(times, 95)) if len(times) >= _LEAST_FOR_P95 else float("nan"),
        rows_per_second=rows / cost if cost > 0 else float("nan"),
        size_mb=method.size_mb,
        usage=usage,
        details={
            **details,
            "injected": injected,
            "latency_readings": len(times),
            "tokens_per_row": _tokens_per_row(test, details),
        },
        beside=() if cut or context.deadline.passed else _answered_beside(method, job.beside),
    )


def _answered_beside(method: Method, texts: tuple[str, ...]) -> tuple[str | None, ...]:
    """Answer texts that are no part of the trial; none of them counts where the deadline came meanwhile."""
    values = tuple(answer.value for answer in method.answer(texts)) if texts else ()
    return () if method.cut_ else values


def _rephrase(job: FitJob, report: Report) -> RephraseResult:
    from bakeoff.methods.measure import decoder_digest

    method, context = _loaded(job, report)
    _fit_on_rows(method, job)
    answers = method.rephrased(job.validation_texts)
    return RephraseResult(answers, decoder_digest(str(job.model), dtype=context.dtype, device=context.device))


def _answered(method: Method, texts: tuple[str, ...]) -> tuple[tuple[Answer, ...], float]:
    started = time.perf_counter()
    answers = tuple(method.answer(texts)) if texts else ()
    return answers, time.perf_counter() - started


def _tokens_per_row(answers: tuple[Answer, ...], details: Mapping[str, Any]) -> float:
    """Give the tokens that one answer takes by itself: its own, and those of the prefix that all share."""
    own = sum(answer.tokens_in + answer.tokens_out for answer in answers) / max(len(answers), 1)
    return own + float(details.get("prefix_tokens") or 0)


def _total_usage(usage: Usage, seconds: float, processor: float, answers: tuple[Answer, ...]) -> Usage:
    from bakeoff.methods.contract import peak_memory_mb

    return Usage(
        seconds=seconds,
        tokens_in=usage.tokens_in + sum(answer.tokens_in for answer in answers),
        tokens_cached=usage.tokens_cached,
        tokens_out=usage.tokens_out + sum(answer.tokens_out for answer in answers),
        calls=usage.calls,
        money=usage.money,
        peak_memory_mb=peak_memory_mb(),
        processor_seconds=processor,
    )


def _latencies(method: Method, texts: tuple[str, ...], deadline: Deadline) -> list[float]:
    """Ask rows one by one, the first thrown away as warm-up; milliseconds each.

    Past the deadline a method abstains at once, which takes no time and tells nothing of how long an answer takes.
    """
    times: list[float] = []
    begun = time.perf_counter()
    for text in texts[: _LATENCY_ROWS + 1]:
        started = time.perf_counter()
        answer = method.answer([text])[0]
        if deadline.passed:
            break
        # An answer of a server that was kept, so as not to pay for it twice, says how long it took.
        times.append(1000 * max(time.perf_counter() - started, answer.seconds))
        if time.perf_counter() - begun > _LATENCY_SECONDS:
            break
    return times[1:]


def _refit(job: RefitJob, report: Report) -> RefitResult:
    from bakeoff.methods.contract import Deadline
    from bakeoff.methods.registry import load_method

    method, context = _loaded(job.fit, report, may_shorten=True)
    _fit_on_rows(method, job.fit)
    folder = Path(job.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    method.save(folder)
    report("comparing", 0.9)
    unhurried = replace(context, deadline=Deadline())
    method.context_ = unhurried
    parameters: dict[str, Any] = {"task": job.fit.task, "model": job.fit.model, "seed": job.fit.seed}
    reloaded = load_method(job.fit.method).load(folder, {**parameters, **job.fit.parameters}, unhurried)
    # What is compared must be computed alike on both sides: rows that were scored before, in other company, are not.
    method.fresh_scores = reloaded.fresh_scores = True
    trained = [answer.value for answer in method.answer(job.compared_texts)]
    again = [answer.value for answer in reloaded.answer(job.compared_texts)]
    return RefitResult(
        dtype=context.dtype,
        demonstrations=len(method.details_.get("demonstrations", ())),
        seconds=method.usage_.seconds,
        cut=bool(method.cut_),
        share_of_steps=float(method.details_.get("share_of_steps", 1.0)),
        changed_rows=sum(a != b for a, b in zip(trained, again, strict=True)),
        compared_rows=len(job.compared_texts),
        size_mb=method.size_mb,
        usage=method.usage_,
    )
