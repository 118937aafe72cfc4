"""``bakeoff resume``: continue a study that was stopped."""

from __future__ import annotations

from typing import Annotated

from bakeoff.cli import options
from bakeoff.cli.json_output import Given

__all__ = ["resume"]


def resume(
    study: options.Study,
    time_limit: Annotated[
        str | None,
        options.option("--time-limit", metavar="TIME", help="From now on, in place of the study's own limit: 20m."),
    ] = None,
    until: options.Until = None,
    on: options.On = None,
    limit: options.Limits = None,
    as_json: options.Json = False,
) -> None:
    """Continue a stopped study; no finished trial is repeated.

    New limits stand in place of the study's own; what was spent counts. With --until measured, a study that ended when
    it was decided goes on with all that it left out.
    """
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.run import give_outcome
    from bakeoff.workbench import run as workbench
    from bakeoff.workbench.options import parse_duration

    given = Given("resume", as_json)
    with TerminalWatcher(given.console) as watcher:
        seconds = parse_duration(time_limit) if time_limit else None
        outcome = workbench.resume(
            study, time_limit=seconds, until=until, limits=tuple(limit or ()), on=on, watcher=watcher
        )
    give_outcome(given, outcome)
