"""The prompt lab of a study: one prompt file in its folder, tried on rows from inside the label budget alone.

The file and its history are those of the prompt verbs: ``prompts/prompt.yaml`` and ``prompts/prompt.history`` in the
study's folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bakeoff.data import Rows
from bakeoff.errors import StudyError
from bakeoff.methods.prompt.prompt_file import (
    PromptFile,
    prompt_digest,
    prompt_text,
    read_prompt_file,
    read_prompt_text,
    write_prompt_file,
)
from bakeoff.methods.prompt.template import design_for
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.grid import models_of
from bakeoff.study.parts import read_parts
from bakeoff.study.seen import were_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.study.terms import read_terms
from bakeoff.tasks import Task
from bakeoff.workbench.opened import note_shown, opened_study
from bakeoff.workbench.options import Watcher
from bakeoff.workbench.prompt_diff import PromptDiff, diff_prompts
from bakeoff.workbench.prompt_history import Tried, history_folder, pick, read_history
from bakeoff.workbench.prompt_try import DEFAULT_MODEL, TryOptions, TryOutcome, try_rows

__all__ = [
    "NAME",
    "Lab",
    "PromptRun",
    "allow_rows",
    "compare_versions",
    "open_lab",
    "run_of",
    "save_prompt",
]

#: Of the prompt file.
NAME = "prompt.yaml"
_SHOWN = "the prompt lab, with rows that other rounds test"
#: Budgets that are offered beside those of the study, and the one that is taken where it fits.
_BUDGETS, _USUAL, _LEAST = (8, 16, 32, 64, 128, 256), 64, 8


@dataclass(frozen=True, slots=True)
class Lab:
    """A study's prompt lab as it stands.

    Parameters
    ----------
    path : Path
        The prompt file; it is there once a version was tried.
    prompt : PromptFile
        The file, a version that was asked for, or a draft.
    task : Task
    budgets : tuple of int
        Label budgets that rows can be taken from, all inside that of the study.
    rows : Rows
        Those of the budget `n`.
    n, seed : int
    models : tuple of str
        Models that the study prompts.
    history : tuple of Tried
    tested_elsewhere : bool
        Whether other rounds of the study test these rows.
    source : str
        Name of the rows' source.
    """

    path: Path
    prompt: PromptFile
    task: Task
    budgets: tuple[int, ...]
    rows: Rows
    n: int
    seed: int
    models: tuple[str, ...]
    history: tuple[Tried, ...]
    tested_elsewhere: bool
    source: str

    @property
    def model(self) -> str:
        """The model to begin with: the prompt's own where it is one of the lab's, else that of the last try."""
        last = [tried.model for tried in self.history[-1:]]
        return next((name for name in (self.prompt.model, *last) if name in self.models), self.models[0])

    @property
    def last_try(self) -> Tried | None:
        """The last try of what the prompt says; None where it was not tried yet."""
        digest = prompt_digest(self.prompt)
        return next((tried for tried in reversed(self.history) if prompt_digest(tried.prompt) == digest), None)

    @property
    def text(self) -> str:
        """The prompt as the text of its file."""
        return prompt_text(self.prompt)


def allow_rows(study: Path) -> None:
    """Note that rows which other rounds of a cross-fitted study test are shown in its prompt lab."""
    note_shown(study, _SHOWN)


def open_lab(study: Path, *, n: int | None = None, version: int | None = None) -> Lab | None:
    """Look at a study's prompt lab.

    Parameters
    ----------
    study : Path
    n : int, optional
        One of the lab's budgets; that of the last try where not given.
    version : int, optional
        Version to edit; else the file as it stands, else a draft.

    Returns
    -------
    Lab or None
        None where the study tests each of its rows in some round, and nobody has allowed yet that some are shown.

    Raises
    ------
    StudyError
        If the study runs, has no plan, or rows of another kind than one text and one label.
    OptionError
        If there is no such version.
    """
    with opened_study(study) as store:
        task, parts = _task(store), read_parts(store, read_plan(store))
        if parts.folds and not were_test_rows_shown(store, _SHOWN):
            return None
        budgets, source, seed = _budgets(store, len(parts.train(0))), Path(store.fact("name")).name, store.fact("seed")
        path = _file(study)
        history = read_history(history_folder(path))
        last = history[-1].n if history else 0
        usual = last if last in budgets else max((one for one in budgets if one <= _USUAL), default=budgets[0])
        chosen = n if n in budgets else usual
        rows, models = parts.sample(chosen, 0, seed), _models(store)
    if version is not None:
        prompt = pick(history, version, NAME).prompt
    elif path.is_file():
        prompt = read_prompt_file(path)
    else:
        prompt = PromptFile(design_for(task), calibration="contextual")
    known = bool(parts.folds)
    return Lab(path, prompt, task, budgets, rows, chosen, seed, models, history, known, source)


def run_of(
    study: Path, lab: Lab, prompt: PromptFile, *, against: int | None = None, model: str = "", whole: bool = False
) -> PromptRun:
    """Give the piece of work that tries a prompt on the rows of a lab.

    Parameters
    ----------
    study : Path
    lab : Lab
    prompt : PromptFile
    against : int, optional
        Version to compare with; the last other one where not given.
    model : str
        One of the lab's; its first where it is none of them.
    whole : bool
        Whether the prompt came as a whole file: the model that this names goes before where it is one of the lab's.

    Returns
    -------
    PromptRun

    Raises
    ------
    OptionError
        If there is no such version.
    """
    if against is not None:
        pick(lab.history, against, NAME)
    asked = (prompt.model, model) if whole else (model,)
    chosen = next((name for name in asked if name in lab.models), lab.models[0])
    return PromptRun(study, prompt_text(prompt), TryOptions(n=lab.n, seed=lab.seed, model=chosen, against=against))


def save_prompt(lab: Lab, prompt: PromptFile) -> None:
    """Write a lab's prompt file."""
    lab.path.parent.mkdir(exist_ok=True)
    write_prompt_file(lab.path, prompt)


