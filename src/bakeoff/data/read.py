"""Read one file of rows, whatever its format."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from bakeoff.data.columnar import read_excel, read_parquet
from bakeoff.data.delimited import read_delimited, read_lines
from bakeoff.data.json_rows import read_json, read_json_lines
from bakeoff.data.sniff import decode, find_delimiter, refuse_nul
from bakeoff.data.spreadsheet import plain_sheet
from bakeoff.data.table import Table
from bakeoff.errors import DataError

__all__ = ["EXTENSIONS", "missing_file", "read_table", "read_text_file", "without_nul"]

#: A byte order mark, blanks and line ends alone are nothing.
_FILLED = re.compile("[^\ufeff \t\r\n]")

EXTENSIONS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx")


def read_table(
    path: str | Path, *, encoding: str | None = None, delimiter: str | None = None, header: bool = True
) -> Table:
    """Read a file of rows, every cell as text.

    Parameters
    ----------
    path : str or Path
        A .csv, .tsv, .txt, .jsonl, .ndjson, .json, .parquet or .xlsx file.
    encoding : str, optional
        Encoding of a text file. Without it: UTF-8 with or without a byte order mark, or UTF-16 with one.
    delimiter : str, optional
        Of a .csv, .tsv or .txt file. Without it a comma, semicolon, tab or pipe is found.
    header : bool
        Whether the first row of a .csv, .tsv, .txt or .xlsx file holds the column names. Without a header the
        columns are named ``"1"``, ``"2"``, ...

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file is missing, a folder, empty, of an unknown kind, in another encoding, or broken. Where one row is
        at fault, the message names it.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if not file.exists():
        raise missing_file(file)
    if file.is_dir():
        raise DataError(f"{file} is a folder, and a file is needed here.", next_step="Name one of the files in it.")
    if suffix not in EXTENSIONS:
        raise DataError(
            f"A file of rows must end in one of {', '.join(EXTENSIONS)}; got {file.name!r}.",
            next_step="Rename or convert it.",
        )
    if suffix == ".parquet":
        table = read_parquet(file)
    elif suffix == ".xlsx":
        table = read_excel(file, header=header)
    else:
        table = _read_text(file, suffix, encoding, delimiter, header)
    return plain_sheet(without_nul(table))


def read_text_file(path: Path, what: str) -> str:
    """Read a small text file that the user named.

    Parameters
    ----------
    path : Path
    what : str
        What it must be, such as ``"a file of costs"``.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If it is missing, a folder, or no text.
    """
    if not path.is_file():
        if path.exists():
            raise DataError(f"{path} is a folder, and {what} is needed.", next_step="Name a file.")
        raise missing_file(path)
    text = decode(path.read_bytes(), source=str(path))
    refuse_nul(text, str(path))
    return text


def missing_file(path: Path, also: tuple[str, ...] = ()) -> DataError:
    """Make the error for a path that is not there, with the names that are near it.

    Parameters
    ----------
    path : Path
        What was asked for.
    also : tuple of str
        Other names that would have been understood, such as those of data sets.

    Returns
    -------
    DataError
    """
    folder = path.parent
    there = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, there, n=3)
    found = [str(folder / name) for name in near] + difflib.get_close_matches(str(path), also, n=1)
    if not folder.is_dir():
        what = f"There is no folder {folder}, so {path.name} cannot be read from it."
    else:
        what = f"There is no file or folder {path}."
    if found:
        return DataError(what, next_step=f"Did you mean {' or '.join(found)}?")
    known = f", or name a data set: {', '.join(also)}" if also else ""
    return DataError(what, next_step=f"Check the path{known}.")


def _read_text(file: Path, suffix: str, encoding: str | None, delimiter: str | None, header: bool) -> Table:
    source = str(file)
    try:
        text = decode(file.read_bytes(), source=source, encoding=encoding)
    except OSError as error:
        raise DataError(f"{source} cannot be opened: {error.strerror}.", next_step="Check its permissions.") from error
    if not _FILLED.search(text):
        raise DataError(f"{source} is empty: rows of data are needed.", next_step="Check the path.")
    refuse_nul(text, source)
    if suffix in (".jsonl", ".ndjson"):
        return read_json_lines(text, source)
    if suffix == ".json":
        return read_json(text, source)
    if suffix == ".txt" and delimiter is None and find_delimiter(text, 1.0) is None:
        return read_lines(text, source)
    return read_delimited(text, source=source, delimiter=delimiter, header=header, suffix=suffix)


def without_nul(table: Table) -> Table:
    """Refuse NUL characters that came in by an escape or a binary file; later stages cannot store them."""
    for number, row in zip(table.row_numbers, table.cells, strict=True):
        for cell in row:
            # In a text this looks for the character, and in a list of texts for one in any of them.
            if cell and ("\0" in cell if isinstance(cell, str) else any("\0" in part for part in cell)):
                raise DataError(
                    f"Row {number} of {table.source} holds a NUL character, which text must not.",
                    next_step="Remove it, or export the file again.",
                )
    return table
