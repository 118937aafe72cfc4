"""Run a study from rows to a shipped winner, and resume one that was stopped."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError
from bakeoff.records import Answer, Contender, Decision, Evidence
from bakeoff.study.contenders import check_versions
from bakeoff.study.evidence import budgets_beyond, read_contenders, read_plan, read_task
from bakeoff.study.executors.under_way import Executor
from bakeoff.study.measure import CLOSING_SECONDS, again_told, plan_further, plan_study
from bakeoff.study.parts import read_parts
from bakeoff.study.plan import Plan
from bakeoff.study.run import Until, run_study
from bakeoff.study.sending import calls_made, planned_sendings
from bakeoff.study.store import StudyStore
from bakeoff.study.terms import read_terms, write_terms
from bakeoff.workbench.conclude import Outcome, conclude
from bakeoff.workbench.next_command import seconds_to_go_on
from bakeoff.workbench.opened import begun_store
from bakeoff.workbench.options import DataOptions, StudyOptions, Watcher
from bakeoff.workbench.prepare import create_study, current_trial
from bakeoff.workbench.progress_file import ProgressFile
from bakeoff.workbench.rows import forecast_of_showing
from bakeoff.workbench.sending import with_limits
from bakeoff.workbench.ship import MOST_SECONDS, ship_contender
from bakeoff.workbench.where import check_where, executor_on

__all__ = ["Added", "carry_on", "resume", "run"]


@dataclass(frozen=True, slots=True)
class Added:
    """What is put into a study that was planned before.

    Parameters
    ----------
    contenders : tuple of Contender
        Without those that the study has.
    facts : mapping of str to JSON value
        Facts that the study is to have as soon as they are planned.
    """

    contenders: tuple[Contender, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


def run(
    source: Any,
    data: DataOptions,
    options: StudyOptions,
    *,
    folder: Path | None = None,
    command: str = "",
    on: str | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Measure fine-tuning against prompting on a source of rows, decide, report and ship.

    Parameters
    ----------
    source : str or a table in memory
        A file, a folder with splits, a data set of the catalogue, or ``hf:owner/name``; a table of pandas, polars or
        pyarrow, a ``datasets.Dataset``, or a mapping of splits to these.
    data : DataOptions
    options : StudyOptions
    folder : Path, optional
        The study's; made of the source's name and the time where not given.
    command : str
        How to repeat it.
    on : str, optional
        Where trials run: ``"ray"``, or ``"ray:HOST:PORT"``, is a cluster; this machine where not given.
    watcher : Watcher, optional

    Returns
    -------
    Outcome

    Raises
    ------
    UserError
        If rows, options or models cannot be used.
    NoVerdictError
        If no trial was finished.
    """
    watcher = watcher or Watcher()
    check_where(on)
    with create_study(source, data, options, folder=folder, command=command, watcher=watcher) as store:
        return carry_on(store, watcher, None, on=on)


