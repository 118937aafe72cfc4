"""Have a prompt write: one text, or several by different seeds, without any labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bakeoff.catalog.servers import is_server
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import OptionError
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_text, read_prompt_file
from bakeoff.methods.prompt.writing_control import WritingControl
from bakeoff.methods.registry import load_method
from bakeoff.models.facts import choose_dtype
from bakeoff.records import Answer, Usage
from bakeoff.study.contenders import CandidateModel
from bakeoff.tasks import Task, check_value, task_of_kind
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.given_checks import given_checks
from bakeoff.workbench.options import StudyOptions, Watcher
from bakeoff.workbench.prompt_server import ask_server

__all__ = ["WriteOptions", "WroteOutcome", "write_with"]

#: How texts are drawn where the prompt file says nothing: always the likeliest would be one text for all seeds.
_TEMPERATURE, _TOP_P = 0.8, 0.95


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a prompt is asked to write.

    Parameters
    ----------
    model : str or None
        A decoder or a server; the file's own, else smollm2-135m, where not given.
    checks : Path or None
        File of checks that texts must pass: of several that are drawn by one seed, those go first that do.
    allow_send : frozenset of str
        Hosts other than this machine that the text may be sent to.
    terms : ServerTerms
        Prices and limits of calls to a server.
    """

    model: str | None = None
    checks: Path | None = None
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)


@dataclass(frozen=True, slots=True)
class WroteOutcome:
    """Texts that a prompt wrote.

    Parameters
    ----------
    answers : tuple of (int, Answer)
        Seed and answer.
    control : WritingControl
        With which they were written.
    model : str
    checked : tuple of dict of str to float
        For each text the value of each check that applies; empty without checks, or an answer.
    """

    answers: tuple[tuple[int, Answer], ...]
    control: WritingControl
    model: str
    checked: tuple[dict[str, float], ...]


def write_with(
    path: Path, text: str, seeds: Sequence[int], options: WriteOptions, *, watcher: Watcher | None = None
) -> WroteOutcome:
    """Have a prompt write once by each of some seeds.

    Parameters
    ----------
    path : Path
        A prompt file whose answer is a text.
    text : str
        Stands for a row's; may be empty.
    seeds : sequence of int
        At least one.
    options : WriteOptions
    watcher : Watcher, optional

    Returns
    -------
    WroteOutcome

    Raises
    ------
    OptionError
        If the prompt answers with labels, or may not be sent to the server that is named.
    """
    watcher, prompt = watcher or Watcher(), read_prompt_file(path)
    if prompt.control != "written":
        raise OptionError(
            f"{path} answers with a label, and is not asked to write.",
            next_step="Try it on rows with: bakeoff prompt try",
        )
    control = prompt.writing or WritingControl()
    if control.temperature == 0.0 and len(seeds) > 1:
        control = replace(control, temperature=_TEMPERATURE, top_p=_TOP_P, beams=1)
    prompt, checks = replace(prompt, writing=control), given_checks(options.checks, "generation", [text])
    task = task_of_kind("generation", name="text", labels=(), metric="chrf", instruction=prompt.design.instruction)
    model = options.model or prompt.model or "smollm2-135m"
    ask = _asked_server if is_server(model) else _asked_here
    answers, named = ask(path, prompt, replace(task, checks=checks), model, text, seeds, options, watcher)
    checked = [
        {each.name: value for each in checks if (value := check_value(each, text, one.value)) is not None}
        if one.value is not None
        else {}
        for one in answers
    ]
    return WroteOutcome(tuple(zip(seeds, answers, strict=True)), control, named, tuple(checked))


def _asked_here(
    _path: Path,
    prompt: PromptFile,
    task: Task,
    model: str,
    text: str,
    seeds: Sequence[int],
    _options: WriteOptions,
    watcher: Watcher,
) -> tuple[list[Answer], str]:
    found, given, answers = _decoder(model, watcher), prompt_text(prompt), []
    for seed in seeds:
        watcher.step(f"writing with {found.short_name}, seed {seed}")
        method: Method = load_method("given-prompt-text")(task=task, model=found.name, seed=seed, prompt=given)
        method.within(RunContext(dtype=choose_dtype())).fit([], [])
        answers.append(method.answer([text])[0])
    return answers, found.name


def _asked_server(
    path: Path,
    prompt: PromptFile,
    task: Task,
    model: str,
    text: str,
    seeds: Sequence[int],
    options: WriteOptions,
    watcher: Watcher,
) -> tuple[list[Answer], str]:
    terms, allowed, answers, named = options.terms, options.allow_send, [], model
    for seed in seeds:
        served = ask_server(
            path, prompt, task, model, [text], allow_send=allowed, terms=terms, watcher=watcher, seed=seed
        )
        # Limits hold for all seeds together.
        terms = replace(terms, limits=_left(terms.limits, served.usage))
        answers.append(served.answers[0])
        named = served.model
    return answers, named


def _left(limits: SpendingLimits, usage: Usage) -> SpendingLimits:
    """Give what limits leave once something was spent."""
    money, tokens, calls = limits.money, limits.tokens, limits.calls
    return SpendingLimits(
        money=None if money is None else max(0.0, money - usage.money),
        tokens=None if tokens is None else max(0, tokens - usage.tokens_in - usage.tokens_out),
        calls=None if calls is None else max(0, calls - usage.calls),
    )


def _decoder(name: str, watcher: Watcher) -> CandidateModel:
    models, _ = candidate_models(StudyOptions(encoders=(), prompt_models=(name,)), watcher)
    if models[0].family != "decoder":
        raise OptionError(
            f"{name} is no decoder in process.", next_step="Give --model smollm2-135m or another decoder."
        )
    return models[0]
