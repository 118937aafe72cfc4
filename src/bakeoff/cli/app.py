"""The program ``bakeoff``: its commands, and what it does with errors.

Exit codes: 0 done; 1 a fault of ours; 2 the user's input or options; 3 finished without a verdict; 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from bakeoff import __version__
from bakeoff.cli import (
    add,
    adjudicate,
    advise,
    check,
    data,
    demo,
    finetune,
    label,
    models,
    predict,
    prompt,
    report,
    resume,
    run,
    ship,
    ui,
)
from bakeoff.errors import NoVerdictError, TrialError, UserError

__all__ = ["app", "main"]

app = typer.Typer(
    name="bakeoff",
    help="Fine-tune or prompt? Measured on your data, not guessed.",
    no_args_is_help=True,
    add_completion=False,
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


app.command("demo")(demo.demo)
app.command("advise")(advise.advise)
app.command("run")(run.run)
app.command("resume")(resume.resume)
app.command("add")(add.add)
app.command("adjudicate")(adjudicate.adjudicate)
app.command("finetune")(finetune.finetune)
app.command("label")(label.label)
app.command("check")(check.check)
app.command("report")(report.report)
app.command("ship")(ship.ship)
app.command("predict")(predict.predict)
app.command("ui")(ui.ui)
app.add_typer(prompt.app, name="prompt")
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the program and leave with its exit code."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        errors.print(f"error: {error.message}", style="bold red", markup=False)
        errors.print(f"       {error.next_step}", markup=False)
        sys.exit(2)
    except TrialError as error:
        errors.print(f"failed: {error}", style="bold red", markup=False)
        sys.exit(1)
    except NoVerdictError as error:
        errors.print(f"no verdict: {error}", style="bold yellow", markup=False)
        sys.exit(3)
    except (KeyboardInterrupt, typer.Abort):
        errors.print("interrupted.", style="bold yellow")
        sys.exit(130)
    except typer.Exit as leaving:
        sys.exit(leaving.exit_code)
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error knows how to print itself
        if show is None:
            raise
        show()
        sys.exit(getattr(error, "exit_code", 2))
    sys.exit(code if isinstance(code, int) else 0)
