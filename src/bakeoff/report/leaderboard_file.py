"""``leaderboard.csv``: the leaderboard for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from bakeoff.data import safe_cell
from bakeoff.records import LeaderboardRow
from bakeoff.report.aside import write_aside

__all__ = ["LEADERBOARD_COLUMNS", "write_leaderboard"]

#: Column names in order: the fields of `LeaderboardRow`, its interval as two columns.
LEADERBOARD_COLUMNS: tuple[str, ...] = tuple(
    column
    for field in fields(LeaderboardRow)
    for column in (("ci_low", "ci_high") if field.name == "ci" else (field.name,))
)


def write_leaderboard(
    path: Path, rows: Iterable[LeaderboardRow], further: Mapping[tuple[str, int], Mapping[str, float]] | None = None
) -> Path:
    """Write the leaderboard as CSV: UTF-8, commas, one header line.

    Parameters
    ----------
    path : Path
        Where it shall stand.
    rows : iterable of LeaderboardRow
        In the order wanted.
    further : mapping of (str, int) to mapping of str to float, optional
        By contender and n: figures for columns behind the others, the same for each; rows without are empty there.

    Returns
    -------
    Path
        `path`.

    Notes
    -----
    Numbers are written in full (they read back equal); figures that were not measured are empty. A text cell that a
    spreadsheet would run as a formula gets an apostrophe before it (OWASP, "CSV Injection").
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    more = tuple(dict.fromkeys(name for figures in (further or {}).values() for name in figures))
    writer.writerow((*LEADERBOARD_COLUMNS, *(safe_cell(name) for name in more)))
    for row in rows:
        cells: list[str] = []
        for field in fields(LeaderboardRow):
            value = getattr(row, field.name)
            cells.extend(_cell(part) for part in (value if field.name == "ci" else (value,)))
        figures = (further or {}).get((row.contender, row.n), {})
        writer.writerow((*cells, *(_cell(figures.get(name)) for name in more)))
    return write_aside(path, buffer.getvalue())


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return safe_cell(value)
    if isinstance(value, int):
        return str(value)
    return repr(float(value)) if math.isfinite(value) else ""
