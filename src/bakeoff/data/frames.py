"""Read rows out of tables in memory: of pandas, polars, pyarrow and their like, and data sets of Hugging Face.

Tables are read through narwhals, which speaks to each by its own functions: nothing of them is imported here, and a
table of pandas needs no pyarrow beside it, which the exchange of Arrow would ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.data.hub import table_of_dataset
from bakeoff.data.json_rows import cell_of
from bakeoff.data.table import Cell, Table
from bakeoff.errors import DataError

__all__ = ["is_in_memory", "opened_frame", "source_name", "table_of_frame", "tables_in_memory"]


def is_in_memory(source: object) -> bool:
    """Say whether a source of rows is not a path or a name, but holds the rows itself."""
    return not isinstance(source, (str, Path))


def source_name(source: Any) -> str:
    """Name a source of rows for people: a path or a name as it is, a table by its type."""
    return type(source).__name__ if is_in_memory(source) else str(source)


def tables_in_memory(source: Any) -> list[tuple[str, Table]]:
    """Read a table, or a mapping of splits to tables, such as a ``DatasetDict``.

    Parameters
    ----------
    source : DataFrame, Dataset or mapping of str to these

    Returns
    -------
    list of (str, Table)
        One split named ``all`` for a single table.

    Raises
    ------
    DataError
        If it is something else, or has no rows.
    """
    if not isinstance(source, Mapping):
        return [("all", table_of_frame(source, source_name(source)))]
    if not source:
        raise DataError("A mapping of splits to tables must have one at least; none came.", next_step="Give the rows.")
    return [(str(split), table_of_frame(part, f"{source_name(part)} ({split})")) for split, part in source.items()]


def table_of_frame(frame: Any, name: str) -> Table:
    """Read one table in memory; row numbers are positions from 1.

    Parameters
    ----------
    frame : DataFrame or Dataset
    name : str
        For messages.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If it is no table, has no rows, or two columns of one name.
    """
    if hasattr(frame, "features") and hasattr(frame, "column_names"):
        return table_of_dataset(name, frame)
    opened = opened_frame(frame)
    columns = tuple(map(str, opened.columns))
    if not len(opened) or not columns:
        raise DataError(f"{name} holds no rows.", next_step="Give a table with rows and named columns.")
    cells = zip(*(_cells(opened[column]) for column in opened.columns), strict=True)
    return Table(name, columns, tuple(cells), tuple(range(1, len(opened) + 1)))


def opened_frame(frame: Any) -> Any:
    """Give a table as narwhals' own, which reads and adds columns the same way for all.

    Raises
    ------
    DataError
        If it is none.
    """
    import narwhals

    try:
        opened: Any = narwhals.from_native(frame)
        return opened.collect() if isinstance(opened, narwhals.LazyFrame) else opened
    except (TypeError, ValueError, narwhals.exceptions.NarwhalsError) as error:
        raise DataError(
            f"Rows come as a path, a name, a table of pandas, polars or pyarrow, or a Dataset; a "
            f"{type(frame).__name__} came: {str(error).strip().splitlines()[0].rstrip('.')}.",
            next_step="Make a table of it, one row a text, with names for its columns.",
        ) from error


def _cells(column: Any) -> list[Cell]:
    empty = column.is_null().to_list()
    return [None if bare else _cell(value) for value, bare in zip(column.to_list(), empty, strict=True)]


def _cell(value: Any) -> Cell:
    if isinstance(value, float) and value != value:
        return None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if hasattr(value, "tolist"):
        value = value.tolist()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else cell_of(value)
