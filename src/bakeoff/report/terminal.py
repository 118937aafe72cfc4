"""Tables that the terminal shows: the checks of the rows, and the leaderboard.

Everything here gives a rich renderable; who prints it is the command line. Colour is an accent: each piece reads the
same without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

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

#: Columns of the leaderboard beside the name, those first that are left out last; so many are always there.
_COLUMNS: tuple[tuple[str, Callable[[LeaderboardRow], str]], ...] = (
    ("n", lambda row: figures.count_text(row.n)),
    ("score", lambda row: figures.score_text(row.score)),
    ("95% interval", lambda row: figures.interval_text(row.ci)),
    ("seeds", lambda row: str(row.seeds)),
    ("p50", lambda row: figures.milliseconds_text(row.p50_ms)),
    ("fit", lambda row: figures.duration_text(row.fit_seconds)),
    ("valid", lambda row: figures.share_text(row.valid_rate)),
)
_LEAST_COLUMNS, _LONGEST_NAME, _BETWEEN = 3, 36, 3

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
        table = _table()
        table.add_column("contender", overflow="fold", min_width=12)
        names = [Text(figures.clean_text(row.contender), style=ARM_STYLES.get(row.arm, "")) for row in self.rows]
        left = options.max_width - min(max((name.cell_len for name in names), default=0), _LONGEST_NAME)
        columns: list[list[str]] = []
        for heading, told in _COLUMNS:
            texts = [told(row) for row in self.rows]
            left -= max(map(len, [heading, *texts])) + _BETWEEN
            if left < 0 and len(columns) >= _LEAST_COLUMNS:
                break
            table.add_column(heading, justify="right", no_wrap=True)
            columns.append(texts)
        for name, *texts in zip(names, *columns, strict=True):
            table.add_row(name, *map(Text, texts))
        yield table
