"""Labels of further rows, for a task that is known: which rows have a text and a label, and what the labels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bakeoff.data import Columns, Table
from bakeoff.data.cells import divider_of, written_labels

if TYPE_CHECKING:
    from bakeoff.tasks import Task

__all__ = ["rows_with_label", "task_labels"]


def rows_with_label(table: Table, texts: Sequence[str], label: str) -> tuple[list[int], Table]:
    """Give the rows that have a text and a label.

    Parameters
    ----------
    table : Table
    texts : sequence of str
        Of its rows.
    label : str
        Column of the labels.

    Returns
    -------
    places : list of int
        Of the rows in the table.
    part : Table
        These rows alone.
    """
    place = table.columns.index(label)
    told = [at for at, row in enumerate(table.cells) if texts[at].strip() and _is_told(row[place])]
    cells, numbers = tuple(table.cells[at] for at in told), tuple(table.row_numbers[at] for at in told)
    return told, replace(table, cells=cells, row_numbers=numbers)


def task_labels(table: Table, columns: Columns, task: Task) -> list[str]:
    """Write the labels of a table as those of a task.

    Several labels in one cell of text are divided as the rows of a study are, but a cell that is a label of the task as
    it stands is that one label, whatever signs are in it.

    Parameters
    ----------
    table : Table
    columns : Columns
        With a label.
    task : Task

    Returns
    -------
    list of str, length rows
        Empty where a row has no label; see `bakeoff.data.forms`.

    Raises
    ------
    DataError
        If a label is none of the kind.
    """
    if task.kind != "multi-label":
        return written_labels(table, columns, task.kind)
    known, place = frozenset(task.labels), table.columns.index(str(columns.label))
    cells = []
    for row in table.cells:
        own = row[place]
        # A list is not looked through for a divider, and not divided.
        whole = (own.strip(),) if isinstance(own, str) and own.strip() in known else own
        cells.append((*row[:place], whole, *row[place + 1 :]))
    table = replace(table, cells=tuple(cells))
    return written_labels(table, columns, task.kind, divider_of((table,), columns))


def _is_told(cell: str | tuple[str, ...] | None) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else bool(cell)
