"""Run a study's plan: one trial after another, each record on disk at once; stop and resume at any point."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bakeoff.decision import droppable, finalists, further_seeds_tell
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender, Trial
from bakeoff.study.evidence import gather_evidence, read_contenders, read_plan, read_task
from bakeoff.study.executors.jobs import Job, JobFailed, JobResult
from bakeoff.study.further import further_seeds, with_further
from bakeoff.study.growth import fingerprint_at
from bakeoff.study.parts import StudyParts, read_parts
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.policy import next_trial
from bakeoff.study.progress import Listener, StudyProgress
from bakeoff.study.rephrase import SHARE_TO_REPHRASE, rephrase_prompts
from bakeoff.study.store import StudyStore
from bakeoff.study.trial import TrialOfStudy
from bakeoff.tasks import Task, scoring_of, truths

__all__ = ["Executor", "Until", "run_study", "trial_key"]

#: Where a study ends: with all of its plan, or as soon as no trial would tell more about the verdict.
Until = Literal["measured", "decided"]

#: A trial may take so many times its forecast, and never less than so many seconds, before it is cut. Without a time
#: limit only what hangs is to be cut, so that a loaded machine changes no result.
PATIENCE, LEAST_PATIENCE = 8.0, 120.0
PATIENCE_WITHOUT_LIMIT, LEAST_PATIENCE_WITHOUT_LIMIT = 50.0, 3600.0
_NO_LIMIT = float("inf")
#: How the reason begins for which a contender is left out that only failed.
_FAILED = "failed "


class Executor(Protocol):
    """Where jobs run."""

    def run(self, job: Job, progress: Callable[[str, float], None] | None = None) -> JobResult:
        """Run one job to its end."""
        ...


def trial_key(facts: Mapping[str, object]) -> str:
    """Give the key of a trial: sha256 over all that its answers depend on.

    Parameters
    ----------
    facts : mapping
        Plain JSON values.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class _Run:
    """The state of one run of a plan; everything that must outlive it is in the store."""

    store: StudyStore
    plan: Plan
    task: Task
    contenders: dict[str, Contender]
    parts: StudyParts
    spent_before: float
    limit: float
    listener: Listener | None
    allow_send: frozenset[str]
    until: Until
    started: float = field(default_factory=time.monotonic)
    finished: set[str] = field(default_factory=set)
    scores: dict[tuple[str, int], tuple[float, ...]] = field(default_factory=dict)
    seconds: dict[tuple[str, int], float] = field(default_factory=dict)
    slowness: dict[str, float] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[str, int, int], str] = field(default_factory=dict)
    done_here: set[tuple[str | None, int, int]] = field(default_factory=set)
    passed: set[tuple[str, int, int]] = field(default_factory=set)

    @property
    def spent(self) -> float:
        return self.spent_before + time.monotonic() - self.started

    @property
    def measures_all(self) -> bool:
        return self.until == "measured" and self.limit == _NO_LIMIT

    @property
    def time_left(self) -> float:
        return self.limit - self.spent

    def _key(self, planned: PlannedTrial) -> str:
        contender = self.contenders[planned.contender]
        return trial_key(
            {
                "fingerprint": fingerprint_at(planned.n, self.store.growths(), self.store.fact("fingerprint")),
                "split_seed": self.store.fact("seed"),
                "answered": dict(self.plan.answered),
                "task": self.task.to_json(),
                "method": contender.method,
                "version": contender.version,
                "parameters": dict(contender.parameters),
                "model": contender.model_sha256 or contender.model,
                "n": planned.n,
                "seed": planned.seed,
                "dtype": self.plan.dtype,
                **({"folds": len(self.parts.folds)} if self.parts.folds else {}),
                **self._unlabelled_facts(contender),
                **({"second_model": contender.second_sha256} if contender.second_sha256 else {}),
            }
        )

    def _unlabelled_facts(self, contender: Contender) -> dict[str, str]:
        """Name the texts without a label by their content, where a method learns from such."""
        if not self.parts.unlabelled or not method_spec(contender.method).learns_from_unlabelled:
            return {}
        return {"unlabelled": trial_key({"texts": self.parts.unlabelled})}

    def expected(self, planned: PlannedTrial) -> float:
        """Give the seconds that a trial will take, by its forecast and what its contender's trials took before."""
        forecast = planned.reusing if planned.finds_scores(self.done_here) else planned.forecast
        return forecast * self.slowness.get(planned.contender, 1.0)

    def seconds_for(self, planned: PlannedTrial) -> float:
        """Give the deadline of a trial."""
        alone = planned.forecast * self.slowness.get(planned.contender, 1.0)
        if self.limit == _NO_LIMIT:
            return max(PATIENCE_WITHOUT_LIMIT * alone, LEAST_PATIENCE_WITHOUT_LIMIT)
        return min(max(PATIENCE * alone, LEAST_PATIENCE), max(self.time_left, 5.0))

    def tell(self, planned: PlannedTrial | None, doing: str, share: float) -> None:
        if self.listener is None:
            return
        done = sum(self.key_of(t) in self.finished for t in self.plan.trials)
        todo = [
            trial
            for trial in self.plan.trials
            if self.key_of(trial) not in self.finished
            and trial.contender not in self.dropped
            and self.place_of(trial) not in self.passed
            and self._counts(trial, planned)
        ]
        left = sum(self.expected(t) for t in todo if not t.spare)
        run = "fold" if self.parts.folds else "seed"
        now = "" if planned is None else f"{planned.contender}, n = {planned.n}, {run} {planned.seed}"
        self.listener(
            StudyProgress(
                done=done,
                planned=done + len(todo),
                elapsed=self.spent,
                left=min(left, max(self.time_left, 0.0)),
                now=now,
                doing=doing,
                share=share,
                scores=dict(self.scores),
                seconds=dict(self.seconds),
                seeds=Counter((t.contender, t.n) for t in self.plan.trials if self._counts(t, planned)),
                dropped=tuple(self.dropped),
                at_most=self.until == "decided",
            )
        )

    def _counts(self, trial: PlannedTrial, running: PlannedTrial | None) -> bool:
        """Say whether a trial is one of those that are told of: what only spare time may allow counts once it runs."""
        return not trial.spare or trial is running or self.key_of(trial) in self.finished

    def key_of(self, planned: PlannedTrial) -> str:
        """Give the key, computed once a trial."""
        name = (planned.contender, planned.n, planned.seed)
        if name not in self.keys:
            self.keys[name] = self._key(planned)
        return self.keys[name]

    @staticmethod
    def place_of(planned: PlannedTrial) -> tuple[str, int, int]:
        """Give contender, n and seed."""
        return planned.contender, planned.n, planned.seed

    def trial_of_study(self, planned: PlannedTrial) -> TrialOfStudy:
        """Give a planned trial with what it needs of the study."""
        contender = self.contenders[planned.contender]
        return TrialOfStudy(planned, contender, self.plan, self.task, self.parts, self.store, self.allow_send)


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
    run = _prepared(store, listener, allow_send, more_seconds, until)
    passed = (t for t in run.plan.trials if t.n <= above or (only is not None and t.contender not in only))
    run.passed |= set(map(run.place_of, passed))
    _recall(run)
    try:
        for planned in _as_decided(run) if until == "decided" else _in_order(run):
            if planned is None or planned.spare:
                left = run.time_left if planned is None else SHARE_TO_REPHRASE * run.time_left
                rephrase_prompts(store, executor, left, lambda what, share: run.tell(None, what, share))
            if planned is None or run.key_of(planned) in run.finished or run.place_of(planned) in run.passed:
                continue
            if _worth_running(run, planned):
                _run_trial(run, executor, planned)
                _drop_hopeless(run)
            else:
                run.passed.add(run.place_of(planned))
    finally:
        store.set_fact("spent_seconds", run.spent)
    run.tell(None, "", 1.0)


