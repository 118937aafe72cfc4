"""The report: verdict card, tables, page, and the files that other programs read."""

from __future__ import annotations

from bakeoff.report.card import verdict_card
from bakeoff.report.leaderboard_file import LEADERBOARD_COLUMNS, write_leaderboard
from bakeoff.report.page import render_report
from bakeoff.report.progress import PlanRow, Progress, ProgressCell, plan_table, progress_table
from bakeoff.report.terminal import checks_table, leaderboard_table
from bakeoff.report.verdict_file import check_verdict, verdict_document, verdict_schema, write_verdict

__all__ = [
    "LEADERBOARD_COLUMNS",
    "PlanRow",
    "Progress",
    "ProgressCell",
    "check_verdict",
    "checks_table",
    "leaderboard_table",
    "plan_table",
    "progress_table",
    "render_report",
    "verdict_card",
    "verdict_document",
    "verdict_schema",
    "write_leaderboard",
    "write_verdict",
]
