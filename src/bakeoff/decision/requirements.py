"""Hard limits: which contenders meet them, miss them, or leave them open."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bakeoff.decision import phrases
from bakeoff.decision.costs import cost_of
from bakeoff.decision.panel import MASKED, Cell, Panel, is_served
from bakeoff.decision.resampling import estimate_score
from bakeoff.decision.share import wilson_interval
from bakeoff.records import Requirement
from bakeoff.tasks import TASK_KINDS, Task, least_score, metrics_of

__all__ = ["Standing", "is_out", "standings"]

State = Literal["met", "missed", "open"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contender stands to a limit.

    Parameters
    ----------
    requirement : Requirement
    state : {"met", "missed", "open"}
        ``missed`` and ``met`` only where the whole of what was measured lies on that side.
    low, high : float
        95% interval of a share or a score; least and greatest value over the seeds of any other figure. NaN where not
        measured; only `high` is NaN where no more than a lower bound was.
    """

    requirement: Requirement
    state: State
    low: float
    high: float

    def sentence(self) -> str:
        """Say it in a few words: ``p95_ms <= 50 met (3.1)``."""
        wanted = (
            f"{self.requirement.figure} {self.requirement.sense} {_figure(self.requirement, self.requirement.value)}"
        )
        if self.requirement.sense == "is":
            wanted = self.requirement.figure
        if math.isnan(self.low):
            return f"{wanted} {self.state} (not measured)"
        if self.requirement.sense == "is":
            return f"{wanted} {self.state}"
        if math.isnan(self.high):
            return f"{wanted} {self.state} (at least {_figure(self.requirement, self.low)})"
        low, high = (_figure(self.requirement, value) for value in (self.low, self.high))
        return f"{wanted} {self.state} ({low if low == high else f'{low} to {high}'})"


def _figure(requirement: Requirement, value: float) -> str:
    if _metric_of(requirement.figure, "score") is not None or requirement.figure == "valid_rate":
        return phrases.score(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _metric_of(figure: str, default: str, task: Task | None = None) -> str | None:
    kinds = [kind for kind, runs in TASK_KINDS.items() if runs]
    known = metrics_of(task.kind, task.checks) if task is not None else [m for kind in kinds for m in metrics_of(kind)]
    names = {name.lower(): name for name in known}
    if task is None and figure.lower().partition(":")[0] in ("form", "slot-accuracy"):
        return figure
    return default if figure.lower() == "score" else names.get(figure.lower())


def _valid_share(panel: Panel, cell: Cell) -> tuple[float, float]:
    """Give the 95% Wilson interval of the share of rows that got a valid answer; rows count once, seeds do not."""
    rows = len(panel.truth["test"])
    if not rows:
        return math.nan, math.nan
    return wilson_interval(float((cell.test[cell.test != MASKED] >= 0).mean()), rows)


def _range(values: list[float]) -> tuple[float, float]:
    known = [value for value in values if not math.isnan(value)]
    return (min(known), max(known)) if known else (math.nan, math.nan)


def _slow_end(cell: Cell) -> tuple[float, float]:
    """Give the range of the 95th percentile of an answer's time; where none was measured, the median is below it.

    A slow contender answers too few rows one by one for a 95th percentile, and must not escape the limit so.
    """
    low, high = _range([trial.p95_ms for trial in cell.trials])
    return (_range([trial.p50_ms for trial in cell.trials])[0], math.nan) if math.isnan(low) else (low, high)


def _measured(panel: Panel, cell: Cell, figure: str) -> tuple[float, float]:
    metric = _metric_of(figure, panel.metric, panel.evidence.task)
    if metric is not None:
        low, high = estimate_score(panel, cell, metric=metric).interval()
        return max(low, least_score(metric)), min(high, 1.0)
    readings: dict[str, Callable[[], tuple[float, float]]] = {
        "valid_rate": lambda: _valid_share(panel, cell),
        "p50_ms": lambda: _range([trial.p50_ms for trial in cell.trials]),
        "p95_ms": lambda: _slow_end(cell),
        "rows_per_second": lambda: _range([trial.rows_per_second for trial in cell.trials]),
        "fit_seconds": lambda: _range([trial.fit_seconds for trial in cell.trials]),
        "size_mb": lambda: _range([trial.size_mb for trial in cell.trials]),
        "cost_per_1k": lambda: _range([cost_of(cell, panel.evidence.assumptions).per_1k]),
        "offline": lambda: _range(
            [math.nan if cell.contender.arm == "current" else float(not is_served(cell.contender))]
        ),
    }
    return readings[figure]() if figure in readings else (math.nan, math.nan)


def _state(requirement: Requirement, low: float, high: float) -> State:
    if math.isnan(low):
        return "open"
    limit = requirement.value
    if requirement.sense == "is":
        return "met" if low == high == limit else "missed" if not low <= limit <= high else "open"
    if requirement.sense == ">=":
        return "met" if low >= limit else "missed" if high < limit else "open"
    return "met" if high <= limit else "missed" if low > limit else "open"


def standings(panel: Panel, cell: Cell) -> tuple[Standing, ...]:
    """Give how a contender stands to every hard limit.

    Parameters
    ----------
    panel : Panel
    cell : Cell

    Returns
    -------
    tuple of Standing
        In the order of the requirements. A figure that is not known by name, or was not measured, is open.
    """
    found = []
    for requirement in panel.evidence.requirements:
        low, high = _measured(panel, cell, requirement.figure)
        found.append(Standing(requirement, _state(requirement, low, high), low, high))
    return tuple(found)


def is_out(panel: Panel, cell: Cell) -> bool:
    """Say whether a contender misses a hard limit."""
    return any(standing.state == "missed" for standing in standings(panel, cell))
