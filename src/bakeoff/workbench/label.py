"""Draw a sample of texts that a person can label, from a file that has no labels."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from bakeoff.data import SHEET_COLUMN, Table, find_columns, near_duplicates, read_table, safe_cell, written_texts
from bakeoff.errors import OptionError
from bakeoff.report.aside import write_aside

__all__ = ["LABEL_COLUMN", "write_sample"]

#: Name of the column to fill in.
LABEL_COLUMN = "label"


def write_sample(source: Path, path: Path, *, rows: int, text: tuple[str, ...] = (), seed: int = 0) -> int:
    """Write rows, drawn at random and no two of them alike, as a table with an empty label.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, which `bakeoff.data.read_table` takes
    away again from a table with the last of these columns: that of the row in `source`.

    Parameters
    ----------
    source : Path
        A file of texts.
    path : Path
        Of the sheet; must not be there.
    rows : int
        Most rows.
    text : tuple of str
        Columns of the text; found by name and content where empty.
    seed : int
        Draws the rows; not negative.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    DataError
        If the file cannot be read, or no column is a text.
    OptionError
        If the sheet is there already.
    """
    if path.exists():
        raise OptionError(f"The sheet {path} is there already.", next_step="Name a file that is not, or remove it.")
    table = read_table(source)
    columns = find_columns(table, text=text, need_label=False)
    texts = written_texts(table, columns, "classification")
    drawn: dict[int, int] = {}
    numbers = near_duplicates(texts).tolist()
    for place in np.random.default_rng(seed).permutation(len(texts)).tolist():
        if texts[place].strip():
            drawn.setdefault(numbers[place], place)
    places = sorted(list(drawn.values())[:rows])
    write_aside(path, _sheet(table, columns.text, places))
    return len(places)


def _sheet(table: Table, text: tuple[str, ...], places: list[int]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([*(safe_cell(name) for name in text), LABEL_COLUMN, SHEET_COLUMN])
    cells = [table.column(name) for name in text]
    for place in places:
        texts = (safe_cell(str(column[place] or "")) for column in cells)
        writer.writerow([*texts, "", table.row_numbers[place]])
    return sheet.getvalue()
