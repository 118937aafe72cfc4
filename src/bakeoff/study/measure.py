"""Measure the models on this machine and freeze the plan: the part of a study between its rows and its trials."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from bakeoff.data import FOLDS, target_of
from bakeoff.errors import StudyError
from bakeoff.methods.forecast import ModelSpeed
from bakeoff.models.facts import choose_dtype
from bakeoff.records import Contender
from bakeoff.study.again import forecast_again
from bakeoff.study.contenders import contender_to_json
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.executors.jobs import JobFailed, MeasureJob
from bakeoff.study.grid import Grid, default_budgets, models_of
from bakeoff.study.parts import read_parts
from bakeoff.study.plan import Plan, extend_plan, grow_plan, make_plan
from bakeoff.study.run import Executor
from bakeoff.study.seen import were_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.study.terms import read_terms

__all__ = ["CLOSING_SECONDS", "again_told", "plan_further", "plan_grown", "plan_study"]

#: Set aside for the decision, the report and the bundle's files.
CLOSING_SECONDS = 8.0
_MEASURED_TEXTS = 192
#: Characters of English text to a token, for label words in a forecast.
_CHARACTERS_A_TOKEN = 4.5


def plan_study(store: StudyStore, executor: Executor, *, device: str = "cpu", threads: int = 0) -> Plan:
    """Measure each model's speed, make the plan, and keep it with the study.

    Contenders whose model cannot be loaded are left out, and the study says so.

    Parameters
    ----------
    store : StudyStore
    executor : Executor
    device : str
    threads : int
        Threads of torch; 0 leaves its default.

    Returns
    -------
    Plan
    """
    started = time.monotonic()
    wanted: dict[str, Any] = store.fact("wanted")
    dtype = choose_dtype(device) if wanted["dtype"] == "auto" else wanted["dtype"]
    contenders = [contender for contender in read_contenders(store) if contender.arm != "current"]
    texts = read_parts(store, None).train(0).texts[:_MEASURED_TEXTS]
    speeds, lost = _measure(store, contenders, executor, texts, dtype, device)
    known = store.fact("missing")
    store.set_fact("missing", [*known, *(sentence for sentence in lost.values() if sentence not in known)])
    store.set_fact("speeds", {name: asdict(speed) for name, speed in speeds.items()})
    spent = float(store.fact("spent_seconds") or 0.0) + time.monotonic() - started
    limit = wanted["time_limit"]
    plan = make_plan(
        _grid(store, [c for c in contenders if _measured(c, speeds)], speeds),
        time_left=None if limit is None else max(limit - spent - CLOSING_SECONDS, 1.0),
        time_limit=None if limit is None else limit - CLOSING_SECONDS,
        dtype=dtype,
        device=device,
        threads=threads or _usable_cores(),
        most_test_rows=_a_fold(wanted["test_rows"]) if store.folds() else wanted["test_rows"],
        ships=wanted.get("ship", True),
    )
    store.set_fact("plan", plan.to_json())
    store.set_fact("spent_seconds", spent)
    return plan


def plan_further(
    store: StudyStore,
    executor: Executor,
    added: Sequence[Contender],
    *,
    test_seen: bool,
    facts: Mapping[str, Any] | None = None,
) -> Plan:
    """Measure the models of further contenders, put their trials behind the plan, and keep both with the study.

    Parameters
    ----------
    store : StudyStore
        Planned.
    executor : Executor
    added : sequence of Contender
        Without those that the study has.
    test_seen : bool
        Whether the study's test scores had been shown by now, which a choice of contenders may follow; where test rows
        had been shown, the study knows by itself.
    facts : mapping of str to JSON value, optional
        To be kept with them.

    Returns
    -------
    Plan

    Raises
    ------
    StudyError
        If no model of theirs can be loaded; the study is as it was.
    """
    plan = read_plan(store)
    if plan is None:
        raise ValueError("a study is added to after it was planned")
    known = {name: ModelSpeed(**speed) for name, speed in (store.fact("speeds") or {}).items()}
    texts = read_parts(store, None).train(0).texts[:_MEASURED_TEXTS]
    speeds, lost = _measure(store, added, executor, texts, plan.dtype, plan.device, known)
    usable = [contender for contender in added if _measured(contender, speeds)]
    if not usable:
        raise StudyError(" ".join(lost.values()), next_step="Give a model that can be loaded.")
    present = [one for one in read_contenders(store) if one.arm != "current"]
    plan = extend_plan(plan, _grid(store, [c for c in (*present, *usable) if _measured(c, speeds)], speeds), usable)
    told = {"missing": [*store.fact("missing"), *lost.values()], "speeds": {n: asdict(s) for n, s in speeds.items()}}
    store.set_facts({**(facts or {}), **told, **_added_facts(store, usable, test_seen), "plan": plan.to_json()})
    store.note("added", ", ".join(one.name for one in usable))
    return plan


def plan_grown(store: StudyStore, added: int, time_limit: float | None) -> Plan:
    """Plan the trials with more training rows; nothing is measured or written.

    Parameters
    ----------
    store : StudyStore
        Planned.
    added : int
        Training rows that are to be added.
    time_limit : float or None
        Seconds for all that is new.

    Returns
    -------
    Plan

    Raises
    ------
    StudyError
        If the time allows no trial that uses them.
    """
    plan = read_plan(store)
    if plan is None:
        raise ValueError("rows are added after a study was planned")
    speeds = {name: ModelSpeed(**speed) for name, speed in (store.fact("speeds") or {}).items()}
    known = [one for one in read_contenders(store) if one.arm != "current" and _measured(one, speeds)]
    wanted: dict[str, Any] = store.fact("wanted")
    before = store.fact("row_counts")["train"]
    now = default_budgets(before + added, [*(wanted["budgets"] or ()), -1] if wanted["budgets"] else None)
    grid = _grid(store, known, speeds)
    grid = replace(grid, rows={**grid.rows, "train": before + added}, budgets=now)
    left = None if time_limit is None else time_limit - CLOSING_SECONDS - plan.refit_seconds
    steps = {n for n in (1024, 4096, 16_384) if before < n and 2 * n <= before + added} if time_limit else set()
    return grow_plan(plan, grid, sorted({*(n for n in now if n > before), *steps}), seconds=left)


def _added_facts(store: StudyStore, added: Sequence[Contender], test_seen: bool) -> dict[str, Any]:
    """Give the facts of contenders that are put into a study, and what of its test could have been seen before."""
    rows_shown = were_test_rows_shown(store)
    seen = {"test_seen": test_seen or rows_shown, "rows_shown": rows_shown}
    return {
        "contenders": [*store.fact("contenders"), *(contender_to_json(contender) for contender in added)],
        "added": {**(store.fact("added") or {}), **{one.name: seen for one in added}},
    }


def again_told(store: StudyStore, plan: Plan) -> str | None:
    """Tell in one sentence what is asked beside the trials of a plan; None where nothing is.

    Parameters
    ----------
    store : StudyStore
        Planned.
    plan : Plan

    Returns
    -------
    str or None
    """
    speeds = {name: ModelSpeed(**speed) for name, speed in (store.fact("speeds") or {}).items()}
    known = [one for one in read_contenders(store) if one.arm != "current" and _measured(one, speeds)]
    found = forecast_again(_grid(store, known, speeds), plan)
    return found.sentence() if found.rows else None


def _measured(contender: Contender, speeds: Mapping[str, ModelSpeed]) -> bool:
    return all(name in speeds for _family, name in models_of(contender))


def _a_fold(rows: int | None) -> int | None:
    """Give the test rows of one fold, from those of a round."""
    return None if rows is None else math.ceil(rows / FOLDS)


def _label_tree(labels: Sequence[str]) -> float:
    """Count the words that all labels cost together: stems that they share run once, and last words not at all."""
    split = [label.split() for label in labels]
    stems = {tuple(words[:end]) for words in split for end in range(1, len(words))}
    return float(len(stems))


def _mean_tokens(words: Sequence[str]) -> float:
    """Give the mean tokens of labels' words, or of texts to write, by their characters."""
    return sum(max(1.0, len(word) / _CHARACTERS_A_TOKEN) for word in words) / max(len(words), 1)


