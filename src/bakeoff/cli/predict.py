"""``bakeoff predict``: answer the rows of a file with a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli import options

__all__ = ["predict"]


def predict(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of the bundle.", show_default=False)],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Rows to answer.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv, .tsv or .jsonl file.", show_default=False)
    ] = None,
    text: options.Text = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Add one column a label.")] = False,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
) -> None:
    """Answer every row of a file, in order, and write the answers beside its columns."""
    from rich.console import Console

    from bakeoff.workbench.predict import ServerUse
    from bakeoff.workbench.predict import predict as answer_file
    from bakeoff.workbench.sending import server_terms

    console = Console(highlight=False, soft_wrap=True)
    done = answer_file(
        bundle,
        source,
        output,
        text=tuple(text or ()),
        encoding=encoding,
        delimiter=delimiter,
        header=not no_header,
        probabilities=probabilities,
        servers=ServerUse(
            frozenset(allow_send or ()),
            server_terms(prices, limit or ()),
            lambda sending: console.print(f"to be asked: {sending.sentence()}", markup=False),
        ),
    )
    console.print(
        f"{done.output}: {done.answered:,} of {done.rows:,} rows answered, {done.abstained:,} abstentions, "
        f"{done.seconds:.1f} s",
        markup=False,
    )
    if done.unshared:
        console.print(f"{done.unshared:,} answered rows have no probabilities: the server left them open", markup=False)
