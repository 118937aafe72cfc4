"""Ask a server with a prompt file: what will be sent is shown first, and refused where it may not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.catalog.servers import parse_server
from bakeoff.catalog.terms import ServerTerms
from bakeoff.errors import ModelError, OptionError, TrialError
from bakeoff.methods.contract import Method, RunContext
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_text
from bakeoff.methods.prompt.server_given import sent_characters, server_control
from bakeoff.methods.prompt.server_given_writing import server_writing
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Answer, Contender, Usage
from bakeoff.study.sending import asking_of, calls_told, sendings
from bakeoff.tasks import Task
from bakeoff.workbench.options import Watcher
from bakeoff.workbench.sending import check_sending

__all__ = ["ServedRows", "ask_server"]

_METHOD, _TEXT_METHOD = "given-prompt-server", "given-prompt-server-text"


@dataclass(frozen=True, slots=True)
class ServedRows:
    """What a server answered to rows.

    Parameters
    ----------
    answers : sequence of Answer
    model : str
        The server with the model's name, also where only its address was given.
    reported : str
        What the server says that its model is.
    calls : str
        One sentence on the calls that were made.
    usage : Usage
        What they took.
    """

    answers: Sequence[Answer]
    model: str
    reported: str
    calls: str
    usage: Usage


def ask_server(
    path: Path,
    prompt: PromptFile,
    task: Task,
    model: str,
    texts: Sequence[str],
    *,
    allow_send: frozenset[str],
    terms: ServerTerms,
    watcher: Watcher,
    seed: int = 0,
) -> ServedRows:
    """Have a server answer texts as a prompt file says.

    Parameters
    ----------
    path, prompt, task : Path, PromptFile, Task
        The prompt file, what it says, and the rows' task.
    model : str
        ``http://host:port/v1#model-name``.
    texts : sequence of str
    allow_send : frozenset of str
        Hosts other than this machine.
    terms : ServerTerms
    watcher : Watcher
        Told what will be sent before it is.
    seed : int

    Returns
    -------
    ServedRows

    Raises
    ------
    OptionError
        If the rows may not be sent, a limit or the server kept too many of them from being answered, or the file asks
        for what servers are not asked for.
    ModelError
        If the server cannot be reached, or refuses the key or the model.
    """
    contender = _contender(path, prompt, model)
    found = sendings([asking_of(contender, texts)], task, terms.prices)
    check_sending(found, allow_send, terms.limits)
    watcher.sending(found)
    watcher.step(f"asking {model} for {len(texts)} rows")
    method, answers = _answered(contender, task, list(texts), seed, RunContext(allow_send=allow_send, terms=terms))
    details, calls = method.details_, calls_told([method.details_], method.usage_.money, terms.prices.currency)
    named = f"{parse_server(model).url}#{details['server_model']}"
    return ServedRows(answers, named, str(details.get("model_reported") or ""), calls, method.usage_)


def _answered(
    contender: Contender, task: Task, texts: list[str], seed: int, context: RunContext
) -> tuple[Method, Sequence[Answer]]:
    """Ask for the rows; refuse a try of which a limit or the server kept rows, since it says little of the prompt."""
    method: Method = load_method(contender.method)(task=task, model=contender.model, seed=seed, **contender.parameters)
    try:
        answers = method.within(context).fit([], []).answer(texts)
    except TrialError as error:
        if isinstance(error.__cause__, ModelError):
            raise error.__cause__ from None
        raise
    if method.cut_:
        reason = str(method.details_["cut_because"]).rstrip(".")
        answered = sum(answer.value is not None for answer in answers)
        raise OptionError(
            f"{answered} of {len(answers)} rows were answered, too few to keep this try: {reason}.",
            next_step="Mend that and try again: answers that came are not asked for again.",
        )
    return method, answers


def _contender(path: Path, prompt: PromptFile, model: str) -> Contender:
    """Give the contender that the file would be in a study; refuse what servers are not asked for."""
    if prompt.control == "written":
        server_writing(prompt, str(path))
    else:
        server_control(prompt, str(path))
    design, draws = prompt.design, 1 if prompt.writing is None else prompt.writing.candidates
    spec = method_spec(_TEXT_METHOD if prompt.control == "written" else _METHOD)
    return Contender(
        name=path.name,
        method=spec.name,
        version=spec.version,
        arm=spec.arm,
        model=model,
        model_sha256=None,
        parameters={
            "shots": len(design.demonstrations),
            "characters": sent_characters(design),
            "prompt": prompt_text(prompt),
            **({"candidates": draws} if draws > 1 else {}),
        },
        seeded=spec.seeded,
        uses_labels=spec.uses_labels,
    )
