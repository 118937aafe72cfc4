"""The program ``bakeoff``: its commands, and what it does with errors.

Exit codes: 0 done; 1 a fault of ours; 2 the user's input or options; 3 finished without a verdict; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
import typer.main

from bakeoff import __version__
from bakeoff.cli import (
    add,
    adjudicate,
    advise,
    check,
    compare,
    data,
    demo,
    export,
    finetune,
    label,
    models,
    predict,
    prompt,
    rate,
    report,
    resume,
    run,
    serve,
    ship,
    track,
    ui,
    watch,
)
from bakeoff.cli.command import Command, Group
from bakeoff.cli.failures import tell, told_of

__all__ = ["app", "main"]

app = typer.Typer(
    name="bakeoff",
    cls=Group,
    help="Fine-tune or prompt? Measured on your data, not guessed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"bakeoff {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Fine-tune or prompt? Measured on your data, not guessed."""


def _add(panel: str, name: str, function: Callable[..., Any], told: str) -> None:
    app.command(name, cls=Command, rich_help_panel=panel, short_help=told)(function)


_MEASURE, _STUDY = "Find out which way is better", "Go on with a study"
_ALONE, _USE = "One way alone", "Use the winner"
_add(_MEASURE, "check", check.check, "Check rows before anything runs")
_add(_MEASURE, "advise", advise.advise, "Say what to expect, in seconds and unmeasured")
_add(_MEASURE, "run", run.run, "Measure both ways, decide, report, ship")
_add(_MEASURE, "demo", demo.demo, "Run on real customer reviews, in six minutes")
_add(_MEASURE, "label", label.label, "Draw a sample of texts to label by hand")
_add(_STUDY, "resume", resume.resume, "Continue one that was stopped")
_add(_STUDY, "add", add.add, "Measure a further method or model, or with more rows")
_add(_STUDY, "report", report.report, "Decide again, and write its files anew")
_add(_STUDY, "compare", compare.compare, "Compare two contenders, or two files of answers")
_add(_STUDY, "adjudicate", adjudicate.adjudicate, "Settle doubtful labels, blind")
_add(_STUDY, "rate", rate.rate, "Say blind which answers are the better")
_add(_STUDY, "ship", ship.ship, "Write any contender as a bundle")
_add(_STUDY, "track", track.track, "Tell an MLflow server of it, trial by trial")
_add(_ALONE, "finetune", finetune.finetune, "Fine-tune one method, score it, write a bundle")
app.add_typer(prompt.app, name="prompt", rich_help_panel=_ALONE, short_help="Design a prompt, try it, improve it")
_add(_USE, "predict", predict.predict, "Answer the rows of a file with a bundle")
_add(_USE, "watch", watch.watch, "Say how new rows differ, and when to decide again")
_add(_USE, "export", export.export, "Write a bundle for ONNX or Hugging Face")
_add(_USE, "serve", serve.serve, "Answer over HTTP with a bundle")
_add(_USE, "ui", ui.ui, "See, start and stop studies in the browser")
app.add_typer(models.app, name="models", rich_help_panel="Catalogue", short_help="List models, or pull one")
app.add_typer(data.app, name="data", rich_help_panel="Catalogue", short_help="List data sets, or pull one")


def main() -> None:
    """Run the program and leave with its exit code."""
    arguments = sys.argv[1:]
    try:
        code = app(prog_name="bakeoff", standalone_mode=False)
    except typer.Exit as leaving:
        sys.exit(leaving.exit_code)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, typer.Abort):
            error = KeyboardInterrupt()
        command = _command_of(arguments)
        failure = told_of(error, f"bakeoff {command} --help".replace("  ", " "), arguments)
        if failure is None:
            raise
        tell(failure, command, arguments)
        sys.exit(failure.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _command_of(arguments: Sequence[str]) -> str:
    """Give the command that was typed, as far as it is one."""
    found: list[str] = []
    known: Any = typer.main.get_command(app)
    for word in arguments:
        known = getattr(known, "commands", {}).get(word)
        if known is None:
            break
        found.append(word)
    return " ".join(found)
