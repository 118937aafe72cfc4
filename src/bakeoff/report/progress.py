"""Tables of a study that is planned, and of one that runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bakeoff.records import Arm
from bakeoff.report import figures
from bakeoff.report.terminal import ARM_STYLES

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["PlanRow", "Progress", "ProgressCell", "plan_table", "progress_table"]

#: Budgets shown side by side; more would not fit 80 columns.
_MOST_BUDGETS = 5


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One contender of a plan.

    Parameters
    ----------
    contender : str
    arm : str
    budgets : tuple of int
        Label budgets.
    seeds : int
        Seeds at each budget.
    trials : int
        Trials in all.
    forecast_seconds : float
        Forecast of their time; NaN where there is none.
    """

    contender: str
    arm: Arm
    budgets: tuple[int, ...]
    seeds: int
    trials: int
    forecast_seconds: float


@dataclass(frozen=True, slots=True)
class ProgressCell:
    """One contender at one n, so far.

    Parameters
    ----------
    contender : str
    arm : str
    n : int
    score : float
        Mean validation score of the seeds done; NaN before the first.
    seeds_done, seeds_planned : int
    seconds : float
        Spent on it so far.
    """

    contender: str
    arm: Arm
    n: int
    score: float
    seeds_done: int
    seeds_planned: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running study stands; no test score is in it.

    Parameters
    ----------
    cells : tuple of ProgressCell
    trials_done, trials_planned : int
    elapsed, left : float
        Seconds so far, and the forecast of those left (NaN where there is none).
    running : str or None
        What runs now.
    share : float or None
        How much of that is done, in [0, 1]; None where it cannot say.
    dropped : tuple of str
        Contenders whose later trials will not run.
    at_most : bool
        Whether `left` is what is left at most, since the study ends when it is decided.
    """

    cells: tuple[ProgressCell, ...]
    trials_done: int
    trials_planned: int
    elapsed: float
    left: float
    running: str | None = None
    share: float | None = None
    dropped: tuple[str, ...] = ()
    at_most: bool = False


def plan_table(rows: Iterable[PlanRow], *, time_limit: float | None = None) -> RenderableType:
    """Give the plan with the forecast of its time.

    Parameters
    ----------
    rows : iterable of PlanRow
    time_limit : float, optional
        Seconds that bound the study.

    Returns
    -------
    rich renderable
    """
    shown = list(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("contender", overflow="fold", min_width=16)
    table.add_column("labelled rows", overflow="fold")
    for name in ("seeds", "trials", "forecast"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(
            Text(figures.clean_text(row.contender), style=ARM_STYLES.get(row.arm, "")),
            ", ".join(figures.count_text(n) for n in row.budgets),
            str(row.seeds),
            str(row.trials),
            figures.duration_text(row.forecast_seconds),
        )
    forecast = sum(row.forecast_seconds for row in shown)
    limit = "" if time_limit is None else f"; time limit {figures.duration_text(time_limit)}"
    trials = sum(row.trials for row in shown)
    return Group(table, Text(f"{trials} trials, forecast {figures.duration_text(forecast)}{limit}", style="dim"))


def progress_table(progress: Progress) -> RenderableType:
    """Give the live view of a running study: contenders by label budgets, and what is left.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    rich renderable
        A cell is the mean validation score so far, with ``seeds done/planned`` until all are done.
    """
    budgets = sorted({cell.n for cell in progress.cells})[-_MOST_BUDGETS:]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("validation score", overflow="fold", min_width=14)
    for n in budgets:
        table.add_column(f"n = {figures.count_text(n)}", justify="right", no_wrap=True)
    table.add_column("spent", justify="right", no_wrap=True)
    for name in dict.fromkeys(cell.contender for cell in progress.cells):
        own = [cell for cell in progress.cells if cell.contender == name]
        dropped = name in progress.dropped
        label = Text(figures.clean_text(name), style="dim strike" if dropped else ARM_STYLES.get(own[0].arm, ""))
        if dropped:
            label.append(" dropped", style="not strike")
        spent = figures.duration_text(sum(cell.seconds for cell in own))
        table.add_row(label, *(_cell(own, n) for n in budgets), spent)
    return Group(table, _status(progress))


def _cell(own: Sequence[ProgressCell], n: int) -> Text:
    cell = next((one for one in own if one.n == n), None)
    if cell is None:
        return Text("")
    if cell.seeds_done >= cell.seeds_planned:
        return Text(figures.score_text(cell.score))
    return Text.assemble(
        f"{figures.score_text(cell.score)} " if cell.seeds_done else "",
        (f"{cell.seeds_done}/{cell.seeds_planned}", "dim"),
    )


def _status(progress: Progress) -> RenderableType:
    line = Table.grid(padding=(0, 2))
    line.add_row(
        ProgressBar(total=max(progress.trials_planned, 1), completed=progress.trials_done, width=20),
        f"{progress.trials_done} of {progress.trials_planned} trials",
        f"{figures.duration_text(progress.elapsed)} so far",
        ""
        if progress.left != progress.left
        else f"{'at most' if progress.at_most else 'about'} {figures.duration_text(progress.left)} left",
    )
    if progress.running is None:
        return line
    share = "" if progress.share is None else f"  {figures.share_text(progress.share)}"
    return Group(line, Text(f"now  {figures.clean_text(progress.running)}{share}", style="dim", overflow="ellipsis"))
