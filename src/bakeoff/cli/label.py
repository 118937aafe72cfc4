"""``bakeoff label``: draw a sample of texts to label by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import Given

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["label"]


def label(
    source: Annotated[Path, typer.Argument(metavar="DATA", help="A file of texts.", show_default=False)],
    write: Annotated[Path, options.option("--write", metavar="FILE", help="The .csv to write.")],
    rows: Annotated[
        int, options.option("--rows", metavar="ROWS", min=20, help="Most rows of the sample.", show_default=True)
    ] = 200,
    text: options.Text = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Draw texts at random and write them as a sheet to label by hand: the start where nothing is labelled.

    Its labels measure every contender; the other texts stay unlabelled, and a prompt labels them for distillation.
    """
    from bakeoff.workbench.label import write_sample

    count = write_sample(source, write, rows=rows, text=tuple(text or ()), seed=seed)
    both = shlex.quote(str(write)), shlex.quote(str(source))
    command = f"bakeoff run {both[0]} --unlabelled {both[1]}"

    def show(console: Console) -> None:
        console.print(f"{write}: {count:,} rows to label. Fill in the column label, then:", markup=False)
        console.print(command, markup=False)

    given = Given("label", as_json, soft_wrap=True)
    given.give(lambda: {"sheet": write, "rows": count, "next_command": command}, show)