@dataclass(frozen=True, slots=True)
class PromptRun:
    """Try a prompt on a study's rows, as a piece of work for a process of its own.

    Parameters
    ----------
    study : Path
    text : str
        Of the prompt file.
    options : TryOptions
        Its seed, hosts and terms are those of the study.
    """

    study: Path
    text: str
    options: TryOptions

    def do(self, watcher: Watcher) -> TryOutcome:
        """Write the prompt file, have the model answer, and keep the answers.

        Parameters
        ----------
        watcher : Watcher

        Returns
        -------
        TryOutcome
        """
        path, prompt = _file(self.study), read_prompt_text(self.text, NAME)
        with opened_study(self.study) as store:
            task, seed, parts = _task(store), store.fact("seed"), read_parts(store, read_plan(store))
            sample, source = parts.sample(self.options.n, 0, seed), Path(store.fact("name")).name
            hosts, terms = frozenset(store.fact("wanted")["allow_send"]), read_terms(store)
        path.parent.mkdir(exist_ok=True)
        write_prompt_file(path, prompt)
        options = replace(self.options, seed=seed, allow_send=hosts, terms=terms)
        return try_rows(path, prompt, task, sample, options, source=source, watcher=watcher)


def compare_versions(study: Path, before: int, after: int) -> PromptDiff:
    """Compare two versions that were tried in a study's lab.

    Parameters
    ----------
    study : Path
    before, after : int
        Version numbers.

    Returns
    -------
    PromptDiff

    Raises
    ------
    OptionError
        If there is no such version.
    """
    path = _file(study)
    found = diff_prompts(f"{path}@{before}", f"{path}@{after}")
    return replace(found, before=f"version {before}", after=f"version {after}")


def _file(study: Path) -> Path:
    return study / "prompts" / NAME


def _task(store: StudyStore) -> Task:
    task = read_task(store)
    if task.kind != "classification":
        raise StudyError(
            f"Prompts are tried on rows with one text and one label each; the kind of these rows is {task.kind}.",
            next_step="Let a study try the prompts of this kind: bakeoff run.",
        )
    return task


def _budgets(store: StudyStore, train: int) -> tuple[int, ...]:
    """Give budgets whose rows lie inside those that the study's methods learn from."""
    plan = read_plan(store)
    most = min(plan.decision_budget if plan is not None else 0, train) or min(_USUAL, train)
    return tuple(sorted({most, *(n for n in _BUDGETS if n < most)} - set(range(_LEAST)) or {most}))


def _models(store: StudyStore) -> tuple[str, ...]:
    prompted = [one for one in read_contenders(store) if one.arm == "prompt"]
    return tuple(dict.fromkeys(name for one in prompted for _family, name in models_of(one))) or (DEFAULT_MODEL,)
