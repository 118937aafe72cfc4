"""Tables that the terminal shows: the checks of the rows, and the leaderboard.

Everything here gives a rich renderable; who prints it is the command line. Colour is an accent: each piece reads the
same without it.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from bakeoff.records import Arm, Check, LeaderboardRow
from bakeoff.report import figures

__all__ = ["ARM_STYLES", "checks_table", "leaderboard_table"]

#: Colour of each arm, the same in every table.
ARM_STYLES: dict[Arm, str] = {
    "finetune": "blue",
    "prompt": "yellow",
    "both": "magenta",
    "floor": "bright_black",
    "current": "cyan",
}

#: Columns from which all columns of the leaderboard have room.
_WIDE = 78

_STATUS_STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red"}


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim", show_edge=False)


def checks_table(checks: Iterable[Check]) -> Table:
    """Give the checks of the rows as a table: status, name, what was found."""
    table = _table()
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold")
    for check in checks:
        table.add_row(
            Text(check.status, style=_STATUS_STYLES.get(check.status, "")),
            Text(figures.clean_text(check.name)),
            Text(figures.clean_text(check.detail)),
        )
    return table


def leaderboard_table(rows: Iterable[LeaderboardRow]) -> RenderableType:
    """Give the leaderboard as a table that fits 80 columns; ``leaderboard.csv`` has every column.

    Parameters
    ----------
    rows : iterable of LeaderboardRow
        In the order wanted.

    Returns
    -------
    rich renderable
        A narrower terminal gets fewer columns, and whole names.
    """
    return _Leaderboard(tuple(rows))


class _Leaderboard:
    def __init__(self, rows: tuple[LeaderboardRow, ...]) -> None:
        self.rows = rows

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= _WIDE
        table = _table()
        table.add_column("contender", overflow="fold", min_width=12)
        for name in ("n", "score", "95% interval", *(("valid", "fit", "p50", "seeds") if wide else ())):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            further = (
                figures.share_text(row.valid_rate),
                figures.duration_text(row.fit_seconds),
                figures.milliseconds_text(row.p50_ms),
                str(row.seeds),
            )
            table.add_row(
                Text(figures.clean_text(row.contender), style=ARM_STYLES.get(row.arm, "")),
                figures.count_text(row.n),
                Text(figures.score_text(row.score)),
                Text(figures.interval_text(row.ci)),
                *(further if wide else ()),
            )
        yield table
