"""``bakeoff report``: write a study's verdict, leaderboard and page again."""

from __future__ import annotations

from bakeoff.cli import options
from bakeoff.cli.json_output import Given

__all__ = ["report"]


def report(
    study: options.Study,
    assume: options.Assume = None,
    cost_matrix: options.CostMatrix = None,
    texts: options.RowTexts = None,
    as_json: options.Json = False,
) -> None:
    """Decide again on a study's records, and write its report, memo, verdict and leaderboard."""
    from bakeoff.cli.run import give_outcome
    from bakeoff.report.terminal import leaderboard_table
    from bakeoff.workbench.report import report as write_report

    given = Given("report", as_json)
    outcome = write_report(study, assume or (), cost_matrix, texts=texts)
    if not as_json:
        given.console.print(leaderboard_table(outcome.decision.leaderboard))
    give_outcome(given, outcome)
