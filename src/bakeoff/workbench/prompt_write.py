"""Have a prompt write: one text, or several by different seeds, without any labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bakeoff.errors import OptionError
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.prompt.prompt_file import prompt_text, read_prompt_file
from bakeoff.methods.prompt.writing_control import WritingControl
from bakeoff.methods.registry import load_method
from bakeoff.models.facts import choose_dtype
from bakeoff.records import Answer
from bakeoff.study.contenders import CandidateModel
from bakeoff.tasks import task_of_kind
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.options import StudyOptions, Watcher

__all__ = ["WroteOutcome", "write_with"]

#: How texts are drawn where the prompt file says nothing: always the likeliest would be one text for all seeds.
_TEMPERATURE, _TOP_P = 0.8, 0.95


@dataclass(frozen=True, slots=True)
class WroteOutcome:
    """Texts that a prompt wrote.

    Parameters
    ----------
    answers : tuple of (int, Answer)
        Seed and answer.
    temperature, top_p : float
        With which they were drawn.
    model : str
    """

    answers: tuple[tuple[int, Answer], ...]
    temperature: float
    top_p: float
    model: str


def write_with(
    path: Path, text: str, seeds: Sequence[int], *, model: str | None = None, watcher: Watcher | None = None
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
    model : str, optional
        A decoder; the file's own, else smollm2-135m, where not given.
    watcher : Watcher, optional

    Returns
    -------
    WroteOutcome

    Raises
    ------
    OptionError
        If the prompt answers with labels, or the model is a server.
    """
    watcher, prompt = watcher or Watcher(), read_prompt_file(path)
    if prompt.control != "written":
        raise OptionError(
            f"{path} answers with a label, and is not asked to write.",
            next_step="Try it on rows with: bakeoff prompt try",
        )
    control = prompt.writing or WritingControl()
    if control.temperature == 0.0 and len(seeds) > 1:
        control = replace(control, temperature=_TEMPERATURE, top_p=_TOP_P)
    found = _decoder(model or prompt.model or "smollm2-135m", watcher)
    task = task_of_kind("generation", name="text", labels=(), metric="chrf", instruction=prompt.design.instruction)
    given = prompt_text(replace(prompt, writing=control))
    answers = []
    for seed in seeds:
        watcher.step(f"writing with {found.short_name}, seed {seed}")
        method: Method = load_method("given-prompt-text")(task=task, model=found.name, seed=seed, prompt=given)
        method.within(RunContext(dtype=choose_dtype())).fit([], [])
        answers.append((seed, method.answer([text])[0]))
    return WroteOutcome(tuple(answers), control.temperature, control.top_p, found.name)


def _decoder(name: str, watcher: Watcher) -> CandidateModel:
    models, _ = candidate_models(StudyOptions(encoders=(), prompt_models=(name,)), watcher)
    if models[0].family != "decoder":
        raise OptionError(
            f"{name} is no decoder in process.", next_step="Give --model smollm2-135m or another decoder."
        )
    return models[0]
