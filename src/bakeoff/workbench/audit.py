"""The audit of new rows: a uniform sample to label, blind, and its labels when they come back."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bakeoff.data import SHEET_COLUMN, Table, find_columns, read_table, safe_cell
from bakeoff.errors import DataError, OptionError
from bakeoff.report.aside import write_aside
from bakeoff.ship import BundleFacts
from bakeoff.workbench.label import LABEL_COLUMN
from bakeoff.workbench.labelled import rows_with_label, task_labels
from bakeoff.workbench.predict import find_texts

__all__ = ["LabelledRows", "labelled_of", "read_audit", "refuse_written", "sheet_rows", "write_audit"]

#: Texts and labels, of one length.
LabelledRows = tuple[list[str], list[str]]


def write_audit(
    path: Path,
    table: Table,
    texts: Sequence[str],
    columns: Sequence[str],
    rows: int,
    seed: int,
    *,
    known: frozenset[str] = frozenset(),
) -> int:
    """Write a sheet to label: the texts of rows that are drawn uniformly, and no answer of any model.

    Parameters
    ----------
    path : Path
        Must not be there.
    table : Table
        Rows, drawn uniformly themselves.
    texts : sequence of str
        Of each row; those without one are left out.
    columns : sequence of str
        That make the text.
    rows : int
    seed : int
    known : frozenset of str
        Texts that stand in the study, and are left out: their labels would be left out of the score.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    OptionError
        If the sheet is there already.
    DataError
        If no row has such a text.
    """
    refuse_written(path)
    there = _places(table, texts, known)
    drawn = sorted(np.random.default_rng([seed, 1]).permutation(there)[:rows].tolist())
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([*(safe_cell(name) for name in columns), LABEL_COLUMN, SHEET_COLUMN])
    cells = [table.column(name) for name in columns]
    for place in drawn:
        writer.writerow([*(_cell(column[place]) for column in cells), "", table.row_numbers[place]])
    write_aside(path, sheet.getvalue())
    return len(drawn)


def _places(table: Table, texts: Sequence[str], known: frozenset[str]) -> list[int]:
    """Give the places of the rows that may be drawn."""
    there = [place for place, text in enumerate(texts) if text.strip() and text not in known]
    if not there:
        raise DataError(
            f"No row of {table.source} has a text that does not stand in the study: there is nothing to label.",
            next_step="Give rows that are new, or name the column of the text with --text.",
        )
    return there


def refuse_written(path: Path) -> None:
    """Refuse a sheet that is there already, before any row is answered.

    Raises
    ------
    OptionError
        If it is.
    """
    if path.exists():
        raise OptionError(
            f"The sheet {path} is there already.", next_step="Name another with --write, or remove this one."
        )


def _cell(cell: str | tuple[str, ...] | None) -> str:
    import json

    return safe_cell(json.dumps(cell, ensure_ascii=False) if isinstance(cell, tuple) else cell or "")


def sheet_rows(path: Path) -> tuple[int, ...]:
    """Give the numbers of the rows that stand in a sheet.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of int

    Raises
    ------
    DataError
        If it is no sheet of an audit.
    """
    table = read_table(path)
    lacking = [name for name in (LABEL_COLUMN, SHEET_COLUMN) if name not in table.columns]
    if lacking:
        raise DataError(
            f"{path} must be a sheet that --audit wrote; it has no column {lacking[0]!r}.",
            next_step="Write one with: bakeoff watch BUNDLE FILE --audit 50",
        )
    numbers = [str(cell or "").strip() for cell in table.column(SHEET_COLUMN)]
    strange = next((number for number in numbers if not number.isdecimal()), None)
    if strange is not None:
        raise DataError(
            f"The column {SHEET_COLUMN!r} of {path} must hold row numbers; {strange!r} came.",
            next_step="Leave that column as it was written.",
        )
    return tuple(map(int, numbers))


def read_audit(path: Path, asked: Table, facts: BundleFacts) -> tuple[LabelledRows, int]:
    """Read the labels of a sheet, and hold its rows to those of the file that it was drawn from.

    Parameters
    ----------
    path : Path
    asked : Table
        The file's rows of the sheet's numbers.
    facts : BundleFacts

    Returns
    -------
    rows : (list of str, list of str)
        Texts and labels of the rows that have a label.
    left : int
        Rows without one.

    Raises
    ------
    DataError
        If the sheet is of another file, or no row is labelled.
    """
    sheet = read_table(path)
    texts = find_texts(sheet, _text_columns(facts, sheet, path), facts)(sheet)
    written = find_texts(asked, _text_columns(facts, asked, path), facts)(asked)
    known = dict(zip(asked.row_numbers, written, strict=True))
    numbers = sheet_rows(path)
    strange = next((n for n, text in zip(numbers, texts, strict=True) if not _same(known.get(n), text)), None)
    if strange is not None:
        raise DataError(
            f"Row {strange} of {path} is not row {strange} of {asked.source}: the sheet is of another file, or a text "
            "was changed.",
            next_step="Give the file that it was drawn from, and change the labels alone.",
        )
    found, left = labelled_of(sheet, texts, LABEL_COLUMN, facts)
    if not found[0]:
        raise DataError(f"No row of {path} has a label yet.", next_step=f"Fill in the column {LABEL_COLUMN!r}.")
    return found, left


def _same(one: str | None, other: str) -> bool:
    """Compare texts as spreadsheets leave them: these change line ends and blanks at the ends."""
    return one is not None and one.split() == other.split()


def _text_columns(facts: BundleFacts, table: Table, path: Path) -> tuple[str, ...]:
    """Give the columns of the sheet's texts: those of the bundle, or those that were named when it was written."""
    sheet = read_table(path) if facts.text_columns and facts.text_columns[0] not in table.columns else None
    if sheet is None:
        return facts.text_columns
    own = (LABEL_COLUMN, SHEET_COLUMN, facts.text_pair)
    return tuple(name for name in sheet.columns if name not in own)


def labelled_of(table: Table, texts: Sequence[str], label: str, facts: BundleFacts) -> tuple[LabelledRows, int]:
    """Give the rows that have a text and a label, and count those with a text alone.

    Parameters
    ----------
    table : Table
    texts : sequence of str
        Of its rows.
    label : str
        Column of the labels.
    facts : BundleFacts

    Returns
    -------
    rows : (list of str, list of str)
    left : int
    """
    told, part = rows_with_label(table, texts, label)
    left = sum(bool(text.strip()) for text in texts) - len(told)
    if not told:
        return ([], []), left
    text = tuple(name for name in facts.text_columns if name in table.columns)
    columns = find_columns(part, text=text, text_pair=facts.text_pair, label=label, kind=facts.task.kind)
    return ([texts[at] for at in told], _as_known(task_labels(part, columns, facts.task), facts)), left


def _as_known(labels: Sequence[str], facts: BundleFacts) -> list[str]:
    """Read a label that differs from one of the task by capitals and blanks alone as that label."""
    if facts.task.kind not in ("classification", "pair"):
        return list(labels)
    folded = {label.casefold(): label for label in reversed(facts.task.labels)}
    known = frozenset(facts.task.labels)
    stripped = [label.strip() for label in labels]
    return [label if label in known else folded.get(label.casefold(), label) for label in stripped]
