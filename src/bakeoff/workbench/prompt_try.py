"""Try a version of a prompt on labelled rows from inside the label budget, and keep what it answered."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bakeoff.catalog.terms import ServerTerms
from bakeoff.data import Rows
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file
from bakeoff.methods.registry import load_method
from bakeoff.models.facts import choose_dtype
from bakeoff.records import Answer
from bakeoff.study.contenders import CandidateModel
from bakeoff.tasks import Task, truths
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.options import DataOptions, StudyOptions, Watcher
from bakeoff.workbench.prepare import task_of
from bakeoff.workbench.prompt_history import (
    Change,
    Tried,
    TriedRow,
    change_between,
    history_folder,
    keep,
    pick,
    read_history,
    version_of,
)
from bakeoff.workbench.prompt_new import budget_rows
from bakeoff.workbench.prompt_rows import check_labels, refuse_text_options, rows_not_shown
from bakeoff.workbench.prompt_server import ServedRows, ask_server
from bakeoff.workbench.prompt_texts import row_score
from bakeoff.workbench.rows import divide, read_source

__all__ = [
    "DEFAULT_MODEL",
    "AskedRows",
    "TryOptions",
    "TryOutcome",
    "answered_rows",
    "check_labels",
    "rows_not_shown",
    "tried_version",
    "try_prompt",
    "try_rows",
]

DEFAULT_MODEL = "smollm2-135m"
#: What stands for the calibration of an answer that is written, and for the data type of a server's model.
_WRITTEN, _AS_SERVED = "none, the label is written", "as served"
#: The same where the answer is a text.
_TEXT = "none, a text is written"
#: What answers in process where labels are not scored.
_METHODS = {"generated": "generated", "written": "write-zero-shot"}


@dataclass(frozen=True, slots=True)
class TryOptions:
    """How a version is tried.

    Parameters
    ----------
    n, seed : int
        The label budget that rows are taken from, and the seed of the draw.
    model : str or None
        The prompt file's own, else `DEFAULT_MODEL`, where not given.
    against : int or None
        Version to compare with; the last other one where not given.
    dtype : {"auto", "float32", "bfloat16"}
        Of a model in process.
    allow_send : frozenset of str
        Hosts other than this machine that rows may be sent to.
    terms : ServerTerms
        Prices and limits of calls to a server.
    metric : str or None
        Of texts that are written; the kind's own where not given.
    checks : Path or None
        File of checks that written texts must pass: of several that are drawn for a row, those go first that do.
    """

    n: int = 64
    seed: int = 0
    model: str | None = None
    against: int | None = None
    dtype: str = "auto"
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)
    metric: str | None = None
    checks: Path | None = None


@dataclass(frozen=True, slots=True)
class TryOutcome:
    """What a version answered, and how that differs from another.

    Parameters
    ----------
    tried : Tried
    shown : int
        Rows of the budget that the prompt shows, and that were left out.
    against : Tried or None
        The version that it was compared with; None where there is none.
    change : Change or None
        None where the two share no row.
    kept : Path
        The version's file.
    unanswered : str or None
        How many rows have no answer, and why the first of them has none; None where all have one.
    calls : str or None
        What calls to a server came to; None for a model in process.
    """

    tried: Tried
    shown: int
    against: Tried | None
    change: Change | None
    kept: Path
    unanswered: str | None = None
    calls: str | None = None


def try_prompt(
    path: Path, source: str, data: DataOptions, options: TryOptions, *, watcher: Watcher | None = None
) -> TryOutcome:
    """Answer the rows of a label budget with a prompt file, compare with the last version, and keep the answers.

    The rows are the n that a study's first seed learns from, drawn out of its train pool: no validation or test row is
    among them. Rows that the prompt shows are left out.

    Parameters
    ----------
    path : Path
        The prompt file.
    source : str
    data : DataOptions
    options : TryOptions
    watcher : Watcher, optional

    Returns
    -------
    TryOutcome

    Raises
    ------
    UserError
        If prompt, rows or model cannot be used.
    """
    watcher = watcher or Watcher()
    prompt = read_prompt_file(path)
    if options.against is not None:
        pick(read_history(history_folder(path)), options.against, str(path))
    if prompt.control == "written":
        data = replace(data, kind="generation")
    read = read_source(source, data)
    split = divide(read, seed=options.seed, seeds=StudyOptions().seeds, division="auto")
    refuse_text_options(path, prompt, options.metric, options.checks)
    task = task_of(read, split, StudyOptions(metric=options.metric, checks=options.checks))
    check_labels(path, prompt, task)
    sample = budget_rows(split.train, options.n, options.seed)
    return try_rows(path, prompt, task, sample, options, source=read.name, watcher=watcher)


def try_rows(
    path: Path, prompt: PromptFile, task: Task, sample: Rows, options: TryOptions, *, source: str, watcher: Watcher
) -> TryOutcome:
    """Answer rows of a label budget with a prompt, compare with another version, and keep the answers.

    Parameters
    ----------
    path : Path
        Where the prompt stands as a file.
    prompt : PromptFile
    task : Task
    sample : Rows
        All rows of the budget.
    options : TryOptions
        Its `n` counts `sample`, its `seed` is that of the draw.
    source : str
        Name of the rows' source.
    watcher : Watcher

    Returns
    -------
    TryOutcome
    """
    folder = history_folder(path)
    rows = rows_not_shown(sample, prompt)
    model = _model(options.model or prompt.model or DEFAULT_MODEL, watcher)
    asked, model, served = _answered(path, prompt, task, model, sample, rows, options, watcher)
    tried = tried_version(asked, prompt, task, sample, rows, model, options, source=source)
    tried = replace(tried, model_reported=None if served is None else served.reported)
    kept = keep(folder, tried)
    history = read_history(folder)
    tried = replace(tried, version=version_of(history, prompt) or 0)
    against = _against(history, tried, options, str(path))
    change = None if against is None else change_between(against, tried)
    calls = None if served is None else served.calls
    return TryOutcome(tried, len(sample) - len(rows), against, change, kept, _unanswered(asked.answers), calls)


def _answered(
    path: Path,
    prompt: PromptFile,
    task: Task,
    model: CandidateModel,
    sample: Rows,
    rows: Rows,
    options: TryOptions,
    watcher: Watcher,
) -> tuple[AskedRows, CandidateModel, ServedRows | None]:
    """Have the model answer, in process or by its server; a server's model is then named in full."""
    if model.family == "server":
        served = ask_server(
            path,
            prompt,
            task,
            model.name,
            rows.texts,
            allow_send=options.allow_send,
            terms=options.terms,
            watcher=watcher,
        )
        how = _TEXT if prompt.control == "written" else _WRITTEN
        return AskedRows(served.answers, None, how, _AS_SERVED, 0), replace(model, name=served.model), served
    dtype = choose_dtype() if options.dtype == "auto" else options.dtype
    watcher.step(f"asking {model.short_name} for {len(rows)} rows")
    return answered_rows(path, prompt, task, model, dtype, sample, rows), model, None


