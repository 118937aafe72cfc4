"""Cells that a spreadsheet must not run: one way out, and the same way back."""

from __future__ import annotations

import re
from dataclasses import replace

from bakeoff.data.table import Cell, Table

__all__ = ["SHEET_COLUMN", "plain_cell", "plain_sheet", "safe_cell"]

#: A sheet that has this column was written by `safe_cell`, and is read by `plain_cell`.
SHEET_COLUMN = "bakeoff row"

#: A spreadsheet takes a cell for a formula that begins so and goes on (OWASP, "CSV Injection"), some also by the signs
#: of full width; a sign alone is text. A cell that begins with apostrophes and then so could have been written by
#: `safe_cell`, and gets one more.
_BEGINS = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]."
_FORMULA = re.compile(f"'*{_BEGINS}", re.DOTALL)
_WRITTEN = re.compile(f"'+{_BEGINS}", re.DOTALL)
#: A number is no formula, whatever its sign.
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|\.\d+)([eE][+-]?\d+)?%?", re.ASCII)


def safe_cell(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula.

    Parameters
    ----------
    text : str
        Any text; numbers stay as they are.

    Returns
    -------
    str
        From which `plain_cell` gives the text back.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain_cell(text: str) -> str:
    """Take away the apostrophe that `safe_cell` put before a text."""
    return text[1:] if _WRITTEN.match(text) else text


def plain_sheet(table: Table) -> Table:
    """Give a table as it was before `safe_cell`, where it says that it was written so; else as it is."""
    if SHEET_COLUMN not in table.columns:
        return table

    def plain(cell: Cell) -> Cell:
        return plain_cell(cell) if isinstance(cell, str) else cell

    return replace(
        table,
        columns=tuple(plain_cell(name) for name in table.columns),
        cells=tuple(tuple(plain(cell) for cell in row) for row in table.cells),
    )
