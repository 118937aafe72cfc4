"""What is seen in the terminal while a study runs."""

from __future__ import annotations

import math
import shlex
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from bakeoff.workbench.options import KnownBefore, Watcher

if TYPE_CHECKING:
    from bakeoff.data import Check
    from bakeoff.records import Arm, Contender
    from bakeoff.report.progress import Progress
    from bakeoff.study.plan import Plan
    from bakeoff.study.progress import StudyProgress
    from bakeoff.study.sending import Sending

__all__ = ["TerminalWatcher"]

#: Without a terminal, a trial that lasts is told of once in so many seconds.
_LINE_SECONDS = 60.0
#: How often a second the screen is drawn again, so that its times go on.
_DRAWN = 2.0


class TerminalWatcher(Watcher):
    """Print checks and plan; then one live screen where there is a terminal, and plain lines where there is none.

    Parameters
    ----------
    console : Console
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.folder: Path | None = None
        self.kept = "Nothing was written."
        self._screen: Live | None = None
        self._title = ""
        #: What is being done, and since when.
        self._phase = ("", time.monotonic())
        #: Where the trials stand, and when that was told.
        self._told: tuple[Progress | None, float] = (None, 0.0)
        self._arms: dict[str, Arm] = {}
        self._test_rows = 0
        self._last_line = 0.0
        self._last_pull = ("", -1)
        #: Of a single fit: what it does, since when, and the share that was done then.
        self._fit = ("", 0.0, 0.0)

    @property
    def live(self) -> bool:
        """Whether the screen can be drawn again: not in a file, and not on a terminal without cursor movements."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.stop()
            self._screen = None
        if kind is KeyboardInterrupt:
            kept = self.kept
            if self.folder is not None:
                kept = f"Finished trials are kept. Go on with: bakeoff resume {shlex.quote(str(self.folder))}"
            self.console.print(Text(kept), soft_wrap=True)

    def pulling(self, name: str, done: int, total: int) -> None:
        """Tell how much of a catalogue entry has come, in tenths."""
        tenth = 10 * done // max(total, 1)
        if (name, tenth) != self._last_pull:
            self._last_pull = (name, tenth)
            self.step(f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def step(self, text: str) -> None:
        """Tell what is being done."""
        self._phase = (text, time.monotonic())
        if self.live:
            self._draw()
        else:
            self._last_line = time.monotonic()
            self.console.print(Text(text, style="dim"))

    def _draw(self) -> None:
        if self._screen is None:
            # Without a redirection, standard output stays as it is for the document that a program reads.
            redirect = not self.console.stderr
            self._screen = Live(
                console=self.console,
                get_renderable=self._drawn,
                refresh_per_second=_DRAWN,
                transient=True,
                redirect_stdout=redirect,
                redirect_stderr=redirect,
                vertical_overflow="crop",
            )
            self._screen.start()
        self._screen.refresh()

    def _drawn(self) -> RenderableType:
        from bakeoff.report.progress import ProgressScreen

        (phase, began), (progress, told), now = self._phase, self._told, time.monotonic()
        return ProgressScreen(phase, progress, title=self._title, since=now - told, phase_seconds=now - began)

    def checked(self, checks: tuple[Check, ...], known: KnownBefore) -> None:
        """Print the checks, the split, and the smallest difference that can show."""
        from bakeoff.report.terminal import checks_table

        self._test_rows = known.rows["test"]
        print_checks(self.console, known.columns, known.split, known.rows, known.forecast)
        self.console.print(checks_table(checks))

    def started(self, folder: Path) -> None:
        """Keep the folder, for the sentence on how to resume."""
        self.folder = folder
        self._title = folder.name
        self.console.print(Text(f"study {folder}", style="dim"), soft_wrap=True)

    def planned(
        self, plan: Plan, contenders: tuple[Contender, ...], forecast: str, time_limit: float | None = None
    ) -> None:
        """Print the plan."""
        from bakeoff.report.progress import PlanRow, plan_table

        self._arms = {contender.name: contender.arm for contender in contenders}
        rows = []
        for contender in contenders:
            own = [trial for trial in plan.trials if trial.contender == contender.name and not trial.spare]
            if own:
                budgets = tuple(sorted({trial.n for trial in own}))
                seeds = len({trial.seed // plan.round_folds for trial in own})
                cost = sum(trial.cost for trial in own)
                rows.append(PlanRow(contender.name, contender.arm, budgets, seeds, len(own), cost))
        self.console.print(plan_table(rows, time_limit=time_limit))
        answered = f"every trial answers {plan.answered['validation']} validation and {plan.answered['test']} test rows"
        self.console.print(Text(f"{answered}; {plan.dtype} for prompts", style="dim"))
        if plan.answered["test"] < self._test_rows and forecast:
            self.console.print(Text(forecast, style="dim"))
        spare = dict.fromkeys(f"{trial.contender} at n = {trial.n}" for trial in plan.trials if trial.spare)
        if spare:
            self.console.print(Text(f"if time is left: {', '.join(spare)}", style="dim"))

    def sending(self, sendings: tuple[Sending, ...]) -> None:
        """Print what will be sent to servers."""
        for sending in sendings:
            where = "asked on this machine" if sending.here else "sent"
            self.console.print(Text(f"{where}: {sending.sentence()}", style="dim" if sending.here else "bold"))

    def progress(self, progress: StudyProgress) -> None:
        """Show how far the study is."""
        if not self.live:
            self._line(progress)
            return
        from bakeoff.workbench.progress_file import shown_progress

        if self._told[0] is None:
            self._phase = ("measuring", time.monotonic())
        self._told = (shown_progress(progress, self._arms), time.monotonic())
        self._draw()

    def fitting(self, what: str, share: float) -> None:
        """Show how far a single fit is, and the time that is left at its pace."""
        now = time.monotonic()
        phase = what.partition(":")[0]
        if phase != self._fit[0]:
            self._fit = (phase, now, share)
        _phase, began, first = self._fit
        done = share - first
        left = f", about {(1 - share) * (now - began) / done:.0f} s left" if done > 0 else ""
        told = f"{share:4.0%}  {what}{left}"
        if self.live:
            # What is fitted alone comes after all trials, or without any: their table has no more to tell.
            self._phase, self._told = (told, began), (None, 0.0)
            self._draw()
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            self.console.print(Text(told, style="dim"), soft_wrap=True)

    def _line(self, progress: StudyProgress) -> None:
        now = time.monotonic()
        if progress.doing != "recorded" and now - self._last_line < _LINE_SECONDS:
            return
        self._last_line = now
        told = (
            progress.now if progress.doing == "recorded" else f"{progress.now}: {progress.doing}, {progress.share:.0%}"
        )
        bound = "< " if progress.at_most else ""
        left = f", {bound}{progress.left:.0f} s left" if math.isfinite(progress.left) else ""
        text = f"[{progress.done}/{progress.planned}] {told}; {progress.elapsed:.0f} s{left}"
        self.console.print(Text(text, style="dim"), soft_wrap=True)


def print_checks(console: Console, columns: str, split: str, rows: dict[str, int], forecast: str) -> None:
    """Print which columns were taken, how the rows are divided, and what the test rows can show.

    Parameters
    ----------
    console : Console
    columns, split : str
    rows : dict
    forecast : str
        What the test rows can show; empty where nothing is compared.
    """
    console.print(Text(columns))
    counts = ", ".join(f"{count:,} {part}" for part, count in rows.items())
    console.print(Text(f"{counts}: {split}"))
    if forecast:
        console.print(Text(forecast))
