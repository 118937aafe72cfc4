"""The leaderboard: one row for each contender at each n."""

from __future__ import annotations

import math

from bakeoff.decision.bills import slow_end
from bakeoff.decision.costs import cost_of, known_mean
from bakeoff.decision.panel import MASKED, Cell, Panel
from bakeoff.decision.resampling import estimate_score
from bakeoff.records import LeaderboardRow, Trial
from bakeoff.tasks import least_score

__all__ = ["leaderboard_of", "tokens_per_row", "valid_rate"]


def valid_rate(cell: Cell) -> float:
    """Give the share of test rows with a valid answer, over all seeds; NaN without test rows."""
    answered = cell.test[cell.test != MASKED]
    return float((answered >= 0).mean()) if answered.size else math.nan


def tokens_per_row(trial: Trial) -> float:
    """Give the tokens that one answer reads and writes, a prompt's shared prefix included; NaN where not counted."""
    told = trial.details.get("tokens_per_row")
    return float(told) if isinstance(told, (int, float)) and told > 0 else math.nan


def _row(panel: Panel, cell: Cell) -> LeaderboardRow:
    contender, trials = cell.contender, cell.trials
    estimate = estimate_score(panel, cell)
    low, high = estimate.interval()
    return LeaderboardRow(
        contender=contender.name,
        method=contender.method,
        arm=contender.arm,
        model=contender.model,
        n=cell.n,
        score=estimate.mean,
        ci=(max(low, least_score(panel.metric)), min(high, 1.0)) if not math.isnan(low) else (math.nan, math.nan),
        validation_score=panel.mean_score(cell, "validation"),
        valid_rate=valid_rate(cell),
        fit_seconds=known_mean([trial.fit_seconds for trial in trials]),
        p50_ms=known_mean([trial.p50_ms for trial in trials]),
        p95_ms=slow_end(trials),
        rows_per_second=known_mean([trial.rows_per_second for trial in trials]),
        cost_per_1k=cost_of(cell, panel.evidence.assumptions).per_1k,
        tokens_per_row=known_mean([tokens_per_row(trial) for trial in trials]),
        size_mb=known_mean([trial.size_mb for trial in trials]),
        seeds=len(cell.seeds),
    )


def leaderboard_of(panel: Panel) -> tuple[LeaderboardRow, ...]:
    """Give every contender at every n with finished trials, best mean test score first.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    tuple of LeaderboardRow
        Ties in order of n, then of name.
    """
    rows = [
        _row(panel, cell)
        for name in panel.contenders
        for n in panel.budgets(name)
        if (cell := panel.cell(name, n)) is not None
    ]
    return tuple(sorted(rows, key=lambda row: (-row.score if not math.isnan(row.score) else 1.0, row.n, row.contender)))
