"""The state of one run of a plan: what is finished, left out and under way; all that must last is in the store."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bakeoff.catalog.servers import is_server
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender, Trial
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.grid import models_of
from bakeoff.study.growth import fingerprint_at
from bakeoff.study.parts import StudyParts, read_parts
from bakeoff.study.plan import Plan, PlannedTrial
from bakeoff.study.progress import Listener, StudyProgress
from bakeoff.study.store import StudyStore
from bakeoff.study.trial import TrialOfStudy
from bakeoff.tasks import Task, scoring_of, truths

__all__ = ["FAILED", "Place", "RunState", "Until", "note", "prepared", "trial_key"]

#: Where a study ends: with all of its plan, or as soon as no trial would tell more about the verdict.
Until = Literal["measured", "decided"]
#: Contender, n and seed of a trial.
Place = tuple[str, int, int]

#: A trial may take so many times its forecast, and never less than so many seconds, before it is cut. Without a time
#: limit only what hangs is to be cut, so that a loaded machine changes no result.
PATIENCE, LEAST_PATIENCE = 8.0, 120.0
PATIENCE_WITHOUT_LIMIT, LEAST_PATIENCE_WITHOUT_LIMIT = 50.0, 3600.0
NO_LIMIT = float("inf")
#: How the reason begins for which a contender is left out that only failed.
FAILED = "failed "


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
class RunState:
    """The state of one run of a plan; everything that must outlive it is in the store.

    Parameters
    ----------
    store : StudyStore
    plan : Plan
    task : Task
    contenders : dict of str to Contender
    parts : StudyParts
    spent_before : float
        Seconds that the study took before this run.
    limit : float
        Seconds that its trials may take in all.
    listener : callable or None
    allow_send : frozenset of str
    until : {"measured", "decided"}
    """

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
    keys: dict[Place, str] = field(default_factory=dict)
    done_here: set[tuple[str | None, int, int]] = field(default_factory=set)
    passed: set[Place] = field(default_factory=set)
    under_way: set[Place] = field(default_factory=set)
    #: Trials that wait until another has asked its server; they count among those under way.
    held: deque[PlannedTrial] = field(default_factory=deque)
    at_a_time: int = 1
    #: Models whose prompts were asked in other words, or are just now.
    rephrasing: set[str] = field(default_factory=set)

    @property
    def spent(self) -> float:
        """Seconds that the study took so far."""
        return self.spent_before + time.monotonic() - self.started

    @property
    def measures_all(self) -> bool:
        """Whether all of the plan is to be run, however long it takes."""
        return self.until == "measured" and self.limit == NO_LIMIT

    @property
    def time_left(self) -> float:
        """Seconds that trials may still take."""
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
        if self.limit == NO_LIMIT:
            return max(PATIENCE_WITHOUT_LIMIT * alone, LEAST_PATIENCE_WITHOUT_LIMIT)
        return min(max(PATIENCE * alone, LEAST_PATIENCE), max(self.time_left, 5.0))

    def tell(self, planned: PlannedTrial | None, doing: str, share: float) -> None:
        """Tell the listener where the study stands, and what one of its trials is doing."""
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
        left = sum(self.expected(t) for t in todo if not t.spare) / self.at_a_time
        self.listener(
            StudyProgress(
                done=done,
                planned=done + len(todo),
                elapsed=self.spent,
                left=min(left, max(self.time_left, 0.0)),
                now=self._named(planned),
                doing=doing,
                share=share,
                scores=dict(self.scores),
                seconds=dict(self.seconds),
                seeds=Counter((t.contender, t.n) for t in self.plan.trials if self._counts(t, planned)),
                dropped=tuple(self.dropped),
                at_most=self.until == "decided",
            )
        )

    def _named(self, planned: PlannedTrial | None) -> str:
        """Name the trial that is told of, and how many are under way beside it."""
        if planned is None:
            return ""
        beside = len(self.under_way - {self.place_of(planned), *map(self.place_of, self.held)})
        run = "fold" if self.parts.folds else "seed"
        now = f"{planned.contender}, n = {planned.n}, {run} {planned.seed}"
        return f"{now} (and {beside} more)" if beside else now

    def _counts(self, trial: PlannedTrial, running: PlannedTrial | None) -> bool:
        """Say whether a trial is one of those that are told of: what only spare time may allow counts once it runs."""
        runs = trial is running or self.place_of(trial) in self.under_way
        return not trial.spare or runs or self.key_of(trial) in self.finished

    def key_of(self, planned: PlannedTrial) -> str:
        """Give the key, computed once a trial."""
        name = (planned.contender, planned.n, planned.seed)
        if name not in self.keys:
            self.keys[name] = self._key(planned)
        return self.keys[name]

    def asks_server(self, contender: str) -> bool:
        """Say whether a contender's trials ask a server."""
        return any(is_server(name) for _family, name in models_of(self.contenders[contender]))

    @staticmethod
    def place_of(planned: PlannedTrial) -> Place:
        """Give contender, n and seed."""
        return planned.contender, planned.n, planned.seed

    def trial_of_study(self, planned: PlannedTrial) -> TrialOfStudy:
        """Give a planned trial with what it needs of the study."""
        contender = self.contenders[planned.contender]
        return TrialOfStudy(planned, contender, self.plan, self.task, self.parts, self.store, self.allow_send)


def prepared(
    store: StudyStore, listener: Listener | None, allow_send: frozenset[str], more_seconds: float | None, until: Until
) -> RunState:
    """Give the state in which a run begins; the arguments are those of `bakeoff.study.run.run_study`."""
    plan = read_plan(store)
    if plan is None:
        raise ValueError("a study is run after it was planned")
    spent = float(store.fact("spent_seconds") or 0.0)
    limit = NO_LIMIT if plan.time_limit is None else plan.time_limit - plan.refit_seconds
    if more_seconds is not None:
        limit = spent + more_seconds - plan.refit_seconds
    return RunState(
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
    return {name: why for name, why in dropped.items() if not (again and why.startswith(FAILED))}


def note(run: RunState, trial: Trial, forecast: float | None) -> None:
    """Take in a trial's record, the same whether it was made just now or before the study was resumed.

    Parameters
    ----------
    run : RunState
    trial : Trial
    forecast : float or None
        Its seconds, as planned.
    """
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