def _in_order(run: _Run) -> Iterator[PlannedTrial | None]:
    """Give the trials that decide, further seeds of the finalists, the other trials, and None at the end."""
    yield from (trial for trial in run.plan.trials if trial.core)
    yield from _further(run)
    yield from (trial for trial in run.plan.trials if not trial.core)
    yield None


def _as_decided(run: _Run) -> Iterator[PlannedTrial | None]:
    """Give what tells most about the verdict, until no trial would; further seeds where it is open; None at the end."""
    while True:
        trials = run.plan.trials
        ended = {run.place_of(trial) for trial in trials if run.key_of(trial) in run.finished} | run.passed
        planned = next_trial(run.plan, gather_evidence(run.store), ended)
        if planned is None:
            break
        yield planned
    if further_seeds_tell(gather_evidence(run.store), run.plan.finalist_seeds):
        _further(run)
        first = run.plan.seeds * run.plan.round_folds
        yield from (trial for trial in run.plan.trials if trial.seed >= first)
    yield None


def _further(run: _Run) -> tuple[PlannedTrial, ...]:
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


def _prepared(
    store: StudyStore, listener: Listener | None, allow_send: frozenset[str], more_seconds: float | None, until: Until
) -> _Run:
    plan = read_plan(store)
    if plan is None:
        raise ValueError("a study is run after it was planned")
    spent = float(store.fact("spent_seconds") or 0.0)
    limit = _NO_LIMIT if plan.time_limit is None else plan.time_limit - plan.refit_seconds
    if more_seconds is not None:
        limit = spent + more_seconds - plan.refit_seconds
    return _Run(
        store=store,
        plan=plan,
        task=read_task(store),
        contenders={contender.name: contender for contender in read_contenders(store)},
        parts=read_parts(store, plan),
        spent_before=spent,
        limit=limit,
        listener=listener,
        allow_send=allow_send,
        until=until,
        finished=store.finished_keys(done_only=more_seconds is not None),
        dropped=_still_dropped(store.fact("dropped") or {}, again=more_seconds is not None),
    )


