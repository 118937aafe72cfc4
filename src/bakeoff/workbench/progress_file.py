"""How far a study is, in a file of its folder, for whoever looks on from another process."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from bakeoff.errors import BakeoffError
from bakeoff.report.aside import write_aside
from bakeoff.workbench.options import KnownBefore, Watcher
from bakeoff.workbench.processes import born

if TYPE_CHECKING:
    from bakeoff.data import Check
    from bakeoff.records import Arm, Contender
    from bakeoff.report.progress import Progress
    from bakeoff.study.plan import Plan
    from bakeoff.study.progress import StudyProgress
    from bakeoff.study.sending import Sending

__all__ = ["ProgressFile", "WrittenProgress", "read_progress", "shown_progress"]

_FILE = "progress.json"
#: While one trial runs, the file is written at most every so many seconds.
_WRITE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WrittenProgress:
    """How far a study was when its process last wrote.

    Parameters
    ----------
    state : {"running", "ended", "stopped", "failed"}
        ``"running"`` as well where the process was killed: whether it lives, `bakeoff.workbench.processes` tells.
    step : str
        What it did.
    why : str
        Why it failed.
    progress : Progress or None
        None before the first trial.
    """

    state: Literal["running", "ended", "stopped", "failed"]
    step: str
    why: str
    progress: Progress | None


class ProgressFile(Watcher):
    """Write how far a study is to its folder, and hand everything on; a file that cannot be written stops nothing.

    Parameters
    ----------
    folder : Path
        The study's.
    watcher : Watcher
        Who else looks on.
    """

    def __init__(self, folder: Path, watcher: Watcher) -> None:
        self.folder = folder
        self.watcher = watcher
        pid = os.getpid()
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._facts: dict[str, Any] = {"pid": pid, "born": born(pid), "started": now, "step": "", "why": ""}
        self._arms: dict[str, Arm] = {}
        self._written = 0.0

    def __enter__(self) -> Self:
        self._write("running")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write("ended")
        elif kind is KeyboardInterrupt:
            self._write("stopped")
        else:
            told = str(error) if isinstance(error, BakeoffError) else f"{kind.__name__}: {error}"
            self._write("failed", why=told)

    def pulling(self, name: str, done: int, total: int) -> None:
        """Hand on."""
        self.watcher.pulling(name, done, total)

    def step(self, text: str) -> None:
        """Write what is being done."""
        self._write("running", step=text)
        self.watcher.step(text)

    def checked(self, checks: tuple[Check, ...], known: KnownBefore) -> None:
        """Hand on."""
        self.watcher.checked(checks, known)

    def started(self, folder: Path) -> None:
        """Hand on."""
        self.watcher.started(folder)

    def planned(
        self, plan: Plan, contenders: tuple[Contender, ...], forecast: str, time_limit: float | None = None
    ) -> None:
        """Keep the arms."""
        self._arms = {contender.name: contender.arm for contender in contenders}
        self.watcher.planned(plan, contenders, forecast, time_limit)

    def sending(self, sendings: tuple[Sending, ...]) -> None:
        """Hand on."""
        self.watcher.sending(sendings)

    def fitting(self, what: str, share: float) -> None:
        """Write how far the last fit is, of what will be shipped."""
        if time.monotonic() - self._written >= _WRITE_SECONDS:
            self._write("running", step=f"{what}, {share:.0%}")
        self.watcher.fitting(what, share)

    def progress(self, progress: StudyProgress) -> None:
        """Write where the trials stand."""
        if progress.doing == "recorded" or time.monotonic() - self._written >= _WRITE_SECONDS:
            told = f"{progress.now}: {progress.doing}" if progress.now else progress.doing
            self._write("running", step=told, progress=asdict(shown_progress(progress, self._arms)))
        self.watcher.progress(progress)

    def _write(self, state: str, **facts: Any) -> None:
        self._facts |= {"state": state, **facts}
        self._written = time.monotonic()
        with contextlib.suppress(OSError):
            write_aside(self.folder / _FILE, json.dumps(_plain(self._facts), ensure_ascii=False))


def shown_progress(progress: StudyProgress, arms: Mapping[str, Arm]) -> Progress:
    """Give where the trials stand as it is shown.

    Parameters
    ----------
    progress : StudyProgress
    arms : mapping of str to str
        Of the contenders, by name.

    Returns
    -------
    Progress
    """
    from bakeoff.report.progress import Progress, ProgressCell

    cells = []
    for (name, n), seeds in progress.seeds.items():
        scores = progress.scores.get((name, n), ())
        mean = sum(scores) / len(scores) if scores else math.nan
        spent = progress.seconds.get((name, n), 0.0)
        cells.append(ProgressCell(name, arms.get(name, "floor"), n, mean, len(scores), seeds, spent))
    return Progress(
        cells=tuple(cells),
        trials_done=progress.done,
        trials_planned=progress.planned,
        elapsed=progress.elapsed,
        left=progress.left,
        running=f"{progress.now}: {progress.doing}" if progress.now else None,
        share=progress.share if progress.now else None,
        dropped=progress.dropped,
        at_most=progress.at_most,
    )


def read_progress(folder: Path) -> WrittenProgress | None:
    """Read how far a study was when its process last wrote.

    Parameters
    ----------
    folder : Path
        The study's.

    Returns
    -------
    WrittenProgress or None
        None where nothing was written, or what was written is not ours.
    """
    from bakeoff.report.progress import Progress, ProgressCell

    try:
        facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        table = facts.get("progress")
        if table is not None:
            cells = tuple(ProgressCell(**{**cell, "score": _number(cell["score"])}) for cell in table["cells"])
            table = Progress(
                **{**table, "cells": cells, "left": _number(table["left"]), "dropped": tuple(table["dropped"])}
            )
        return WrittenProgress(facts["state"], facts["step"], facts["why"], table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """Give numbers that JSON lacks as None."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
