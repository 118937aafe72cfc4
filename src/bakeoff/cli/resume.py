"""``bakeoff resume``: continue a study that was stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli import options

__all__ = ["resume"]


def resume(
    study: options.Study,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="From now on, in place of the study's own limit.")
    ] = None,
    until: options.Until = None,
    limit: options.Limits = None,
) -> None:
    """Continue a stopped study; no finished trial is repeated.

    New limits stand in place of the study's own; what was spent counts. With --until measured, a study that ended when
    it was decided goes on with all that it left out.
    """
    from rich.console import Console

    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.run import leave_unless_resolved, show_outcome
    from bakeoff.workbench import run as workbench
    from bakeoff.workbench.options import parse_duration

    console = Console()
    with TerminalWatcher(console) as watcher:
        seconds = parse_duration(time_limit) if time_limit else None
        outcome = workbench.resume(study, time_limit=seconds, until=until, limits=tuple(limit or ()), watcher=watcher)
    show_outcome(console, outcome)
    leave_unless_resolved(outcome)