def _some_targets(store: StudyStore) -> list[str]:
    labels = read_parts(store, None).train(0).labels[:_MEASURED_TEXTS]
    return [target_of(label) for label in labels]


def _usable_cores() -> int:
    """Give the number of cores that this process may use, which a container or a batch system can make fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _grid(store: StudyStore, contenders: Sequence[Contender], speeds: Mapping[str, ModelSpeed]) -> Grid:
    wanted: dict[str, Any] = store.fact("wanted")
    rows: dict[str, int] = store.fact("row_counts")
    task = read_task(store)
    words = task.words
    return Grid(
        contenders=tuple(contenders),
        speeds=speeds,
        budgets=default_budgets(rows["train"], wanted["budgets"], time_limited=wanted["time_limit"] is not None),
        seeds=wanted["seeds"],
        finalist_seeds=wanted.get("finalist_seeds", 0),
        rows=rows,
        unlabelled=len(store.unlabelled()),
        round_folds=FOLDS if store.folds() else 1,
        labels=len(words),
        label_tree=_label_tree([*words, *(word for more in task.other_words for word in more)]),
        label_tokens=_mean_tokens(words if task.kind != "generation" else _some_targets(store)),
    )


def _measure(
    store: StudyStore,
    contenders: Sequence[Contender],
    executor: Executor,
    texts: tuple[str, ...],
    dtype: str,
    device: str,
    known: Mapping[str, ModelSpeed] | None = None,
) -> tuple[dict[str, ModelSpeed], dict[str, str]]:
    """Measure the models of contenders that are not known yet; give all speeds, and why a model has none."""
    allow_send = frozenset(store.fact("wanted")["allow_send"])
    speeds: dict[str, ModelSpeed] = dict(known or {})
    lost: dict[str, str] = {}
    for contender in contenders:
        for family, name in models_of(contender):
            if name in speeds or name in lost:
                continue
            job = MeasureJob(family, name, texts, dtype, device, allow_send, read_terms(store))
            result = executor.run(job)
            if isinstance(result, ModelSpeed):
                speeds[name] = result
            else:
                reason = result.reason if isinstance(result, JobFailed) else "gave no figures"
                lost[name] = f"{name} could not be used: {reason}"
    return speeds, lost
