"""Tables of a study that is planned, and of one that runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bakeoff.records import Arm
from bakeoff.report import figures
from bakeoff.report.lookup import ARM_WORDS
from bakeoff.report.terminal import ARM_STYLES

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["PlanRow", "Progress", "ProgressCell", "ProgressScreen", "plan_table", "progress_table"]

#: Budgets shown side by side; more would not fit 80 columns.
_MOST_BUDGETS = 5
#: Columns of a contender's name and of a cell, by which budgets are left out where the terminal is narrow.
_NAME_WIDTH, _CELL_WIDTH = 22, 11
#: Columns of the bar at most and at least, and rows of contenders below which their table is left out.
_BAR_WIDTH, _LEAST_BAR, _LEAST_ROWS = 24, 8, 3


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


class ProgressScreen:
    """The one screen of a running study, as large as the terminal it is drawn on.

    From above: what phase it is in; trials done of those planned, time spent and left; what runs now; the best of each
    arm so far; and contenders by label budgets, as many as there is room for.

    Parameters
    ----------
    phase : str
        What is being done, such as ``"measuring the models on this machine"``.
    progress : Progress, optional
        Where the trials stand; None before the first.
    title : str
        What is studied.
    since : float
        Seconds since `progress` was told, by which its times go on.
    phase_seconds : float
        Seconds that the phase lasts; shown where there are no trials to tell the time.
    """

    def __init__(
        self,
        phase: str,
        progress: Progress | None = None,
        *,
        title: str = "",
        since: float = 0.0,
        phase_seconds: float = 0.0,
    ) -> None:
        self.phase = phase
        self.progress = progress
        self.title = title
        self.since = since
        self.phase_seconds = phase_seconds

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        if self.progress is None:
            yield _one_line(f"{self.phase}, {figures.duration_text(self.phase_seconds)}", "dim")
            return
        yield _one_line(" ".join(part for part in (self.title, self.phase) if part), "bold")
        yield _status(self.progress, width, self.since)
        arms = _arms_table(self.progress, width)
        yield arms
        # Two lines of its own, one for those that are left out, one that the cursor stands on.
        left = (options.height or console.size.height) - 5 - arms.row_count - 5
        if left >= _LEAST_ROWS:
            yield ""
            yield _contenders_table(self.progress, width, left)


def progress_table(progress: Progress) -> RenderableType:
    """Give where a running study stands: the best of each arm, contenders by label budgets, and what is left.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    rich renderable
        A cell is the mean validation score so far, with ``seeds done/planned`` until all are done.
    """
    return ProgressScreen("", progress)


def _one_line(text: str, style: str) -> Text:
    return Text(figures.clean_text(text), style=style, no_wrap=True, overflow="ellipsis")


def _arms_table(progress: Progress, width: int) -> Table:
    """Give the best contender of each arm by its mean validation score so far."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("arm", no_wrap=True, width=14)
    best_width = max(width - 14 - 6 - 9 - 3 * 2, 12)
    table.add_column("best on validation rows", no_wrap=True, overflow="ellipsis", max_width=best_width)
    table.add_column("score", no_wrap=True, justify="right", min_width=6)
    table.add_column("trials", no_wrap=True, justify="right", min_width=9)
    for arm in ("finetune", "prompt", "both", "floor", "current"):
        own = [cell for cell in progress.cells if cell.arm == arm]
        if not own:
            continue
        scored = [cell for cell in own if cell.seeds_done and cell.score == cell.score]
        best = max(scored, key=lambda cell: cell.score, default=None)
        done, planned = (sum(counts) for counts in zip(*((c.seeds_done, c.seeds_planned) for c in own), strict=True))
        named = "no score yet" if best is None else f"{best.contender}, n = {figures.count_text(best.n)}"
        table.add_row(
            ARM_WORDS[arm],
            Text(figures.clean_text(named), style=ARM_STYLES.get(arm, "") if best else "dim"),
            "" if best is None else figures.score_text(best.score),
            f"{done} of {planned}",
        )
    return table


def _contenders_table(progress: Progress, width: int, most: int) -> RenderableType:
    room = max((width - _NAME_WIDTH - _CELL_WIDTH) // _CELL_WIDTH, 1)
    budgets = sorted({cell.n for cell in progress.cells})[-min(room, _MOST_BUDGETS) :]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    named = max(width - _CELL_WIDTH * (len(budgets) + 1) - 2, 14)
    table.add_column("validation score", overflow="ellipsis", no_wrap=True, min_width=14, max_width=named)
    for n in budgets:
        table.add_column(f"n = {figures.count_text(n)}", justify="right", no_wrap=True)
    table.add_column("spent", justify="right", no_wrap=True, min_width=10)
    names = list(dict.fromkeys(cell.contender for cell in progress.cells))
    # Those that were dropped, and then those that have not begun, give way where there is no room for all.
    begun = {cell.contender for cell in progress.cells if cell.seeds_done}
    kept = sorted(names, key=lambda name: (name in progress.dropped, name not in begun))[:most]
    for name in (name for name in names if name in kept):
        own = [cell for cell in progress.cells if cell.contender == name]
        dropped = name in progress.dropped
        label = Text(figures.clean_text(name), style="dim strike" if dropped else ARM_STYLES.get(own[0].arm, ""))
        if dropped:
            label = Text.assemble(("dropped ", "dim"), label)
        spent = figures.duration_text(sum(cell.seconds for cell in own))
        table.add_row(label, *(_cell(own, n) for n in budgets), spent)
    if len(kept) == len(names):
        return table
    return Group(table, Text(f"and {len(names) - len(kept)} more", style="dim"))


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


def _status(progress: Progress, width: int, since: float) -> RenderableType:
    told = [
        f"{progress.trials_done} of {progress.trials_planned} trials",
        f"{figures.duration_text(progress.elapsed + since)} so far",
    ]
    if progress.left == progress.left:
        word = "at most" if progress.at_most else "about"
        told.append(f"{word} {figures.duration_text(max(progress.left - since, 0.0))} left")
    text = "   ".join(told)
    line = Table.grid(padding=(0, 3))
    bar = min(width - len(text) - 3, _BAR_WIDTH)
    if bar >= _LEAST_BAR:
        done = ProgressBar(total=max(progress.trials_planned, 1), completed=progress.trials_done, width=bar)
        line.add_row(done, text)
    else:
        line.add_row(_one_line(", ".join(told), ""))
    if progress.running is None:
        return Group(line, "")
    share = "" if progress.share is None else f"  {figures.share_text(progress.share)}"
    now = Table.grid(padding=(0, 2))
    now.add_column(no_wrap=True)
    now.add_column(no_wrap=True, overflow="ellipsis", max_width=max(width - len(share) - 7, 10))
    now.add_column(no_wrap=True)
    now.add_row("now", Text(figures.clean_text(progress.running)), share.strip())
    return Group(line, now, "")
