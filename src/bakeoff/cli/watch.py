"""``bakeoff watch``: hold new rows against those of a bundle's study."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given, plain
from bakeoff.errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.predict import ServerUse
    from bakeoff.workbench.watch import Watched

__all__ = ["watch"]

#: Finished, and too few labels to say whether to decide again.
_OPEN = 3


_Bundle = Annotated[
    Path,
    typer.Argument(metavar="BUNDLE", help="Folder of the bundle.", show_default=False, autocompletion=complete.bundles),
]
_Source = Annotated[Path, typer.Argument(metavar="FILE", help="New rows.", show_default=False)]
_Study = Annotated[
    Path | None,
    options.option(
        "--study",
        metavar="FOLDER",
        help="The bundle's study, for its texts; by default the folder that the bundle stands in.",
    ),
]
_Audit = Annotated[
    int | None,
    options.option("--audit", metavar="ROWS", min=1, help="Draw so many rows at random, to be labelled blind."),
]
_Write = Annotated[
    Path | None, options.option("--write", metavar="FILE", help="The .csv of the audit; by default beside the rows.")
]
_Labelled = Annotated[Path | None, options.option("--labelled", metavar="FILE", help="The audit's sheet, filled in.")]
_Loss = Annotated[
    float,
    options.option(
        "--loss",
        metavar="POINTS",
        min=0.1,
        max=100.0,
        help="Least loss that is worth deciding again.",
        show_default=True,
    ),
]
_Rows = Annotated[
    int | None,
    options.option("--rows", metavar="ROWS", min=20, help="Most rows to draw and answer; 2,000 without labels."),
]


def watch(
    bundle: _Bundle,
    source: _Source,
    study: _Study = None,
    audit: _Audit = None,
    write: _Write = None,
    labelled: _Labelled = None,
    loss: _Loss = 5.0,
    rows: _Rows = None,
    text: options.Text = None,
    label: options.Label = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    seed: options.Seed = 0,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    as_json: options.Json = False,
) -> None:
    """Say how new rows differ from the study's, draw some to label, and say whether to decide again.

    Rows that have a label count as they are. Leaves with 3 where the labels are too few to tell.
    """
    from bakeoff.workbench.watch import WatchOptions
    from bakeoff.workbench.watch import watch as look

    if write is not None and audit is None:
        raise OptionError("--write names the sheet of an audit; none is drawn.", next_step="Say --audit 50.")
    given = Given("watch", as_json, soft_wrap=True)
    how = WatchOptions(
        study=study,
        rows=rows,
        audit=audit,
        write=write,
        labelled=labelled,
        loss=loss / 100,
        text=tuple(text or ()),
        label=label,
        encoding=encoding,
        delimiter=delimiter,
        header=not no_header,
        seed=seed,
        servers=_servers(given, allow_send, prices, limit),
    )
    _give(given, bundle, source, look(bundle, source, how))


def _servers(given: Given, hosts: list[str] | None, prices: Path | None, limits: list[str] | None) -> ServerUse:
    from bakeoff.workbench.predict import ServerUse
    from bakeoff.workbench.sending import server_terms

    return ServerUse(
        frozenset(hosts or ()),
        server_terms(prices, limits or ()),
        lambda sending: given.console.print(f"to be asked: {sending.sentence()}", markup=False),
    )


def _give(given: Given, bundle: Path, source: Path, found: Watched) -> None:
    again = f"bakeoff watch {shlex.quote(str(bundle))} {shlex.quote(str(source))}"
    command = None if found.sheet is None else f"{again} --labelled {shlex.quote(str(found.sheet))}"
    too_few = found.redecision is not None and found.redecision.answer == "too few labels"
    given.give(
        lambda: {**plain(found), "shifted": found.shifted, "next_command": command},
        lambda console: _show(console, found, source, command),
        exit_code=_OPEN if too_few else 0,
    )


def _show(console: Console, found: Watched, source: Path, command: str | None) -> None:
    from dataclasses import fields

    from bakeoff.report.watch_card import WatchFigures, watch_card

    shown = WatchFigures(**{one.name: getattr(found, one.name) for one in fields(WatchFigures)})
    console.print(watch_card(shown, source.name, min(console.width, 80)))
    if command is not None:
        console.print(
            f"{found.sheet}: {found.sheet_rows:,} rows to label. Fill in the column label, then:", markup=False
        )
        console.print(command, markup=False)