def _still_dropped(dropped: Mapping[str, str], *, again: bool) -> dict[str, str]:
    """Give what stays left out; where failed trials run again, what was left out for these gets another chance."""
    return {name: why for name, why in dropped.items() if not (again and why.startswith(_FAILED))}


def _recall(run: _Run) -> None:
    """Rebuild from the store what an unbroken run would know at this point."""
    forecasts = {run.key_of(planned): planned.forecast for planned in run.plan.trials}
    for trial in run.store.trials():
        if trial.key in run.finished:
            _note(run, trial, forecasts.get(trial.key))
    _drop_hopeless(run)


def _note(run: _Run, trial: Trial, forecast: float | None) -> None:
    """Take in a trial's record, the same whether it was made just now or before the study was resumed."""
    if trial.status == "failed":
        run.failures[trial.contender] = run.failures.get(trial.contender, 0) + 1
    elif forecast is not None:
        run.slowness[trial.contender] = trial.usage.seconds / max(forecast, 0.1)
    spent = run.seconds.get((trial.contender, trial.n), 0.0)
    run.seconds[trial.contender, trial.n] = spent + trial.usage.seconds
    if trial.status == "done" and trial.validation_answers:
        rows = run.parts.validation_rows(trial.seed, seeded=run.contenders[trial.contender].seeded)
        truth = truths(run.task, rows.texts, rows.labels)
        value = scoring_of(run.task).score_values(truth, trial.validation_answers)
        known = run.scores.get((trial.contender, trial.n), ())
        run.scores[trial.contender, trial.n] = (*known, value)


def _worth_running(run: _Run, planned: PlannedTrial) -> bool:
    if planned.contender in run.dropped:
        return False
    if run.limit == _NO_LIMIT:
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
    return run.time_left - core_left > 1.1 * expected


def _drop_hopeless(run: _Run) -> None:
    """Leave out what cannot win any more, by validation answers alone, and what has failed twice.

    Where all is to be measured and time is not short, only the latter.
    """
    before = dict(run.dropped)
    for contender, count in run.failures.items():
        if count >= 2:
            run.dropped.setdefault(contender, f"{_FAILED}{count} times")
    hopeless = {} if run.measures_all else droppable(gather_evidence(run.store))
    for contender, reason in hopeless.items():
        run.dropped.setdefault(contender, reason)
    if run.dropped != before:
        run.store.set_fact("dropped", run.dropped)


def _run_trial(run: _Run, executor: Executor, planned: PlannedTrial) -> None:
    run.tell(planned, "starting", 0.0)
    started = time.monotonic()
    trial_of_study = run.trial_of_study(planned)
    result: JobResult = JobFailed("not run", crashed=True)
    for attempt in (1, 2):
        job = trial_of_study.job(run.seconds_for(planned))
        result = executor.run(job, lambda what, share: run.tell(planned, what, share))
        if not (isinstance(result, JobFailed) and result.crashed):
            break
        told = f"{planned.contender} n={planned.n} seed={planned.seed}, attempt {attempt}: {result.reason}"
        run.store.note("attempt failed", told)
        if run.time_left < 0.5 * run.expected(planned):
            break
    trial, validation, test = trial_of_study.record(run.key_of(planned), result, time.monotonic() - started)
    run.store.add(trial, validation, test)
    run.store.set_fact("spent_seconds", run.spent)
    run.finished.add(trial.key)
    run.done_here.add((planned.contender, planned.n, planned.seed))
    _note(run, trial, planned.forecast)
    run.tell(planned, "recorded", 1.0)
