"""``bakeoff label``: draw a sample of texts to label by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli import options

__all__ = ["label"]


def label(
    source: Annotated[Path, typer.Argument(metavar="DATA", help="A file of texts.", show_default=False)],
    write: Annotated[Path, typer.Option("--write", help="The .csv to write.", show_default=False)],
    rows: Annotated[int, typer.Option("--rows", min=20, help="Most rows of the sample.", show_default=True)] = 200,
    text: options.Text = None,
    seed: options.Seed = 0,
) -> None:
    """Draw texts at random and write them as a sheet to label by hand: the start where nothing is labelled.

    Its labels measure every contender; the other texts stay unlabelled, and a prompt labels them for distillation.
    """
    from rich.console import Console

    from bakeoff.workbench.label import write_sample

    count = write_sample(source, write, rows=rows, text=tuple(text or ()), seed=seed)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{write}: {count:,} rows to label. Fill in the column label, then:", markup=False)
    both = shlex.quote(str(write)), shlex.quote(str(source))
    console.print(f"bakeoff run {both[0]} --unlabelled {both[1]}", markup=False)
