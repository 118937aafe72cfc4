"""Every contender beside the one that is used, on test rows: looks, which are no declared tests."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.decision.panel import Panel
from bakeoff.decision.resampling import estimate_difference
from bakeoff.records import Decision
from bakeoff.report.figures import count_text
from bakeoff.report.lookup import headline, row_of
from bakeoff.report.plots import AGAINST, front_plot, pareto_front, rows_of_plot

__all__ = ["Front", "Look", "at_budget", "fronts", "looks"]


@dataclass(frozen=True, slots=True)
class Look:
    """A contender's score minus that of the one that is used.

    Parameters
    ----------
    difference : float
        On the metric's scale; positive where the contender's is higher.
    ci : tuple of float
        95% interval over seeds and rows, not corrected for the number of looks.
    pairs : str
        Seeds (or rounds) times rows.
    """

    difference: float
    ci: tuple[float, float]
    pairs: str


def looks(panel: Panel, decision: Decision) -> dict[str, Look]:
    """Compare every contender at the decision budget with the chosen one, or the one to use meanwhile.

    Parameters
    ----------
    panel : Panel
    decision : Decision

    Returns
    -------
    dict of str to Look
        By contender; paired by seed and row, as declared comparisons are. Empty where there is none to compare with.
    """
    n, used = decision.verdict.n, headline(decision).first
    against = panel.cell(used, n) if used is not None else None
    if against is None:
        return {}
    found = {}
    for name in panel.contenders:
        cell = panel.cell(name, n)
        if cell is None or name == used:
            continue
        estimate = estimate_difference(panel, cell, against)
        run = "round" if panel.evidence.folds else "seed"
        seeds = f"{estimate.seeds} {run}{'' if estimate.seeds == 1 else 's'}"
        found[name] = Look(estimate.mean, estimate.interval(), f"{seeds} x {count_text(estimate.rows)} rows")
    return found


@dataclass(frozen=True, slots=True)
class Front:
    """A chart of score against something, with its front in words.

    Parameters
    ----------
    column, against : str
        Of the leaderboard, and in words.
    drawn : str
        SVG.
    told : str
        Who is on the front, for those who do not see the chart.
    """

    column: str
    against: str
    drawn: str
    told: str


def fronts(decision: Decision, currency: str) -> list[Front]:
    """Draw test score against all that a prediction takes and was measured."""
    found = []
    for column, (_, against) in AGAINST.items():
        drawn = front_plot(decision, column, currency)
        if drawn is None:
            continue
        rows = rows_of_plot(decision, column)
        names = ", ".join(row.contender for row in pareto_front(rows, column))
        found.append(Front(column, against, drawn, f"Test score against {against}. On the Pareto front: {names}."))
    return found


def at_budget(decision: Decision) -> set[int]:
    """Give the `id` of each contender's leaderboard row that stands at the verdict's budget."""
    names = {row.contender for row in decision.leaderboard}
    return {id(row_of(decision, name, decision.verdict.n)) for name in names}
