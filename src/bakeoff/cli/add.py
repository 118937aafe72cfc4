"""``bakeoff add``: put further contenders into a study."""

from __future__ import annotations

from typing import Annotated

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given
from bakeoff.errors import OptionError

__all__ = ["add"]


def add(
    study: options.Study,
    method: options.MethodNames = None,
    encoder: Annotated[
        list[str] | None,
        options.option(
            "--encoder",
            metavar="MODEL",
            help="A further model to fine-tune; repeat for several.",
            autocompletion=complete.models,
        ),
    ] = None,
    prompt_model: Annotated[
        list[str] | None,
        options.option(
            "--prompt-model",
            metavar="MODEL",
            help="A further model to prompt; repeat for several.",
            autocompletion=complete.models,
        ),
    ] = None,
    prompt: options.PromptFiles = None,
    time_limit: Annotated[
        str | None, options.option("--time-limit", metavar="TIME", help="From now on, such as 12m.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add methods, models or prompt files to a study: only what is new runs, on its rows; then decide again.

    With no model given, those of the study take the new methods and prompts; with no method, new models take the usual
    ones.
    """
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.run import give_outcome
    from bakeoff.workbench import add as workbench
    from bakeoff.workbench.options import parse_duration

    what = workbench.Addition(tuple(method or ()), tuple(encoder or ()), tuple(prompt_model or ()), tuple(prompt or ()))
    if what == workbench.Addition():
        raise OptionError(
            "Something is to be added: a method, a model or a prompt file; none came.",
            next_step="Name it with --method, --encoder, --prompt-model or --prompt.",
        )
    given = Given("add", as_json)
    with TerminalWatcher(given.console) as watcher:
        seconds = parse_duration(time_limit) if time_limit else None
        outcome = workbench.add(study, what, time_limit=seconds, watcher=watcher)
    give_outcome(given, outcome)
