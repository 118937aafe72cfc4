"""Run a study's plan: each record is on disk at once; stop and resume at any point.

An executor that takes one job at a time gets one trial after another. One that takes several gets as many as do not
hang on each other: all of a part of the plan, or what the policy would choose whatever those under way will give. Of
trials that ask a server it gets one after another all the same: they would only wait for each other there, while their
deadlines come.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bakeoff.decision import droppable, finalists, further_seeds_tell
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.executors.jobs import JobFailed, JobResult
from bakeoff.study.executors.under_way import Executor, UnderWay
from bakeoff.study.further import further_seeds, with_further
from bakeoff.study.plan import PlannedTrial
from bakeoff.study.policy import next_trials
from bakeoff.study.progress import Listener
from bakeoff.study.rephrase import SHARE_TO_REPHRASE, jobs_to_rephrase, keep_rephrased
from bakeoff.study.run_state import FAILED, NO_LIMIT, RunState, Until, note, prepared
from bakeoff.study.store import StudyStore
from bakeoff.study.trial import TrialOfStudy

__all__ = ["Executor", "Until", "run_study"]

#: What a course asks for between trials: to wait for one that is under way, or for all, and for all at its end.
_Pause = Literal["one", "all", "end"]
#: How often a trial is tried that crashes, and how often its machine may go away under it, which is no fault of its.
_ATTEMPTS, _MOST_LOST = 2, 5


@dataclass(slots=True)
class _Attempt:
    """A trial that is under way."""

    planned: PlannedTrial
    of_study: TrialOfStudy
    begun: float
    number: int = 1
    lost: int = 0


#: Trials, and the models whose prompts are asked in other words.
_Jobs = UnderWay[_Attempt | str]


def run_study(
    store: StudyStore,
    executor: Executor,
    *,
    listener: Listener | None = None,
    allow_send: frozenset[str] = frozenset(),
    more_seconds: float | None = None,
    until: Until = "measured",
    only: frozenset[str] | None = None,
    above: int = -1,
) -> None:
    """Run every trial of the plan that has no record yet, as far as time allows.

    Parameters
    ----------
    store : StudyStore
        Holds the plan; every record is committed as its trial ends.
    executor : Executor
    listener : callable, optional
        Told of progress.
    allow_send : frozenset of str
        Hosts to which rows may be sent.
    more_seconds : float, optional
        A new allowance, from now on, in place of what is left of the plan's time limit. Trials that were cut or failed
        then run again.
    until : {"measured", "decided"}
        Whether all of the plan is run, or no more than the verdict needs (`bakeoff.study.policy`). Where all is run
        under a time limit, contenders that cannot win any more are left out.
    only, above : frozenset of str, int
        Contenders whose trials are run (all where None), and the labels that a trial must have more of.
    """
    run, jobs = prepared(store, listener, allow_send, more_seconds, until), _Jobs(executor)
    passed = (t for t in run.plan.trials if t.n <= above or (only is not None and t.contender not in only))
    run.passed |= set(map(run.place_of, passed))
    _recall(run)
    try:
        for step in _as_decided(run) if until == "decided" else _in_order(run):
            if isinstance(step, str):
                _wait(run, jobs, step)
            if step == "end" or (isinstance(step, PlannedTrial) and step.spare):
                left = run.time_left if step == "end" else SHARE_TO_REPHRASE * run.time_left
                _rephrase(run, jobs, left)
            if isinstance(step, PlannedTrial):
                _take(run, jobs, step)
        _wait(run, jobs, "end")
    finally:
        store.set_fact("spent_seconds", run.spent)
    run.tell(None, "", 1.0)


def _in_order(run: RunState) -> Iterator[PlannedTrial | _Pause]:
    """Give the trials that decide, further seeds of the finalists, the other trials.

    While some that decide are still under way, others run beside them where all are to be run anyway.
    """
    core = [trial for trial in run.plan.trials if trial.core]
    others = iter([trial for trial in run.plan.trials if not trial.core])
    yield from core
    while any(run.place_of(trial) in run.under_way for trial in core):
        yield next(others, "one") if run.measures_all else "all"
    yield from _further(run)
    yield from others
    yield "end"


def _as_decided(run: RunState) -> Iterator[PlannedTrial | _Pause]:
    """Give what tells most about the verdict, until no trial would; further seeds where it is open."""
    while True:
        trials = run.plan.trials
        ended = {run.place_of(trial) for trial in trials if run.key_of(trial) in run.finished} | run.passed
        found = next_trials(run.plan, gather_evidence(run.store), ended)
        if not found:
            break
        yield next((trial for trial in found if run.place_of(trial) not in run.under_way), "one")
    if further_seeds_tell(gather_evidence(run.store), run.plan.finalist_seeds):
        _further(run)
        first = run.plan.seeds * run.plan.round_folds
        yield from (trial for trial in run.plan.trials if trial.seed >= first)
    yield "end"


def _further(run: RunState) -> tuple[PlannedTrial, ...]:
    """Plan further seeds of the finalists, and keep them with the study."""
    further = further_seeds(
        run.plan,
        finalists(gather_evidence(run.store)),
        frozenset(name for name, contender in run.contenders.items() if contender.seeded),
        expected=run.expected,
        seconds=run.time_left,
    )
    if further:
        run.plan = with_further(run.plan, further)
        run.store.set_fact("plan", run.plan.to_json())
    return further


def _recall(run: RunState) -> None:
    """Rebuild from the store what an unbroken run would know at this point."""
    forecasts = {run.key_of(planned): planned.forecast for planned in run.plan.trials}
    for trial in run.store.trials():
        if trial.key in run.finished:
            note(run, trial, forecasts.get(trial.key))
    _drop_hopeless(run)


def _is_over(run: RunState, planned: PlannedTrial) -> bool:
    """Say whether a trial has a record, or is not to be run."""
    return run.key_of(planned) in run.finished or run.place_of(planned) in run.passed


def _worth_running(run: RunState, planned: PlannedTrial) -> bool:
    if planned.contender in run.dropped:
        return False
    if run.limit == NO_LIMIT:
        return True
    expected = run.expected(planned)
    deciding = {trial.contender for trial in run.plan.trials if trial.core}
    if planned.core or (run.until == "decided" and planned.contender in deciding):
        return run.time_left > 0.5 * expected
    core_left = sum(
        run.expected(trial)
        for trial in run.plan.trials
        if trial.core and run.key_of(trial) not in run.finished and trial.contender not in run.dropped
    )
    return run.time_left - core_left / run.at_a_time > 1.1 * expected


def _drop_hopeless(run: RunState) -> None:
    """Leave out what cannot win any more, by validation answers alone, and what has failed twice.

    Where all is to be measured and time is not short, only the latter.
    """
    before = dict(run.dropped)
    for contender, count in run.failures.items():
        if count >= 2:
            run.dropped.setdefault(contender, f"{FAILED}{count} times")
    hopeless = {} if run.measures_all else droppable(gather_evidence(run.store))
    for contender, reason in hopeless.items():
        run.dropped.setdefault(contender, reason)
    if run.dropped != before:
        run.store.set_fact("dropped", run.dropped)


def _take(run: RunState, jobs: _Jobs, planned: PlannedTrial) -> None:
    """Start a trial if it is to be run and time allows it, and wait until the executor takes another."""
    if _is_over(run, planned):
        return
    if not _worth_running(run, planned):
        run.passed.add(run.place_of(planned))
        return
    run.at_a_time = jobs.at_a_time
    is_asked = run.asks_server(planned.contender) and any(run.asks_server(name) for name, _n, _seed in run.under_way)
    run.under_way.add(run.place_of(planned))
    if is_asked:
        run.held.append(planned)
        return
    _begin(run, jobs, planned)
    while jobs.full:
        _end_one(run, jobs)


def _begin(run: RunState, jobs: _Jobs, planned: PlannedTrial) -> None:
    run.tell(planned, "starting", 0.0)
    _try(run, jobs, _Attempt(planned, run.trial_of_study(planned), time.monotonic()))


def _begin_held(run: RunState, jobs: _Jobs) -> None:
    """Begin the next of the trials that waited for a server, if time still allows any."""
    while run.held:
        planned = run.held.popleft()
        if _worth_running(run, planned):
            _begin(run, jobs, planned)
            return
        run.under_way.discard(run.place_of(planned))
        run.passed.add(run.place_of(planned))


def _try(run: RunState, jobs: _Jobs, attempt: _Attempt) -> None:
    job = attempt.of_study.job(run.seconds_for(attempt.planned))
    jobs.start(attempt, job, functools.partial(run.tell, attempt.planned))


def _rephrase(run: RunState, jobs: _Jobs, seconds: float) -> None:
    """Ask prompts in other words, beside the trials that are under way."""
    for model, job in jobs_to_rephrase(run.store, seconds, run.rephrasing).items():
        run.rephrasing.add(model)
        jobs.start(model, job, lambda what, share: run.tell(None, what, share))
        while jobs.full:
            _end_one(run, jobs)


def _wait(run: RunState, jobs: _Jobs, pause: _Pause) -> None:
    """Wait until one of the trials under way has ended, or all have, tried once more where that is due."""
    while len(jobs):
        if _end_one(run, jobs) and pause == "one":
            return


def _end_one(run: RunState, jobs: _Jobs) -> bool:
    """Wait for one job, and record its trial or try it once more; say whether a trial has ended."""
    attempt, result = jobs.next()
    if isinstance(attempt, str):
        keep_rephrased(run.store, attempt, result)
        return False
    planned = attempt.planned
    if _is_tried_again(run, attempt, result):
        _try(run, jobs, attempt)
        return False
    taken = time.monotonic() - attempt.begun
    trial, validation, test = attempt.of_study.record(run.key_of(planned), result, taken)
    run.store.add(trial, validation, test)
    run.store.set_fact("spent_seconds", run.spent)
    run.under_way.discard(run.place_of(planned))
    run.finished.add(trial.key)
    run.done_here.add(run.place_of(planned))
    note(run, trial, planned.forecast)
    run.tell(planned, "recorded", 1.0)
    _drop_hopeless(run)
    if run.asks_server(planned.contender):
        _begin_held(run, jobs)
    return True


def _is_tried_again(run: RunState, attempt: _Attempt, result: JobResult) -> bool:
    """Say whether a trial is worth another attempt after this one; keep with the study why one crashed."""
    if not (isinstance(result, JobFailed) and result.crashed):
        return False
    planned = attempt.planned
    told = f"{planned.contender} n={planned.n} seed={planned.seed}, attempt {attempt.number}: {result.reason}"
    run.store.note("attempt failed", told)
    if result.lost and attempt.lost < _MOST_LOST:
        attempt.lost += 1
    else:
        attempt.number += 1
    return attempt.number <= _ATTEMPTS and run.time_left >= 0.5 * run.expected(planned)
