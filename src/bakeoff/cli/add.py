"""``bakeoff add``: put further contenders, or further rows, into a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given
from bakeoff.errors import OptionError

__all__ = ["add"]


_Encoder = Annotated[
    list[str] | None,
    options.option(
        "--encoder",
        metavar="MODEL",
        help="A further model to fine-tune; repeat for several.",
        autocompletion=complete.models,
    ),
]
_PromptModel = Annotated[
    list[str] | None,
    options.option(
        "--prompt-model",
        metavar="MODEL",
        help="A further model to prompt; repeat for several.",
        autocompletion=complete.models,
    ),
]
_Rows = Annotated[
    Path | None,
    options.option("--rows", metavar="FILE", help="Further labelled rows to learn from; test rows stay as they are."),
]
_TimeLimit = Annotated[str | None, options.option("--time-limit", metavar="TIME", help="From now on, such as 12m.")]


def add(
    study: options.Study,
    method: options.MethodNames = None,
    encoder: _Encoder = None,
    prompt_model: _PromptModel = None,
    prompt: options.PromptFiles = None,
    rows: _Rows = None,
    label: options.Label = None,
    group: options.Group = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    time_limit: _TimeLimit = None,
    on: options.On = None,
    as_json: options.Json = False,
) -> None:
    """Add methods, models, prompt files or labelled rows to a study: only what is new runs; then decide again.

    With no model given, those of the study take the new methods and prompts; with no method, new models take the usual
    ones. With rows, what was measured stays, and all learn from the larger number as well, but for those that were
    left out because they could not win any more.
    """
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.run import give_outcome
    from bakeoff.workbench import add as workbench
    from bakeoff.workbench.add_rows import MoreRows, add_rows
    from bakeoff.workbench.options import parse_duration

    what = workbench.Addition(tuple(method or ()), tuple(encoder or ()), tuple(prompt_model or ()), tuple(prompt or ()))
    if (what == workbench.Addition()) == (rows is None):
        raise OptionError(
            "Either contenders are to be added (a method, a model, a prompt file), or rows; "
            f"{'none' if rows is None else 'both'} came.",
            next_step="Name it with --method, --encoder, --prompt-model, --prompt or --rows; one command each.",
        )
    given = Given("add", as_json)
    with TerminalWatcher(given.console) as watcher:
        seconds = parse_duration(time_limit) if time_limit else None
        if rows is None:
            outcome = workbench.add(study, what, time_limit=seconds, on=on, watcher=watcher)
        else:
            more = MoreRows(rows, label, group, encoding, delimiter, not no_header)
            outcome = add_rows(study, more, time_limit=seconds, on=on, watcher=watcher)
    give_outcome(given, outcome)
