"""Draw rows of a file uniformly, in the memory of what is drawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bakeoff.data.row_file import RowFile, open_rows
from bakeoff.data.table import Cell, Table

__all__ = ["Drawn", "draw_rows"]

#: Rows that are read at once.
_PART_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows that were drawn.

    Parameters
    ----------
    table : Table
        In the order of the file.
    rows : int
        Of the whole file.
    wanted : Table
        The rows that were asked for by their numbers, as far as the file has them.
    """

    table: Table
    rows: int
    wanted: Table


def draw_rows(
    path: Path,
    most: int | None,
    *,
    seed: int = 0,
    wanted: Collection[int] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
) -> Drawn:
    """Draw at most so many rows of a file, every row as likely as any other.

    Parameters
    ----------
    path : Path
    most : int or None
        All rows where None.
    seed : int
    wanted : collection of int
        Row numbers that are given besides.
    encoding, delimiter, header
        As of `read_table`.

    Returns
    -------
    Drawn

    Raises
    ------
    DataError
        As `read_table` does.
    """
    file = open_rows(path, encoding=encoding, delimiter=delimiter, header=header)
    places = None
    if most is not None and most < file.rows:
        places = frozenset(np.random.default_rng(seed).choice(file.rows, most, replace=False).tolist())
    return _picked(file, places, frozenset(wanted))


def _picked(file: RowFile, places: frozenset[int] | None, wanted: frozenset[int]) -> Drawn:
    """Read a file once; keep the rows at some places (all, where None), and those of some numbers."""
    kept: list[tuple[int, tuple[Cell, ...]]] = []
    asked: list[tuple[int, tuple[Cell, ...]]] = []
    first: Table | None = None
    passed = 0
    for table in file.tables(_PART_ROWS):
        first = table if first is None else first
        for place, row in enumerate(zip(table.row_numbers, table.cells, strict=True), start=passed):
            if places is None or place in places:
                kept.append(row)
            if row[0] in wanted:
                asked.append(row)
        passed += len(table)
    assert first is not None, "a file without rows is refused where it is opened"
    return Drawn(_of_rows(first, kept), passed, _of_rows(first, asked))


def _of_rows(like: Table, rows: Collection[tuple[int, tuple[Cell, ...]]]) -> Table:
    return replace(like, cells=tuple(cells for _, cells in rows), row_numbers=tuple(number for number, _ in rows))
