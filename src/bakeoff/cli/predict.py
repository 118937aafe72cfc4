"""``bakeoff predict``: answer the rows of a file with a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given, plain

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.predict import PredictSummary

__all__ = ["predict"]


_Bundle = Annotated[
    Path,
    typer.Argument(metavar="BUNDLE", help="Folder of the bundle.", show_default=False, autocompletion=complete.bundles),
]
_Source = Annotated[Path, typer.Argument(metavar="FILE", help="Rows to answer.", show_default=False)]
_Output = Annotated[
    Path | None,
    options.option("--output", "-o", metavar="FILE", help="A .csv, .tsv or .jsonl file; by default beside the rows."),
]
_Probabilities = Annotated[
    bool, options.option("--probabilities", help="Add a column of probabilities for each label.")
]
_Restart = Annotated[bool, options.option("--restart", help="Begin anew where an interrupted run left answers.")]


def predict(
    bundle: _Bundle,
    source: _Source,
    output: _Output = None,
    text: options.Text = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    probabilities: _Probabilities = False,
    restart: _Restart = False,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    as_json: options.Json = False,
) -> None:
    """Answer every row of a file, in order, and write the answers beside its columns.

    Files may be larger than memory. The same command goes on with what an interrupted run had answered.
    """
    from bakeoff.workbench.predict import ServerUse
    from bakeoff.workbench.predict import predict as answer_file
    from bakeoff.workbench.sending import server_terms

    given = Given("predict", as_json, soft_wrap=True)
    servers = ServerUse(
        frozenset(allow_send or ()),
        server_terms(prices, limit or ()),
        lambda sending: given.console.print(f"to be asked: {sending.sentence()}", markup=False),
    )
    reading: Any = {"encoding": encoding, "delimiter": delimiter, "header": not no_header, "text": tuple(text or ())}
    try:
        done = answer_file(
            bundle,
            source,
            output,
            **reading,
            probabilities=probabilities,
            restart=restart,
            servers=servers,
            told=lambda done, rows: given.console.print(f"going on behind {done:,} of {rows:,} rows", markup=False),
        )
    except KeyboardInterrupt:
        given.console.print("what is answered is kept: the same command goes on", markup=False)
        raise
    given.give(lambda: plain(done), lambda console: _show(console, done))


def _show(console: Console, done: PredictSummary) -> None:
    console.print(
        f"{done.output}: {done.answered:,} of {done.rows:,} rows answered, {done.abstained:,} abstentions, "
        f"{done.seconds:.1f} s",
        markup=False,
    )
    if done.unshared:
        console.print(f"{done.unshared:,} answered rows have no probabilities: the server left them open", markup=False)
