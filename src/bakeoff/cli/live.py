"""What is seen in the terminal while a study runs."""

from __future__ import annotations

import math
import shlex
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bakeoff.workbench.options import KnownBefore, Watcher

if TYPE_CHECKING:
    from bakeoff.data import Check
    from bakeoff.records import Arm, Contender
    from bakeoff.study.plan import Plan
    from bakeoff.study.progress import StudyProgress
    from bakeoff.study.sending import Sending

__all__ = ["TerminalWatcher"]

#: Without a terminal, progress is a line at most every so many seconds.
_LINE_SECONDS = 15.0


class TerminalWatcher(Watcher):
    """Print checks, plan and progress; a live table where there is a terminal, plain lines where there is none.

    Parameters
    ----------
    console : Console
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.folder: Path | None = None
        self.kept = "Nothing was written."
        self._live: Live | None = None
        self._arms: dict[str, Arm] = {}
        self._test_rows = 0
        self._last_line = 0.0
        self._last_pull = ("", -1)
        #: Of a single fit: what it does, since when, and the share that was done then.
        self._fit = ("", 0.0, 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop_live()
        if kind is KeyboardInterrupt:
            kept = self.kept
            if self.folder is not None:
                kept = f"Finished trials are kept. Go on with: bakeoff resume {shlex.quote(str(self.folder))}"
            self.console.print(Text(kept))

    def pulling(self, name: str, done: int, total: int) -> None:
        """Print how much of a catalogue entry has come, in tenths."""
        tenth = 10 * done // max(total, 1)
        if (name, tenth) != self._last_pull:
            self._last_pull = (name, tenth)
            self.console.print(
                f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", style="dim", highlight=False
            )

    def step(self, text: str) -> None:
        """Print what is being done."""
        self._stop_live()
        self.console.print(Text(text, style="dim"))

    def checked(self, checks: tuple[Check, ...], known: KnownBefore) -> None:
        """Print the checks, the split, and the smallest difference that can show."""
        from bakeoff.report.terminal import checks_table

        self._test_rows = known.rows["test"]
        print_checks(self.console, known.columns, known.split, known.rows, known.mde)
        self.console.print(checks_table(checks))

    def started(self, folder: Path) -> None:
        """Keep the folder, for the sentence on how to resume."""
        self.folder = folder
        self.console.print(Text(f"study {folder}", style="dim"))

    def planned(self, plan: Plan, contenders: tuple[Contender, ...], mde: float) -> None:
        """Print the plan."""
        from bakeoff.report.progress import PlanRow, plan_table

        self._arms = {contender.name: contender.arm for contender in contenders}
        rows = []
        for contender in contenders:
            own = [trial for trial in plan.trials if trial.contender == contender.name and not trial.spare]
            if own:
                budgets = tuple(sorted({trial.n for trial in own}))
                seeds = len({trial.seed // plan.round_folds for trial in own})
                forecast = sum(trial.cost for trial in own)
                rows.append(PlanRow(contender.name, contender.arm, budgets, seeds, len(own), forecast))
        self.console.print(plan_table(rows, time_limit=plan.time_limit))
        answered = f"every trial answers {plan.answered['validation']} validation and {plan.answered['test']} test rows"
        self.console.print(Text(f"{answered}; {plan.dtype} for prompts", style="dim"))
        if plan.answered["test"] < self._test_rows and not math.isnan(mde):
            self.console.print(Text(f"The rows that are answered can show {mde:.1f} points or more.", style="dim"))
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
        if not self.console.is_terminal:
            self._line(progress)
            return
        from bakeoff.report.progress import progress_table
        from bakeoff.workbench.progress_file import shown_progress

        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(progress_table(shown_progress(progress, self._arms)), refresh=True)

    def fitting(self, what: str, share: float) -> None:
        """Show how far a single fit is, and the time that is left at its pace."""
        now = time.monotonic()
        phase = what.partition(":")[0]
        if phase != self._fit[0]:
            self._fit = (phase, now, share)
        _phase, began, first = self._fit
        done = share - first
        left = f", about {(1 - share) * (now - began) / done:.0f} s left" if done > 0 else ""
        told = Text(f"{share:4.0%}  {what}{left}", style="dim")
        if self.console.is_terminal:
            if self._live is None:
                self._live = Live(console=self.console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(told, refresh=True)
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            self.console.print(told)

    def _line(self, progress: StudyProgress) -> None:
        now = time.monotonic()
        if progress.doing != "recorded" and now - self._last_line < _LINE_SECONDS:
            return
        self._last_line = now
        word = "at most" if progress.at_most else "about"
        text = f"{progress.done}/{progress.planned} trials, {progress.elapsed:.0f} s, {word} {progress.left:.0f} s left"
        self.console.print(Text(f"{text}   {progress.now} {progress.doing}".rstrip(), style="dim"))

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def print_checks(console: Console, columns: str, split: str, rows: dict[str, int], mde: float) -> None:
    """Print which columns were taken, how the rows are divided, and what the test rows can show.

    Parameters
    ----------
    console : Console
    columns, split : str
    rows : dict
    mde : float
        In points; NaN where nothing is compared.
    """
    console.print(Text(columns))
    counts = ", ".join(f"{count:,} {part}" for part, count in rows.items())
    console.print(Text(f"{counts}: {split}"))
    if not math.isnan(mde):
        power = "(80 % power, if seeds differ by 2)"
        console.print(Text(f"These test rows can show differences of {mde:.1f} points or more {power}."))
