"""Read .parquet and .xlsx files, every cell as text."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bakeoff.data.check import Check
from bakeoff.data.json_rows import cell_of
from bakeoff.data.swelling import refuse_swelling_sheet, refuse_swelling_table, refuse_swelling_texts
from bakeoff.data.table import Cell, Record, Table, name_columns
from bakeoff.errors import DataError

__all__ = ["check_parquet", "plain_rows", "read_excel", "read_parquet", "readable", "text_bytes"]

#: What the program does that may end: it reads a file as it will be read here, whole or so many rows at once.
_TRY_WHOLE = "import polars, sys; polars.read_parquet(sys.argv[1])"
_TRY_PARTS = """
import polars, sys
scanned, most = polars.scan_parquet(sys.argv[1]), int(sys.argv[2])
for start in range(0, scanned.select(polars.len()).collect().item(), most):
    scanned.slice(start, most).collect()
"""


def read_parquet(path: Path) -> Table:
    """Read a parquet file; row numbers are positions from 1.

    Raises
    ------
    DataError
        If it is no parquet file, or holds no rows.
    """
    import polars

    check_parquet(path)
    with readable(path, "a parquet file", polars.exceptions.PolarsError):
        frame = polars.read_parquet(path)
    if not frame.height or not frame.width:
        raise DataError(f"{path} holds no rows.", next_step="Check the path, or export it again.")
    return Table(str(path), tuple(frame.columns), plain_rows(frame), tuple(range(1, frame.height + 1)))


def check_parquet(path: Path, at_once: int | None = None) -> None:
    """Refuse a parquet file that fills the memory, or ends the program, where it is read.

    Parameters
    ----------
    path : Path
    at_once : int, optional
        Rows that will be read at once; without it the whole file.

    Raises
    ------
    DataError
        Also if it is no parquet file.
    """
    import polars

    in_parts = at_once is not None
    with readable(path, "a parquet file", polars.exceptions.PolarsError):
        scanned = polars.scan_parquet(path)
        rows, columns = scanned.select(polars.len()).collect().item(), len(scanned.collect_schema())
        refuse_swelling_table(path, rows, columns, in_parts=in_parts)
        _refuse_fatal(path, at_once)
        refuse_swelling_texts(path, text_bytes(scanned), in_parts=in_parts)


def text_bytes(frame: Any) -> int:
    """Count the bytes of all texts of a polars frame, read or only scanned, each as often as it comes."""
    import polars

    # A sum stays of the type of what is added, of 32 bits here, and begins anew behind the largest.
    counts = frame.lazy().select(polars.selectors.string().str.len_bytes().cast(polars.UInt64).sum())
    return int(sum(count or 0 for row in counts.collect(engine="streaming").iter_rows() for count in row))


def plain_rows(frame: Any) -> tuple[tuple[Cell, ...], ...]:
    """Give the rows of a polars frame as cells of text."""
    return tuple(tuple(_plain(value) for value in row) for row in frame.iter_rows())


def read_excel(path: Path, *, header: bool) -> Table:
    """Read the first sheet of an Excel workbook; row numbers are those of the sheet.

    Rows without any value are skipped: a sheet often has formatted empty rows at its end.

    Raises
    ------
    DataError
        If it is no workbook, or its first sheet is empty, and for the faults of `name_columns`.
    """
    import fastexcel

    refuse_swelling_sheet(path)
    with readable(path, "an Excel workbook", fastexcel.FastExcelError):
        workbook = fastexcel.read_excel(str(path))
        sheet = workbook.load_sheet(0, header_row=None, skip_rows=0, dtypes="string")
        rows = sheet.to_polars().rows()
    records: list[Record] = [
        (number, tuple(_plain(value) for value in row))
        for number, row in enumerate(rows, start=1)
        if any(value is not None and str(value).strip() for value in row)
    ]
    if not records:
        raise DataError(
            f"The first sheet of {path} is empty: a header and rows are needed.",
            next_step="Move the rows to the first sheet.",
        )
    notes: tuple[Check, ...] = ()
    if len(workbook.sheet_names) > 1:
        names = ", ".join(workbook.sheet_names)
        notes = (Check("sheets", "WARN", f"Only the first of {len(workbook.sheet_names)} sheets was read: {names}."),)
    return name_columns(records, source=str(path), header=header, notes=notes)


def _plain(value: Any) -> Cell:
    if isinstance(value, float) and math.isnan(value):
        return None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return cell_of(value)


def _refuse_fatal(path: Path, at_once: int | None) -> None:
    """Refuse a file that ends the program which reads it, as found by one that may end.

    Where a damaged parquet file asks for more memory than there is, its reader ends the process at once: no exception,
    no message, and with it an app that others use. A try costs half a second and a second reading.
    """
    arguments = [_TRY_WHOLE, str(path)] if at_once is None else [_TRY_PARTS, str(path), str(at_once)]
    # With -P, a `polars.py` that lies in the working directory is not what is imported.
    tried = subprocess.run(
        [sys.executable, "-P", "-c", *arguments], check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    if tried.returncode < 0:  # by a signal; what it can tell is told when it is read here
        raise DataError(
            f"{path} cannot be read as a parquet file: it is damaged, and ends the program that reads it.",
            next_step="Export it again, or as .csv.",
        )


@contextmanager
def readable(path: Path, kind: str, *faults: type[Exception]) -> Iterator[None]:
    """Tell what a reader cannot read in a sentence, its panics included."""
    expected: tuple[type[Exception], ...] = (*faults, OSError)
    try:
        yield
    except expected as error:
        raise _unreadable(path, kind, error) from error
    except BaseException as error:
        # A reader in Rust that meets what nobody foresaw panics, which is no Exception in Python.
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(path, kind, error) from error


def _unreadable(path: Path, kind: str, error: BaseException) -> DataError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return DataError(
        f"{path} cannot be read as {kind}: {reason}.",
        next_step="The file may be cut short or have the wrong extension: export it again.",
    )
