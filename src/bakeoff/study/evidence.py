"""From a study's store to the frozen evidence on which a decision rests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bakeoff.data import FOLDS, Check, fold_overlap
from bakeoff.records import Assumptions, Contender, Evidence, Requirement, Trial
from bakeoff.study.contenders import contender_from_json
from bakeoff.study.grid import default_budgets
from bakeoff.study.parts import read_parts
from bakeoff.study.plan import Plan
from bakeoff.study.store import StudyStore
from bakeoff.tasks import Task, truths

__all__ = [
    "budgets_beyond",
    "gather_evidence",
    "read_adjudicated",
    "read_contenders",
    "read_plan",
    "read_task",
    "requirement_facts",
]


def read_task(store: StudyStore) -> Task:
    """Give the study's task."""
    return Task.from_json(store.fact("task"))


def read_plan(store: StudyStore) -> Plan | None:
    """Give the study's plan, or None where it was stopped before there was one."""
    value = store.fact("plan")
    return None if value is None else Plan.from_json(value)


def read_contenders(store: StudyStore) -> tuple[Contender, ...]:
    """Give the study's contenders."""
    return tuple(contender_from_json(value) for value in store.fact("contenders") or ())


def requirement_facts(requirements: tuple[Requirement, ...]) -> list[dict[str, Any]]:
    """Give requirements as plain JSON values."""
    return [asdict(requirement) for requirement in requirements]


def read_adjudicated(store: StudyStore) -> dict[str, str]:
    """Give the labels that a person settled, by the id of the test row."""
    return dict(store.fact("adjudicated") or {})


def gather_evidence(store: StudyStore, *, adjudicated: bool = False) -> Evidence:
    """Gather all that a decision may look at.

    Parameters
    ----------
    store : StudyStore
    adjudicated : bool
        Whether the labels that a person settled stand in place of those of the data, on test rows.

    Returns
    -------
    Evidence
    """
    plan, task = read_plan(store), read_task(store)
    parts, trials = read_parts(store, plan), store.trials()
    dropped = store.fact("dropped") or {}
    planned = len(plan.trials) if plan is not None else 0
    settled = read_adjudicated(store) if adjudicated else {}
    test_labels = [settled.get(row, label) for row, label in zip(parts.test.ids, parts.test.labels, strict=True)]
    run = sum(trial.contender != (store.fact("current") or "") for trial in trials)
    return Evidence(
        task=task,
        contenders=read_contenders(store),
        trials=trials,
        validation_labels=truths(task, parts.validation.texts, parts.validation.labels),
        test_labels=truths(task, parts.test.texts, test_labels),
        rows=store.fact("row_counts"),
        folds=parts.answered_folds,
        round_folds=FOLDS if parts.folds else 0,
        fold_overlap=fold_overlap(parts.folds),
        fingerprint=store.fact("fingerprint"),
        checks=tuple(Check(**check) for check in store.fact("checks")),
        text_words=store.fact("text_words"),
        requirements=tuple(Requirement(**value) for value in store.fact("requirements") or ()),
        assumptions=Assumptions(**(store.fact("assumptions") or {})),
        seed=store.fact("seed"),
        trials_planned=planned,
        trials_dropped=max(0, planned - run),
        dropped=dropped,
        quotes=store.fact("report_texts") is not False,
        spent_seconds=store.fact("spent_seconds") or 0.0,
        time_limit=(store.fact("wanted") or {}).get("time_limit"),
        budgets_beyond=budgets_beyond(store, plan),
        missing=(
            *(store.fact("missing") or ()),
            *_left_out(store, plan, trials, dropped),
            *_test_seen(store),
            *_rows_added(store),
        ),
    )


def budgets_beyond(store: StudyStore, plan: Plan | None) -> tuple[int, ...]:
    """Give the label budgets that were wanted and did not fit the time limit, above that at which the arms meet.

    Parameters
    ----------
    store : StudyStore
    plan : Plan or None

    Returns
    -------
    tuple of int
        Rising; none without a time limit.
    """
    if plan is None or plan.time_limit is None:
        return ()
    wanted = (store.fact("wanted") or {}).get("budgets")
    budgets = default_budgets(store.fact("row_counts")["train"], wanted, time_limited=True)
    return tuple(n for n in budgets if n > plan.decision_budget)


def _test_seen(store: StudyStore) -> tuple[str, ...]:
    """Tell which contenders were added by someone who could know the test scores of others, or test rows themselves."""
    added = {name: facts for name, facts in (store.fact("added") or {}).items() if facts["test_seen"]}
    told = []
    for shown, rows_shown in (("test scores", False), ("test rows", True)):
        names = [name for name, facts in added.items() if facts.get("rows_shown", False) == rows_shown]
        if names:
            told.append(
                f"{', '.join(names)}: added when {shown} had been shown (test seen), so that chance may flatter it."
            )
    return tuple(told)


def _rows_added(store: StudyStore) -> tuple[str, ...]:
    """Tell which training rows were added by someone who could know what test rows were answered wrongly."""
    growths = store.growths()
    if not growths:
        return ()
    added = sum(growth.added for growth in growths)
    return (
        f"{added:,} training rows were added when test scores had been shown (test seen); up to n = "
        f"{growths[0].train_rows:,} trials are those from before.",
    )


def _left_out(
    store: StudyStore, plan: Plan | None, trials: Sequence[Trial], dropped: Mapping[str, str]
) -> tuple[str, ...]:
    """Say of each contender that did not meet the others at the decision budget why; of all without a trial at once."""
    if plan is None:
        return ()
    decided = (store.fact("wanted") or {}).get("until") == "decided"
    why = "more was not needed for the verdict" if decided and plan.time_limit is None else "no time for more"
    sentences, nothing = [], []
    for contender in read_contenders(store):
        own = [trial for trial in trials if trial.contender == contender.name and trial.status == "done"]
        lost = [trial for trial in trials if trial.contender == contender.name and trial.status != "done"]
        if contender.arm == "current" or contender.name in dropped:
            continue
        if lost:
            count = "1 trial" if len(lost) == 1 else f"{len(lost)} trials"
            sentences.append(f"{contender.name}: {count} {lost[-1].status} ({lost[-1].reason}).")
        elif not own:
            nothing.append(contender.name)
        elif contender.uses_labels and max(trial.n for trial in own) < plan.decision_budget:
            most = max(trial.n for trial in own)
            seeds = len({trial.seed // plan.round_folds for trial in own if trial.n == most})
            times = "one seed" if seeds == 1 else f"{seeds} seeds"
            sentences.append(f"{contender.name} was measured at n = {most} with {times}: {why}.")
    if nothing:
        were = "was not measured: no time for it" if len(nothing) == 1 else "were not measured: no time for them"
        sentences.append(f"{', '.join(nothing[:-1])}{' and ' if nothing[1:] else ''}{nothing[-1]} {were}.")
    return tuple(sentences)
