"""From a source of rows to a new study: read, check, split, name the task and the contenders, write the folder."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.catalog.servers import is_server
from bakeoff.catalog.terms import ServerTerms
from bakeoff.data import (
    Check,
    LabelDefinition,
    Rows,
    Source,
    Split,
    check_rows,
    entity_type,
    fingerprint,
    keep_unlabelled,
    label_names,
    match_definitions,
    read_label_definitions,
    read_predictions,
)
from bakeoff.errors import DataError, OptionError
from bakeoff.records import Contender, Trial, Usage
from bakeoff.study.contenders import CandidateModel, GivenPromptFile, build_contenders, contender_to_json
from bakeoff.study.evidence import requirement_facts
from bakeoff.study.growth import fingerprint_at
from bakeoff.study.run_state import trial_key
from bakeoff.study.store import StudyStore
from bakeoff.tasks import Task, default_metric, task_of_kind
from bakeoff.workbench.assume import check_cost_labels, check_costs_fit
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.given_checks import check_metric_names, given_checks, try_checks
from bakeoff.workbench.given_prompts import divide_unseen, given_prompt_facts, read_given_prompts
from bakeoff.workbench.options import DataOptions, StudyOptions, Watcher
from bakeoff.workbench.refuse import check_contenders, check_options, check_place
from bakeoff.workbench.rows import (
    can_show,
    divided_parts,
    forecast_of_showing,
    further_unlabelled,
    known_before,
    read_source,
    row_counts,
)
from bakeoff.workbench.sending import check_sending, expected_sendings, terms_of_study

__all__ = ["check_meaning", "create_study", "current_trial", "meaning", "task_of"]


def create_study(
    source: Any, data: DataOptions, options: StudyOptions, *, folder: Path | None, command: str, watcher: Watcher
) -> StudyStore:
    """Read, check and split the rows, and write a new study that is not planned yet.

    Parameters
    ----------
    source : str or a table in memory
    data : DataOptions
    options : StudyOptions
    folder : Path, optional
        The study's; made of the source's name and the time where not given.
    command : str
    watcher : Watcher

    Returns
    -------
    StudyStore

    Raises
    ------
    UserError
        If something cannot be used; nothing has been written then.
    """
    began = time.monotonic()
    check_options(options)
    check_place(folder)
    watcher.step("reading the rows")
    read = read_source(source, data)
    prompts = read_given_prompts(options.prompts, read.labels, servers=any(map(is_server, options.prompt_models)))
    read, split, seen_checks = divide_unseen(read, prompts, options)
    task = task_of(read, split, options)
    models, fetching = candidate_models(options, watcher, task.kind)
    bare, kept = keep_unlabelled(read, seed=options.seed, further=further_unlabelled(read, data))
    contenders, missing = _contenders(models, task, split, prompts, options, len(bare))
    parts = divided_parts(split, options.seed)
    current, more_checks = _current_system(options, parts)
    checks = _checks(read, split, task, (*seen_checks, *more_checks, *kept))
    watcher.checked(checks, known_before(read, task, split, *_power(split, options, read.kind)))
    check_meaning(checks)
    facts = {
        **_facts_of_rows(read, task, split, checks),
        **_facts_of_options(options, command, _server_terms(contenders, task, options, split)),
        **_facts_of_contenders(contenders, missing, current, prompts),
        # Fetching models is no part of the time limit: it happens once.
        "spent_seconds": time.monotonic() - began - fetching,
    }
    store = StudyStore.create(folder or _default_folder(read.name), facts, parts, split.folds, bare)
    watcher.started(store.folder)
    return store


def _checks(read: Source, split: Split, task: Task, found: tuple[Check, ...]) -> tuple[Check, ...]:
    """Give all named checks, what was found while the rows were divided among them."""
    return (*check_rows(read), *split.checks, *found, *try_checks(task.checks, split.train))


def _power(split: Split, options: StudyOptions, kind: str) -> tuple[float, str]:
    """Give what the test rows can show by forecast, as a figure and as a sentence."""
    test_rows = len(split.rows or split.test)
    known = (min(test_rows, options.test_rows or test_rows), options.seeds, split.folds, kind)
    return can_show(*known), forecast_of_showing(*known)


def _facts_of_rows(read: Source, task: Task, split: Split, checks: tuple[Check, ...]) -> dict[str, Any]:
    words = [len(text.split()) for text in split.train.texts]
    return {
        "name": read.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "text_columns": list(read.columns.text),
        "text_pair": read.columns.text_pair,
        "task": task.to_json(),
        "row_counts": row_counts(split),
        "fingerprint": fingerprint(divided_parts(split), task.labels),
        "checks": [asdict(check) for check in checks],
        "text_words": float(np.median(words)) if words else 0.0,
    }


def _facts_of_contenders(
    contenders: Sequence[Contender],
    missing: Sequence[str],
    current: tuple[Contender, tuple[str | None, ...]] | None,
    prompts: Sequence[GivenPromptFile],
) -> dict[str, Any]:
    return {
        "given_prompts": given_prompt_facts(prompts),
        "contenders": [contender_to_json(c) for c in (*contenders, *([current[0]] if current else []))],
        "missing": list(missing),
        "current": current[0].name if current else None,
        "current_answers": list(current[1]) if current else None,
    }


def _facts_of_options(options: StudyOptions, command: str, terms: ServerTerms) -> dict[str, Any]:
    return {
        "server_terms": terms.to_json(),
        "command": command,
        "report_texts": options.texts,
        "requirements": requirement_facts(options.requirements),
        "assumptions": asdict(options.assumptions),
        "seed": options.seed,
        "wanted": {
            "budgets": None if options.budgets is None else list(options.budgets),
            "seeds": options.seeds,
            "finalist_seeds": options.finalist_seeds,
            "time_limit": options.time_limit,
            "until": options.until or ("decided" if options.time_limit is None else "measured"),
            "test_rows": options.test_rows,
            "dtype": options.dtype,
            "ship": options.ship,
            "allow_send": sorted(options.allow_send),
        },
    }


def _check_kind(kind: str, options: StudyOptions) -> None:
    """Refuse what is asked of one label a row alone."""
    check_costs_fit(options.assumptions, kind)
    if options.predictions is not None and kind != "classification":
        raise OptionError(
            f"--predictions is for one text and one label a row; the kind of these rows is {kind}.",
            next_step="Leave it away.",
        )


def check_meaning(checks: Sequence[Check]) -> None:
    """Refuse rows on which no score would mean what it says.

    Parameters
    ----------
    checks : sequence of Check

    Raises
    ------
    DataError
        If one failed.
    """
    failed = [check for check in checks if check.status == "FAIL"]
    if failed:
        raise DataError(
            f"The check '{failed[0].name}' failed: {failed[0].detail}",
            next_step="Mend the rows or the columns named; 'bakeoff check' shows all checks.",
        )


def task_of(read: Source, split: Split, options: StudyOptions) -> Task:
    """Name the task of divided rows: labels, their words and definitions, instruction and metric.

    Parameters
    ----------
    read : Source
    split : Split
    options : StudyOptions

    Returns
    -------
    Task
    """
    parts = (split.train, split.validation, split.test)
    _check_kind(read.kind, options)
    known = label_names(read.kind, (label for part in parts for label in part.labels))
    check_cost_labels(options.assumptions, known)
    checks = given_checks(options.checks, read.kind, split.train.texts)
    check_metric_names(options.metric, options.requirements, read.kind, checks)
    words: dict[str, str] = {}
    definitions: dict[str, str] = {}
    others: dict[str, tuple[str, ...]] = {}
    if options.labels is not None:
        found = read_label_definitions(options.labels)
        types = {entity_type(tag) for tag in known} - {""} if read.kind == "tagging" else set()
        match_definitions(found, (*sorted(types), *known))
        words = {item.label: item.words[0] for item in found if item.words}
        definitions = {item.label: told for item in found if (told := meaning(item))}
        others = {item.label: item.words[1:] for item in found}
    task = task_of_kind(
        read.kind,
        name=read.columns.label or "label",
        labels=known,
        metric=options.metric or default_metric(read.kind, split.train.labels),
        words=words,
        definitions=definitions,
        instruction=options.instruction,
        other_words=others,
    )
    return replace(task, checks=checks)


def meaning(item: LabelDefinition) -> str:
    """Put a label's meaning and its examples into one text, as a prompt tells it.

    Parameters
    ----------
    item : LabelDefinition

    Returns
    -------
    str
        Empty where nothing was said.
    """
    examples = "; ".join(item.examples)
    if not examples:
        return item.definition
    return f"{item.definition} (such as: {examples})".strip() if item.definition else f"such as: {examples}"


def _contenders(
    models: Sequence[CandidateModel],
    task: Task,
    split: Split,
    prompts: Sequence[GivenPromptFile],
    options: StudyOptions,
    unlabelled: int,
) -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    pool = row_counts(split)["train"]
    found = build_contenders(
        models, kind=task.kind, methods=options.methods, train_rows=pool, prompts=prompts, unlabelled=unlabelled
    )
    check_contenders(*found, options)
    return found


def _server_terms(contenders: Sequence[Contender], task: Task, options: StudyOptions, split: Split) -> ServerTerms:
    """Settle on what terms servers are asked; refuse what may not be sent, and say how much it would be."""
    terms = terms_of_study(options)
    if split.rows is not None:
        texts = split.rows.texts
    else:
        texts = (*split.validation.texts, *split.test.texts[: options.test_rows])
    pool = row_counts(split)["train"]
    found = expected_sendings(contenders, task, options, terms, texts=texts, train_rows=pool)
    check_sending(found, options.allow_send, terms.limits)
    return terms


def _current_system(
    options: StudyOptions, parts: dict[str, Rows]
) -> tuple[tuple[Contender, tuple[str | None, ...]] | None, tuple[Check, ...]]:
    if options.predictions is None:
        return None, ()
    labels = sorted({label for rows in parts.values() for label in rows.labels})
    found = read_predictions(options.predictions, parts["test"], labels)
    if found.matched == 0:
        raise DataError(
            f"No row of {options.predictions} has the text of one of the {len(parts['test'])} test rows.",
            next_step="Give a file with the same texts and a column of answers for each.",
        )
    contender = Contender(
        name=options.predictions.name,
        method="predictions",
        version="1",
        arm="current",
        model=None,
        model_sha256=None,
        parameters={"file": str(options.predictions)},
        seeded=False,
        uses_labels=False,
    )
    return (contender, found.values), found.checks


def current_trial(store: StudyStore, test_rows: int) -> Trial | None:
    """Make the trial of today's system, or None where there is none.

    Parameters
    ----------
    store : StudyStore
    test_rows : int
        Rows that every trial answers.

    Returns
    -------
    Trial or None
    """
    answers = store.fact("current_answers")
    name = store.fact("current")
    if answers is None or name is None:
        return None
    nothing, known = float("nan"), fingerprint_at(0, store.growths(), store.fact("fingerprint"))
    return Trial(
        key=trial_key({"current": answers[:test_rows], "fingerprint": known}),
        contender=name,
        n=0,
        seed=0,
        status="done",
        reason=None,
        validation_answers=(),
        test_answers=tuple(answers[:test_rows]),
        fit_seconds=nothing,
        p50_ms=nothing,
        p95_ms=nothing,
        rows_per_second=nothing,
        size_mb=nothing,
        usage=Usage(),
        details={},
    )


def _default_folder(name: str) -> Path:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem or "study").strip("-.") or "study"
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("bakeoff-studies") / f"{stem}-{now}"
    folder, count = base, 2
    while folder.exists():
        folder, count = base.with_name(f"{base.name}-{count}"), count + 1
    return folder
