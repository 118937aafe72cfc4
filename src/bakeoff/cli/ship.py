"""``bakeoff ship``: hand over any contender of a study as a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli import options

__all__ = ["ship"]


def ship(
    study: options.Study,
    contender: Annotated[
        str | None, typer.Option("--contender", help="Its name on the leaderboard; the chosen one where not given.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the bundle.")] = None,
    with_weights: Annotated[bool, typer.Option("--with-weights", help="Put a prompt's model into the bundle.")] = False,
) -> None:
    """Refit a contender on every labelled row and write its bundle, reloaded and compared."""
    from rich.console import Console

    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.workbench.ship import ship as ship_study

    console = Console(highlight=False, soft_wrap=True)
    with TerminalWatcher(console) as watcher:
        bundle, note = ship_study(study, contender=contender, output=output, with_weights=with_weights, watcher=watcher)
    console.print(f"{bundle}\n{note}", markup=False)
    console.print(f"Use it with: bakeoff predict {bundle} new.csv", markup=False)
