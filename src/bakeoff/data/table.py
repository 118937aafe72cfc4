"""A table of text cells, as every reader gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.data.check import Check, counted, first_rows
from bakeoff.errors import DataError

__all__ = ["Cell", "Record", "Table", "name_columns"]

Cell = str | tuple[str, ...] | None
Record = tuple[int, tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of one file, as text.

    Parameters
    ----------
    source : str
        Where they came from: a path, or a name of a data set.
    columns : tuple of str
        Column names, all different.
    cells : tuple of tuples
        One tuple a row, as long as `columns`. A cell is text, a tuple of texts (a list in JSON or parquet), or
        None (nothing there). Numbers are kept as they were written; what was no text in JSON is a `JsonText`.
    row_numbers : tuple of int
        The line on which each row starts in the file, from 1; a header is a line too. For Excel the sheet's row,
        for parquet and hub data sets the position of the row.
    notes : tuple of Check
        What was noticed while reading.
    named : bool
        False where the columns were given numbers as names (``--no-header``, or one text a line).
    """

    source: str
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    row_numbers: tuple[int, ...]
    notes: tuple[Check, ...] = ()
    named: bool = True

    def __len__(self) -> int:
        return len(self.cells)

    def column(self, name: str) -> tuple[Cell, ...]:
        """Give the cells of one column, from top to bottom."""
        position = self.columns.index(name)
        return tuple(row[position] for row in self.cells)


def name_columns(
    records: Sequence[Record], *, source: str, header: bool, notes: Sequence[Check] = (), hint: str = ""
) -> Table:
    """Make a table of records whose first one is the header.

    Parameters
    ----------
    records : sequence of (row number, cells)
        At least one record.
    source : str
        Name of the file, for messages.
    header : bool
        Whether the first record holds the column names; else columns are named ``"1"``, ``"2"``, ...
    notes : sequence of Check
        What the reader noticed.
    hint : str
        Next step for a row with too many fields.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        For a header without rows, two columns of one name, and a row with more fields than the header.
    """
    rows = list(records[1:] if header else records)
    if not rows:
        raise DataError(
            f"{source} has column names and no rows: at least one row of data is needed.",
            next_step="Add rows, or give --no-header if its only line is a row.",
        )
    if header:
        names = [str(cell or "").strip() for cell in records[0][1]]
        while names and not names[-1] and _is_bare(rows, len(names) - 1):
            names.pop()
        names = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    else:
        names = [str(position) for position in range(1, len(records[0][1]) + 1)]
    _refuse_same_names(names, source, records[0][0])
    cells, short = _fit_rows(rows, len(names), source, hint)
    if short:
        rows_short = f"{counted(len(short), 'row')} had fewer fields than there are columns ({first_rows(short)})"
        notes = (*notes, Check("row width", "WARN", f"{rows_short}; filled with nothing."))
    return Table(source, tuple(names), tuple(cells), tuple(number for number, _ in rows), tuple(notes), header)


def _is_bare(rows: Sequence[Record], position: int) -> bool:
    """Say whether no row has anything at a position or after it: spreadsheets save such columns."""
    return not any(any(row[position:]) for _, row in rows)


def _refuse_same_names(names: Sequence[str], source: str, row: int) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"The column names in row {row} of {source} must differ from each other: {twice[0]!r} comes "
            f"{list(names).count(twice[0])} times.",
            next_step="Rename one of them, or give --no-header if the first row is a row of data.",
        )


def _fit_rows(rows: Sequence[Record], width: int, source: str, hint: str) -> tuple[list[tuple[Cell, ...]], list[int]]:
    """Pad short rows and refuse long ones; fields beyond the header are let go where they are empty."""
    cells: list[tuple[Cell, ...]] = []
    short: list[int] = []
    for number, row in rows:
        if len(row) > width and any(row[width:]):
            raise DataError(
                f"Row {number} of {source} has {len(row)} fields, and the first row has {width}.",
                next_step=hint or "Give every row the same number of cells.",
            )
        if len(row) < width:
            short.append(number)
        cells.append(row if len(row) == width else (*row[:width], *(None,) * (width - len(row))))
    return cells, short
