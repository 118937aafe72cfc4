"""``bakeoff report``: write a study's verdict, leaderboard and page again."""

from __future__ import annotations

from bakeoff.cli import options

__all__ = ["report"]


def report(
    study: options.Study,
    assume: options.Assume = None,
    cost_matrix: options.CostMatrix = None,
    texts: options.RowTexts = None,
) -> None:
    """Decide again on a study's records, and write its report, memo, verdict and leaderboard."""
    from rich.console import Console

    from bakeoff.cli.run import leave_unless_resolved, show_outcome
    from bakeoff.report.terminal import leaderboard_table
    from bakeoff.workbench.report import report as write_report

    console = Console()
    outcome = write_report(study, assume or (), cost_matrix, texts=texts)
    console.print(leaderboard_table(outcome.decision.leaderboard))
    show_outcome(console, outcome)
    leave_unless_resolved(outcome)