def _unanswered(answers: Sequence[Answer]) -> str | None:
    reasons = [answer.abstention for answer in answers if answer.value is None]
    return f"{len(reasons)} rows, the first since {reasons[0]}" if reasons else None


def _against(history: Sequence[Tried], tried: Tried, options: TryOptions, name: str) -> Tried | None:
    """Give the try to compare with: of the version asked for, else of the last other one; of the same model if any."""
    others = [one for one in history if one.version != tried.version]
    if options.against is not None:
        pick(history, options.against, name)
        others = [one for one in history if one.version == options.against]
    same = [one for one in others if one.asked == tried.asked]
    chosen = same or others
    return chosen[-1] if chosen else None


@dataclass(frozen=True, slots=True)
class AskedRows:
    """What was answered to rows, in their order, and how.

    Parameters
    ----------
    answers : sequence of Answer
    label_mass : float or None
    calibration, dtype : str
    prefix_tokens : int
        That all rows share.
    """

    answers: Sequence[Answer]
    label_mass: float | None
    calibration: str
    dtype: str
    prefix_tokens: int


def _model(name: str, watcher: Watcher) -> CandidateModel:
    models, _ = candidate_models(StudyOptions(encoders=(), prompt_models=(name,)), watcher)
    return models[0]


def answered_rows(
    path: Path,
    prompt: PromptFile,
    task: Task,
    model: CandidateModel,
    dtype: str,
    sample: Rows,
    rows: Rows,
    deadline: Deadline | None = None,
) -> AskedRows:
    """Answer the rows in process; a calibration that learns from rows learns from one half and serves the other.

    Parameters
    ----------
    path : Path
        Where the prompt stands as a file.
    prompt : PromptFile
    task : Task
    model : CandidateModel
    dtype : {"float32", "bfloat16"}
    sample, rows : Rows
        All rows of the budget, and those to answer.
    deadline : Deadline, optional
        Rows that it keeps from being answered are abstentions.

    Returns
    -------
    AskedRows
    """
    own, method_of = bool(prompt.shift) and prompt.model_sha256 == model.sha256, _METHODS.get(prompt.control)
    calibration = "none" if method_of else "file" if own else prompt.calibration
    name, more = (method_of, {}) if method_of else ("zero-shot", {"calibration": calibration})
    answers, halves = dict[int, Answer](), [range(len(rows))]
    if calibration not in ("none", "contextual", "file"):
        halves = [range(0, len(rows), 2), range(1, len(rows), 2)]
    for half in halves:
        asked = set(half)
        taught = sample.take(()) if len(halves) == 1 else rows.take([at for at in range(len(rows)) if at not in asked])
        method: Method = load_method(name)(task=task, model=model.name, seed=0, prompt_file=str(path), **more)
        method.within(RunContext(deadline or Deadline(), dtype=dtype)).fit(taught.texts, taught.labels)
        found = method.answer(rows.take(half).texts)
        answers |= dict(zip(half, found, strict=True))
    details = method.details_
    return AskedRows(
        [answers[at] for at in range(len(rows))],
        details.get("label_mass"),
        {"generated": _WRITTEN, "written": _TEXT}.get(prompt.control) or str(details.get("calibration")),
        dtype,
        int(details["prefix_tokens"]),
    )


