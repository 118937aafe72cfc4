"""``bakeoff add``: put further contenders into a study."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli import options

__all__ = ["add"]


def add(
    study: options.Study,
    method: options.MethodNames = None,
    encoder: Annotated[
        list[str] | None, typer.Option("--encoder", help="A further model to fine-tune; may be repeated.")
    ] = None,
    prompt_model: Annotated[
        list[str] | None, typer.Option("--prompt-model", help="A further model to prompt; may be repeated.")
    ] = None,
    prompt: options.PromptFiles = None,
    time_limit: Annotated[str | None, typer.Option("--time-limit", help="From now on, such as 12m.")] = None,
) -> None:
    """Add methods, models or prompt files to a study: only what is new runs, on its rows; then decide again.

    With no model given, those of the study take the new methods and prompts; with no method, new models take the usual
    ones.
    """
    from rich.console import Console

    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.run import leave_unless_resolved, show_outcome
    from bakeoff.workbench import add as workbench
    from bakeoff.workbench.options import parse_duration

    what = workbench.Addition(tuple(method or ()), tuple(encoder or ()), tuple(prompt_model or ()), tuple(prompt or ()))
    if what == workbench.Addition():
        raise typer.BadParameter("Name what to add: --method, --encoder, --prompt-model or --prompt.")
    console = Console()
    with TerminalWatcher(console) as watcher:
        seconds = parse_duration(time_limit) if time_limit else None
        outcome = workbench.add(study, what, time_limit=seconds, watcher=watcher)
    show_outcome(console, outcome)
    leave_unless_resolved(outcome)