def resume(
    study: Path,
    *,
    time_limit: float | None = None,
    limits: Sequence[str] = (),
    until: Until | None = None,
    on: str | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Continue a study that was stopped; no finished trial is repeated.

    Parameters
    ----------
    study : Path
    time_limit : float, optional
        Seconds from now, in place of what is left of the study's own limit.
    limits : sequence of str
        ``NAME=VALUE``, in place of the study's own; what it has spent counts. Trials that were cut run again.
    until : {"decided", "measured"}, optional
        Where it is to end from now on, in place of what it was begun with.
    on : str, optional
        Where trials run, as in `run`, wherever they ran before.
    watcher : Watcher, optional

    Returns
    -------
    Outcome

    Raises
    ------
    StudyError
        If the folder holds no study, another process works on it, or a method has changed since it began.
    """
    watcher = watcher or Watcher()
    check_where(on)
    with begun_store(study) as store:
        check_versions(read_contenders(store))
        watcher.started(study)
        store.note("resumed", "")
        write_terms(store, with_limits(read_terms(store), limits))
        if until is not None:
            store.set_fact("wanted", {**store.fact("wanted"), "until": until})
        return carry_on(store, watcher, time_limit, again=bool(limits), on=on)


def carry_on(
    store: StudyStore,
    watcher: Watcher,
    time_limit: float | None,
    *,
    again: bool = False,
    added: Added | None = None,
    above: int | None = None,
    on: str | None = None,
) -> Outcome:
    """Run what a study has left to run, decide, report and ship.

    Parameters
    ----------
    store : StudyStore
    watcher : Watcher
    time_limit : float or None
        Seconds from now, in place of what is left of the study's own limit.
    again : bool
        Whether trials that were cut or failed run again within what is left of the limit.
    added : Added, optional
        Contenders to put into the study; nothing but their trials is run then, without a limit where none is given.
    above : int, optional
        Training rows before some were added; nothing but trials with more labels is run then, likewise.
    on : str, optional
        Where trials run, as in `run`.

    Returns
    -------
    Outcome
    """
    with ProgressFile(store.folder, watcher) as written:
        known = read_plan(store)
        with executor_on(on, known.threads if known is not None else 0, written) as executor:
            return _carried_on(store, executor, written, time_limit, again=again, added=added, above=above)


def _carried_on(
    store: StudyStore,
    executor: Executor,
    watcher: Watcher,
    time_limit: float | None,
    *,
    again: bool,
    added: Added | None,
    above: int | None,
) -> Outcome:
    began, known = time.monotonic(), read_plan(store)
    more_only = added is not None or above is not None
    plan = _planned(store, executor, watcher, added)
    answered = len(read_parts(store, plan).test)
    _record_current(store, answered)
    shown = forecast_of_showing(answered, plan.seeds, store.folds(), read_task(store).kind)
    said = time_limit if time_limit is not None or more_only else store.fact("wanted")["time_limit"]
    watcher.planned(plan, read_contenders(store), shown, said)
    if known is None:
        _tell(store, plan, watcher)
    watcher.sending(planned_sendings(store, plan))
    more = _more_seconds(store, plan, time_limit, again=again, added=more_only)
    only = None if added is None else frozenset(one.name for one in added.contenders)
    _measure(store, executor, watcher, more, only, -1 if above is None else above)
    watcher.step("deciding")
    before = time.monotonic()
    judged = conclude(store)
    left = MOST_SECONDS
    if time_limit is not None:
        left = time_limit - (time.monotonic() - began)
    elif plan.time_limit is not None and not more_only:
        left = plan.time_limit - float(store.fact("spent_seconds") or 0.0) - (time.monotonic() - before)
    bundle, note = _ship_winner(store, judged, executor, watcher, left)
    more = seconds_to_go_on(store, judged[1])
    return Outcome(store.folder, store.fact("name"), *judged, bundle, note, more)


def _planned(store: StudyStore, executor: Executor, watcher: Watcher, added: Added | None) -> Plan:
    """Give the study's plan: its own, with those added, or a new one where it was stopped before it had one."""
    known = read_plan(store)
    if known is not None and added is None:
        return known
    watcher.step("measuring the models on this machine")
    if known is None or added is None:
        return plan_study(store, executor, threads=executor.threads)
    seen = (store.folder / "verdict.json").exists()
    return plan_further(store, executor, added.contenders, test_seen=seen, facts=added.facts)


def _measure(
    store: StudyStore,
    executor: Executor,
    watcher: Watcher,
    more: float | None,
    only: frozenset[str] | None,
    above: int,
) -> None:
    """Run the trials that are left, as the study was asked for, and tell how often servers were called."""
    wanted = store.fact("wanted")
    run_study(
        store,
        executor,
        listener=watcher.progress,
        allow_send=frozenset(wanted["allow_send"]),
        more_seconds=more,
        until=wanted.get("until", "measured"),
        only=only,
        above=above,
    )
    called = calls_made(store)
    if called is not None:
        watcher.step(called)


def _tell(store: StudyStore, plan: Plan, watcher: Watcher) -> None:
    """Say of a new plan which budgets did not fit, where it ends, and what is asked beside its trials."""
    beyond = budgets_beyond(store, plan)
    if beyond:
        larger = ", ".join(f"{n:,}" for n in beyond)
        watcher.step(f"the two ways meet at n = {plan.decision_budget:,}: n = {larger} does not fit the time limit")
    if store.fact("wanted").get("until") == "decided":
        watcher.step("that is at most: no more of this is run than the verdict needs; --until measured runs all of it")
    told = again_told(store, plan)
    if told is not None:
        watcher.step(told)


def _more_seconds(store: StudyStore, plan: Plan, time_limit: float | None, *, again: bool, added: bool) -> float | None:
    """Give a new allowance for trials, in place of what is left of the plan's; None where that stands."""
    if time_limit is not None:
        return time_limit - CLOSING_SECONDS
    if added or (again and plan.time_limit is None):
        return math.inf
    return plan.time_limit - float(store.fact("spent_seconds") or 0.0) if again and plan.time_limit else None


def _record_current(store: StudyStore, test_rows: int) -> None:
    trial = current_trial(store, test_rows)
    if trial is not None and trial.key not in store.finished_keys():
        answers = [Answer(value, abstention=None if value else "no answer given") for value in trial.test_answers]
        store.add(trial, (), answers)


def _ship_winner(
    store: StudyStore,
    judged: tuple[Evidence, Decision],
    executor: Executor,
    watcher: Watcher,
    seconds: float,
) -> tuple[Path | None, str]:
    verdict = judged[1].verdict
    name = verdict.contender or verdict.meanwhile
    again = f"bakeoff ship {shlex.quote(str(store.folder))}"
    if not store.fact("wanted")["ship"]:
        return None, f"not shipped, as asked; ship it with: {again}"
    if name is None or any(c.name == name and c.arm == "current" for c in judged[0].contenders):
        return None, f"nothing to ship; ship any contender with: {again} --contender NAME"
    try:
        return ship_contender(
            store,
            judged,
            name,
            store.folder / "bundle",
            executor,
            seconds=max(seconds, 5.0),
            watcher=watcher,
        )
    except (BakeoffError, OSError) as error:
        store.note("not shipped", str(error))
        return None, f"not shipped: {error} Try again with: {again}"