def tried_version(
    asked: AskedRows,
    prompt: PromptFile,
    task: Task,
    sample: Rows,
    rows: Rows,
    model: CandidateModel,
    options: TryOptions,
    *,
    source: str,
) -> Tried:
    """Give a version with what it answered, as the history keeps it.

    Parameters
    ----------
    asked : AskedRows
    prompt : PromptFile
    task : Task
    sample, rows : Rows
        All rows of the budget, and those that were answered.
    model : CandidateModel
    options : TryOptions
    source : str
        Name of the rows' source.

    Returns
    -------
    Tried
    """
    lines = "\n".join(f"{row}\0{label}" for row, label in sorted(zip(rows.ids, rows.labels, strict=True)))
    return Tried(
        prompt=prompt,
        source=source,
        fingerprint=hashlib.sha256(lines.encode()).hexdigest(),
        n=len(sample),
        seed=options.seed,
        model=model.name,
        model_sha256=model.sha256,
        dtype=asked.dtype,
        calibration=asked.calibration,
        rows=_tried_rows(task, rows, [answer.value for answer in asked.answers]),
        metric=task.metric if task.kind == "generation" else "accuracy",
        checks=task.checks,
        label_mass=asked.label_mass,
        rows_per_second=len(rows) / max(sum(answer.seconds for answer in asked.answers), 1e-9),
        tokens_per_row=asked.prefix_tokens + sum(answer.tokens_in for answer in asked.answers) / len(rows),
        when=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    )


def _tried_rows(task: Task, rows: Rows, values: Sequence[str | None]) -> tuple[TriedRow, ...]:
    """Put answers to their rows; texts each with its score by itself."""
    found = map(TriedRow, rows.ids, rows.texts, rows.labels, values)
    if task.kind != "generation":
        return tuple(found)
    truth = truths(task, rows.texts, rows.labels)
    return tuple(
        replace(row, score=row_score(task.metric, right, row.answer, task.checks))
        for row, right in zip(found, truth, strict=True)
    )
