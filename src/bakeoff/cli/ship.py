"""``bakeoff ship``: hand over any contender of a study as a bundle."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ship"]


def ship(
    study: options.Study,
    contender: Annotated[
        str | None,
        options.option(
            "--contender",
            metavar="NAME",
            help="Its name on the leaderboard; the chosen one where not given.",
            autocompletion=complete.contenders,
        ),
    ] = None,
    output: Annotated[
        Path | None, options.option("--output", "-o", metavar="FOLDER", help="Folder of the bundle; in the study's.")
    ] = None,
    with_weights: Annotated[
        bool, options.option("--with-weights", help="Put a prompt's model into the bundle.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Refit a contender on every labelled row and write its bundle, reloaded and compared."""
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.workbench.ship import ship as ship_study

    given = Given("ship", as_json, soft_wrap=True)
    with TerminalWatcher(given.console) as watcher:
        bundle, note = ship_study(study, contender=contender, output=output, with_weights=with_weights, watcher=watcher)

    def show(console: Console) -> None:
        console.print(f"{bundle}\n{note}", markup=False)
        console.print(f"Use it with: bakeoff predict {shlex.quote(str(bundle))} new.csv", markup=False)
        console.print(f"         or: bakeoff serve {shlex.quote(str(bundle))}", markup=False)

    given.give(lambda: {"study": study, "contender": contender, "bundle": bundle, "note": note}, show)
